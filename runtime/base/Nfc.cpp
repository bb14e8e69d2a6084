//===- Nfc.cpp - Unicode normalization ------------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Nfc.h"

#include "runtime/base/Utf8.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace plait {

static Status utf8procError(utf8proc_ssize_t code) {
  return resourceError(std::string("NFC: found ") + utf8proc_errmsg(code) + "; expected normalizable text");
}

Expected<std::string> normalizeNfc(std::string_view text) {
  if (std::all_of(text.begin(), text.end(), [](char c) { return (c & 0x80) == 0; }))
    return std::string(text);

  // utf8proc_map would do all of this, but it orders combining marks by swapping
  // neighbours, which takes quadratic time in a long run of marks.
  constexpr auto options = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE);
  std::vector<utf8proc_int32_t> codepoints;
  codepoints.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    Utf8Step step = decodeUtf8(text, i);
    i += step.length;
    utf8proc_int32_t decomposed[32];
    int boundClass = 0;
    utf8proc_ssize_t count =
        utf8proc_decompose_char(static_cast<utf8proc_int32_t>(step.value), decomposed, 32, options, &boundClass);
    if (count < 0 || count > 32)
      return utf8procError(count < 0 ? count : UTF8PROC_ERROR_OVERFLOW);
    codepoints.insert(codepoints.end(), decomposed, decomposed + count);
  }

  // Each run of marks by combining class, in the given order within a class.
  struct Mark {
    uint64_t key; // class, then position
    utf8proc_int32_t codepoint;
  };
  std::vector<Mark> marks;
  for (size_t i = 0; i < codepoints.size(); ++i) {
    marks.clear();
    size_t begin = i;
    for (; i < codepoints.size(); ++i) {
      auto markClass = utf8proc_get_property(codepoints[i])->combining_class;
      if (markClass == 0)
        break;
      marks.push_back({static_cast<uint64_t>(markClass) << 48 | i, codepoints[i]});
    }
    std::sort(marks.begin(), marks.end(), [](const Mark &a, const Mark &b) { return a.key < b.key; });
    for (const Mark &mark : marks)
      codepoints[begin++] = mark.codepoint;
  }

  utf8proc_ssize_t length =
      utf8proc_normalize_utf32(codepoints.data(), static_cast<utf8proc_ssize_t>(codepoints.size()), options);
  if (length < 0)
    return utf8procError(length);
  std::string result;
  result.reserve(text.size());
  for (utf8proc_ssize_t i = 0; i < length; ++i)
    appendUtf8(result, static_cast<char32_t>(codepoints[static_cast<size_t>(i)]));
  return result;
}

} // namespace plait
