//===- TextPiece.h - Text on its way to ids ---------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_TOKENIZER_TEXTPIECE_H
#define PLAIT_RUNTIME_BASE_TOKENIZER_TEXTPIECE_H

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

namespace plait {

/// The most text that is encoded at once, before and after normalization: keeps
/// positions below 2^31, also where a space or a byte is written as several.
inline constexpr size_t maxTextBytes = size_t(512) << 20;

/// A stretch of text on its way to ids; it is never empty.
struct TextPiece {
  std::string_view text;
  int32_t id = -1; ///< the token it already is, or -1
  /// How many of its leading bytes stem from the very first character of the
  /// prompt: Metaspace may treat the piece that begins there differently.
  uint32_t promptStart = 0;

  TextPiece part(size_t begin, size_t end) const {
    size_t start = begin < promptStart ? std::min<size_t>(promptStart, end) - begin : 0;
    return {text.substr(begin, end - begin), -1, static_cast<uint32_t>(start)};
  }
};

/// The texts that pieces refer to while one prompt is encoded; references to
/// the elements of a deque stay valid.
using TextArena = std::deque<std::string>;

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_TOKENIZER_TEXTPIECE_H
