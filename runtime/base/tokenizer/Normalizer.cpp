//===- Normalizer.cpp - What happens to text first ------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/tokenizer/Normalizer.h"

#include "runtime/base/Utf8.h"
#include "runtime/base/tokenizer/ByteLevel.h"
#include "runtime/base/tokenizer/CharsMap.h"
#include "runtime/base/tokenizer/Component.h"
#include "runtime/base/tokenizer/TextPiece.h"
#include "runtime/base/tokenizer/TokenizerRegex.h"
#include "runtime/base/tokenizer/UnicodeForms.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace plait {

namespace {

template <typename T, typename... Args> Expected<NormalizerPtr> make(Args &&...args) {
  return NormalizerPtr(std::make_unique<T>(std::forward<Args>(args)...));
}

class Sequence : public Normalizer {
public:
  explicit Sequence(std::vector<NormalizerPtr> normalizers) : normalizers(std::move(normalizers)) {}
  Status normalize(NormalizedText &text) const override {
    for (const NormalizerPtr &normalizer : normalizers)
      PLAIT_RETURN_IF_ERROR(normalizer->normalize(text));
    return Status::success();
  }

private:
  std::vector<NormalizerPtr> normalizers;
};

class Form : public Normalizer {
public:
  explicit Form(UnicodeForm form) : form(form) {}
  Status normalize(NormalizedText &text) const override {
    if (text.promptStart != 0) {
      PLAIT_ASSIGN_OR_RETURN(text.promptStart, formedPrefix(text.text, text.promptStart, form));
    }
    PLAIT_ASSIGN_OR_RETURN(text.text, toUnicodeForm(text.text, form));
    return Status::success();
  }

private:
  UnicodeForm form;
};

/// Maps each character on its own, to any number of characters.
class CharacterMap : public Normalizer {
public:
  using Append = void (*)(std::string &text, char32_t c);
  explicit CharacterMap(Append append) : append(append) {}
  Status normalize(NormalizedText &text) const override {
    std::string result;
    result.reserve(text.text.size());
    size_t promptStart = 0;
    for (size_t i = 0; i < text.text.size();) {
      Utf8Step step = decodeUtf8(text.text, i);
      append(result, step.value);
      i += step.length;
      if (i <= text.promptStart)
        promptStart = result.size();
    }
    text = {std::move(result), promptStart};
    return Status::success();
  }

private:
  Append append;
};

void appendUnlessMark(std::string &text, char32_t c) {
  if (!isUnicodeMark(c))
    appendUtf8(text, c);
}

/// What SentencePiece's "nmt" rules do to control characters and odd spaces.
void appendNmt(std::string &text, char32_t c) {
  if ((c >= 0x1 && c <= 0x8) || c == 0xB || (c >= 0xE && c <= 0x1F) || c == 0x7F || c == 0x8F || c == 0x9F)
    return;
  bool space = c == 0x9 || c == 0xA || c == 0xC || c == 0xD || c == 0x1680 || (c >= 0x200B && c <= 0x200F) ||
               c == 0x2028 || c == 0x2029 || c == 0x2581 || c == 0xFEFF || c == 0xFFFD;
  appendUtf8(text, space ? U' ' : c);
}

void appendByteLevelCharacter(std::string &text, char32_t c) {
  std::string bytes;
  appendUtf8(bytes, c);
  appendByteLevel(text, bytes);
}

class Prepend : public Normalizer {
public:
  explicit Prepend(std::string prefix) : prefix(std::move(prefix)) {}
  Status normalize(NormalizedText &text) const override {
    if (text.text.empty())
      return Status::success();
    text.text.insert(0, prefix);
    if (text.promptStart != 0)
      text.promptStart += prefix.size();
    return Status::success();
  }

private:
  std::string prefix;
};

class Strip : public Normalizer {
public:
  Strip(bool left, bool right) : left(left), right(right) {}
  Status normalize(NormalizedText &text) const override {
    std::string &s = text.text;
    size_t begin = 0, end = s.size();
    while (left && begin < end) {
      Utf8Step step = decodeUtf8(s, begin);
      if (!isUnicodeSpace(step.value))
        break;
      begin += step.length;
    }
    while (right && begin < end) {
      size_t last = lastUtf8Start(std::string_view(s).substr(0, end));
      if (!isUnicodeSpace(decodeUtf8(s, last).value))
        break;
      end = last;
    }
    s.resize(end);
    s.erase(0, begin);
    text.promptStart = std::min(text.promptStart - std::min(begin, text.promptStart), s.size());
    return Status::success();
  }

private:
  bool left, right;
};

class Replace : public Normalizer {
public:
  Replace(TokenizerRegex pattern, std::string content) : pattern(std::move(pattern)), content(std::move(content)) {}
  Status normalize(NormalizedText &text) const override {
    if (text.text.empty())
      return Status::success();
    TokenizerRegex::Matches matches;
    PLAIT_RETURN_IF_ERROR(pattern.findAll(text.text, matches));
    if (matches.found.empty())
      return Status::success();
    size_t size = text.text.size();
    for (auto [begin, end] : matches.found)
      size += content.size() - (end - begin);
    if (size > maxTextBytes)
      return invalidArgument("encode: found a text that Replace makes " + std::to_string(size) +
                             " bytes of; expected at most " + std::to_string(maxTextBytes));
    std::string result;
    result.reserve(size);
    size_t done = 0, promptStart = 0;
    auto keepUntil = [&](size_t end) {
      result.append(text.text, done, end - done);
      promptStart += std::min(end, text.promptStart) - std::min(done, text.promptStart);
      done = end;
    };
    for (auto [begin, end] : matches.found) {
      keepUntil(begin);
      result += content;
      // The content counts for the last of the bytes that it replaces.
      if (text.promptStart != 0 && end <= text.promptStart)
        promptStart += content.size();
      done = end;
    }
    keepUntil(text.text.size());
    text = {std::move(result), promptStart};
    return Status::success();
  }

private:
  TokenizerRegex pattern;
  std::string content;
};

class Precompiled : public Normalizer {
public:
  explicit Precompiled(CharsMap map) : map(std::move(map)) {}
  Status normalize(NormalizedText &text) const override {
    std::string result = map.apply(text.text);
    // The first character that is left counts for the first that was there.
    if (text.promptStart != 0) {
      size_t start = map.apply(std::string_view(text.text).substr(0, text.promptStart)).size();
      text.promptStart = std::min(std::max<size_t>(start, 1), result.size());
    }
    text.text = std::move(result);
    return Status::success();
  }

private:
  CharsMap map;
};

Expected<NormalizerPtr> readPrepend(const JsonView &view, unsigned) {
  PLAIT_ASSIGN_OR_RETURN(std::string prefix, view.getString("prepend"));
  return make<Prepend>(std::move(prefix));
}

Expected<NormalizerPtr> readStrip(const JsonView &view, unsigned) {
  PLAIT_ASSIGN_OR_RETURN(bool left, view.getBool("strip_left", true));
  PLAIT_ASSIGN_OR_RETURN(bool right, view.getBool("strip_right", true));
  return make<Strip>(left, right);
}

Expected<NormalizerPtr> readReplace(const JsonView &view, unsigned) {
  PLAIT_ASSIGN_OR_RETURN(JsonView patternView, view.get("pattern"));
  PLAIT_ASSIGN_OR_RETURN(TokenizerRegex pattern, TokenizerRegex::fromJson(patternView));
  PLAIT_ASSIGN_OR_RETURN(std::string content, view.getString("content"));
  return make<Replace>(std::move(pattern), std::move(content));
}

Expected<NormalizerPtr> readPrecompiled(const JsonView &view, unsigned) {
  PLAIT_ASSIGN_OR_RETURN(JsonView mapView, view.get("precompiled_charsmap"));
  PLAIT_ASSIGN_OR_RETURN(std::string base64, mapView.asString());
  auto map = CharsMap::fromBase64(base64);
  if (!map)
    return map.status().withContext(mapView.where());
  return make<Precompiled>(map.take());
}

template <UnicodeForm form> Expected<NormalizerPtr> readForm(const JsonView &, unsigned) { return make<Form>(form); }

template <CharacterMap::Append append> Expected<NormalizerPtr> readCharacterMap(const JsonView &, unsigned) {
  return make<CharacterMap>(append);
}

Expected<NormalizerPtr> readSequence(const JsonView &view, unsigned depth);

constexpr ComponentType<NormalizerPtr> normalizerTypes[] = {
    {"ByteLevel", readCharacterMap<appendByteLevelCharacter>},
    {"Lowercase", readCharacterMap<appendLowercase>},
    {"NFC", readForm<UnicodeForm::nfc>},
    {"NFD", readForm<UnicodeForm::nfd>},
    {"NFKC", readForm<UnicodeForm::nfkc>},
    {"NFKD", readForm<UnicodeForm::nfkd>},
    {"Nmt", readCharacterMap<appendNmt>},
    {"Precompiled", readPrecompiled},
    {"Prepend", readPrepend},
    {"Replace", readReplace},
    {"Sequence", readSequence},
    {"Strip", readStrip},
    {"StripAccents", readCharacterMap<appendUnlessMark>},
};

Expected<NormalizerPtr> readSequence(const JsonView &view, unsigned depth) {
  PLAIT_ASSIGN_OR_RETURN(std::vector<NormalizerPtr> normalizers,
                         readComponents(view, "normalizers", normalizerTypes, depth));
  return make<Sequence>(std::move(normalizers));
}

} // namespace

Expected<NormalizerPtr> readNormalizer(const JsonView &view) { return readComponent(view, normalizerTypes, 0); }

} // namespace plait
