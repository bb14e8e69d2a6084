//===- TextTools.h - What str methods and filters share ---------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Python's str methods on marked text: each result knows what the user wrote.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_JINJA_TEXTTOOLS_H
#define PLAIT_RUNTIME_BASE_JINJA_TEXTTOOLS_H

#include "runtime/base/Utf8.h"
#include "runtime/base/jinja/MarkedText.h"

#include <string>
#include <string_view>
#include <vector>

namespace plait::jinja {

MarkedText toUpper(const MarkedText &text);
MarkedText toLower(const MarkedText &text);
MarkedText toTitle(const MarkedText &text);       ///< str.title
MarkedText toCapitalized(const MarkedText &text); ///< str.capitalize
/// Without characters of `set` at the sides; null stands for whitespace.
MarkedText strip(const MarkedText &text, const MarkedText *set, bool left, bool right);
/// At most `limit` replacements; a negative one stands for all. Stops early once
/// the result has more than `maxBytes`.
MarkedText replaceAll(const MarkedText &text, const MarkedText &old, const MarkedText &with, int64_t limit,
                      size_t maxBytes);
/// The lines of a text, with the ends of lines or without.
std::vector<TextRange> splitLines(const MarkedText &text, bool keepEnds);

/// Every character on its own: `map(character, output)`.
template <typename F> MarkedText mapCharacters(const MarkedText &text, F map) {
  MarkedText result;
  const auto &ranges = text.userRanges();
  size_t range = 0;
  std::string piece;
  for (size_t i = 0; i < text.size();) {
    Utf8Step step = decodeUtf8(text.bytes(), i);
    while (range < ranges.size() && ranges[range].end <= i)
      ++range;
    piece.clear();
    map(step.value, piece);
    result.append(piece, range < ranges.size() && ranges[range].begin <= i);
    i += step.length;
  }
  return result;
}

} // namespace plait::jinja

#endif // PLAIT_RUNTIME_BASE_JINJA_TEXTTOOLS_H
