//===- UnicodeForms.cpp - Unicode normalization ---------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/tokenizer/UnicodeForms.h"

#include "runtime/base/Utf8.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <tuple>
#include <vector>

namespace plait {

namespace {

struct CodePointRange {
  char32_t first, last;
};

// The marks and the decomposable characters that are newer than Unicode 9, up to
// Unicode 15.
constexpr CodePointRange newerCharacters[] = {
    {0x7FD, 0x7FD},     {0x898, 0x89F},     {0x8CA, 0x8D3},     {0x9FE, 0x9FE},     {0xAFA, 0xAFF},
    {0xB55, 0xB55},     {0xC04, 0xC04},     {0xC3C, 0xC3C},     {0xCF3, 0xCF3},     {0xD00, 0xD00},
    {0xD3B, 0xD3C},     {0xD81, 0xD81},     {0xEBA, 0xEBA},     {0xECE, 0xECE},     {0x1715, 0x1715},
    {0x180F, 0x180F},   {0x1ABF, 0x1ACE},   {0x1CF7, 0x1CF7},   {0x1DF6, 0x1DFA},   {0x32FF, 0x32FF},
    {0xA7F2, 0xA7F4},   {0xA82C, 0xA82C},   {0xA8FF, 0xA8FF},   {0xAB69, 0xAB69},   {0x10781, 0x10785},
    {0x10787, 0x107B0}, {0x107B2, 0x107BA}, {0x10D24, 0x10D27}, {0x10EAB, 0x10EAC}, {0x10EFD, 0x10EFF},
    {0x10F46, 0x10F50}, {0x10F82, 0x10F85}, {0x11070, 0x11070}, {0x11073, 0x11074}, {0x110C2, 0x110C2},
    {0x11145, 0x11146}, {0x111C9, 0x111C9}, {0x111CE, 0x111CF}, {0x11241, 0x11241}, {0x1133B, 0x1133B},
    {0x1145E, 0x1145E}, {0x1182C, 0x1183A}, {0x11930, 0x11935}, {0x11937, 0x11938}, {0x1193B, 0x1193E},
    {0x11940, 0x11940}, {0x11942, 0x11943}, {0x119D1, 0x119D7}, {0x119DA, 0x119E0}, {0x119E4, 0x119E4},
    {0x11A01, 0x11A0A}, {0x11A33, 0x11A39}, {0x11A3B, 0x11A3E}, {0x11A47, 0x11A47}, {0x11A51, 0x11A5B},
    {0x11A8A, 0x11A99}, {0x11D31, 0x11D36}, {0x11D3A, 0x11D3A}, {0x11D3C, 0x11D3D}, {0x11D3F, 0x11D45},
    {0x11D47, 0x11D47}, {0x11D8A, 0x11D8E}, {0x11D90, 0x11D91}, {0x11D93, 0x11D97}, {0x11EF3, 0x11EF6},
    {0x11F00, 0x11F01}, {0x11F03, 0x11F03}, {0x11F34, 0x11F3A}, {0x11F3E, 0x11F42}, {0x13440, 0x13440},
    {0x13447, 0x13455}, {0x16F4F, 0x16F4F}, {0x16F7F, 0x16F87}, {0x16FE4, 0x16FE4}, {0x16FF0, 0x16FF1},
    {0x1CF00, 0x1CF2D}, {0x1CF30, 0x1CF46}, {0x1E030, 0x1E06D}, {0x1E08F, 0x1E08F}, {0x1E130, 0x1E136},
    {0x1E2AE, 0x1E2AE}, {0x1E2EC, 0x1E2EF}, {0x1E4EC, 0x1E4EF}, {0x1F16C, 0x1F16C}, {0x1FBF0, 0x1FBF9}};

bool isNewer(char32_t c) {
  const auto *range = std::lower_bound(std::begin(newerCharacters), std::end(newerCharacters), c,
                                       [](const CodePointRange &r, char32_t value) { return r.last < value; });
  return range != std::end(newerCharacters) && range->first <= c;
}

bool isAscii(char c) { return (c & 0x80) == 0; }

/// U+1CF2 and U+1CF3 were marks in Unicode 9.
bool wasMark(char32_t c) { return c == 0x1CF2 || c == 0x1CF3; }

uint16_t combiningClass(char32_t c) {
  return isNewer(c) ? uint16_t(0)
                    : static_cast<uint16_t>(utf8proc_get_property(static_cast<utf8proc_int32_t>(c))->combining_class);
}

/// The character that `first` and `second` compose to, or 0.
char32_t composed(char32_t first, char32_t second) {
  if (isNewer(first) || isNewer(second))
    return 0;
  constexpr auto options = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE);
  utf8proc_int32_t pair[] = {static_cast<utf8proc_int32_t>(first), static_cast<utf8proc_int32_t>(second), 0};
  return utf8proc_normalize_utf32(pair, 2, options) == 1 ? static_cast<char32_t>(pair[0]) : 0;
}

/// Normalizes stretches of text with buffers that they share.
class FormBuilder {
public:
  explicit FormBuilder(UnicodeForm form)
      : compose(form == UnicodeForm::nfc || form == UnicodeForm::nfkc),
        compatible(form == UnicodeForm::nfkc || form == UnicodeForm::nfkd) {}

  struct Character {
    char32_t value;
    uint16_t combining;
    int32_t consumed; ///< characters of the text that it stands for: the first of
                      ///< a decomposition stands for the whole
    size_t position;  ///< before marks are ordered
  };

  /// The form of `text`, which begins with a character that does not combine
  /// with what is before it, or at the very beginning.
  Expected<const std::vector<Character> *> build(std::string_view text) {
    characters.clear();
    PLAIT_RETURN_IF_ERROR(decompose(text));
    orderMarks();
    if (compose)
      composeMarks();
    return &characters;
  }

private:
  Status decompose(std::string_view text) {
    auto options =
        static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | (compatible ? int(UTF8PROC_COMPAT) : 0));
    for (size_t i = 0; i < text.size();) {
      Utf8Step step = decodeUtf8(text, i);
      i += step.length;
      if (step.value < 0x80 || isNewer(step.value)) {
        characters.push_back({step.value, 0, 1, characters.size()});
        continue;
      }
      utf8proc_int32_t parts[32];
      int boundClass = 0;
      utf8proc_ssize_t count =
          utf8proc_decompose_char(static_cast<utf8proc_int32_t>(step.value), parts, 32, options, &boundClass);
      if (count < 0 || count > 32)
        return resourceError(std::string("normalizer: found ") +
                             utf8proc_errmsg(count < 0 ? count : UTF8PROC_ERROR_OVERFLOW) +
                             "; expected normalizable text");
      for (utf8proc_ssize_t part = 0; part < count; ++part) {
        char32_t value = static_cast<char32_t>(parts[part]);
        characters.push_back({value, combiningClass(value), part == 0, characters.size()});
      }
    }
    return Status::success();
  }

  /// Sorts each run of marks by combining class, keeping the order within one.
  void orderMarks() {
    auto isMark = [](const Character &c) { return c.combining != 0; };
    for (auto begin = characters.begin(); begin != characters.end();) {
      begin = std::find_if(begin, characters.end(), isMark);
      auto end = std::find_if_not(begin, characters.end(), isMark);
      std::sort(begin, end, [](const Character &a, const Character &b) {
        return std::tie(a.combining, a.position) < std::tie(b.combining, b.position);
      });
      begin = end;
    }
  }

  void composeMarks() {
    constexpr size_t none = SIZE_MAX;
    size_t starter = none, size = 0;
    for (const Character c : characters) {
      // A character is blocked from the last starter by one of its own class or
      // above, or by another starter, in between.
      bool adjacent = starter + 1 == size;
      if (starter != none && (adjacent || characters[size - 1].combining < c.combining)) {
        if (char32_t whole = composed(characters[starter].value, c.value)) {
          characters[starter].value = whole;
          characters[starter].consumed += c.consumed;
          continue;
        }
      }
      if (c.combining == 0)
        starter = size;
      characters[size++] = c;
    }
    characters.resize(size);
  }

  bool compose, compatible;
  std::vector<Character> characters;
};

} // namespace

Expected<std::string> toUnicodeForm(std::string_view text, UnicodeForm form) {
  std::string result;
  result.reserve(text.size());
  FormBuilder builder(form);
  // An ASCII character never changes what is before it, and only the last one of
  // a run can take part in what follows.
  size_t done = 0;
  while (done < text.size()) {
    const char *other = std::find_if_not(text.begin() + done, text.end(), isAscii);
    size_t begin = static_cast<size_t>(other - text.begin());
    if (begin > done && begin < text.size())
      --begin;
    result += text.substr(done, begin - done);
    const char *end = std::find_if(other, text.end(), isAscii);
    done = static_cast<size_t>(end - text.begin());
    PLAIT_ASSIGN_OR_RETURN(const auto *characters, builder.build(text.substr(begin, done - begin)));
    for (const auto &c : *characters)
      appendUtf8(result, c.value);
  }
  return result;
}

Expected<size_t> formedPrefix(std::string_view text, size_t prefix, UnicodeForm form) {
  // What comes after the next ASCII character has no part in it.
  const char *end = std::find_if(text.begin() + prefix, text.end(), isAscii);
  FormBuilder builder(form);
  PLAIT_ASSIGN_OR_RETURN(const auto *characters,
                         builder.build(text.substr(0, static_cast<size_t>(end - text.begin()))));
  int64_t left = 0; // characters of the prefix that nothing stands for yet
  for (size_t i = 0; i < prefix; i += decodeUtf8(text, i).length)
    ++left;
  std::string formed;
  for (const auto &c : *characters) {
    if (c.consumed > 0 ? left <= 0 : left < 0)
      break;
    appendUtf8(formed, c.value);
    left -= c.consumed;
  }
  return formed.size();
}

bool isUnicodeMark(char32_t c) {
  if (c < 0x300 || isNewer(c))
    return false;
  utf8proc_category_t category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  return category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_MC || category == UTF8PROC_CATEGORY_ME ||
         wasMark(c);
}

void appendLowercase(std::string &text, char32_t c) {
  appendUtf8(text, static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c == 0x130 ? 'i' : c))));
  if (c == 0x130) // the one character whose lower case is two
    appendUtf8(text, 0x307);
}

} // namespace plait
