//===- CharsMap.h - SentencePiece's compiled normalization ------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The "precompiled_charsmap" of a SentencePiece model: a little-endian 32-bit
// size, a double-array trie of that many bytes (Darts-clone: 32-bit units) from
// source strings to offsets, and at these offsets the replacements, each ended
// by a NUL.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_TOKENIZER_CHARSMAP_H
#define PLAIT_RUNTIME_BASE_TOKENIZER_CHARSMAP_H

#include "runtime/base/Status.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace plait {

class CharsMap {
public:
  /// Reads the map from base64. Every link of the trie is checked, so that no
  /// search can leave it.
  static Expected<CharsMap> fromBase64(std::string_view base64);

  /// `text`, which must be valid UTF-8, as Hugging Face tokenizers maps it: each
  /// grapheme cluster below six bytes by the shortest source that begins it,
  /// otherwise each of its characters so.
  std::string apply(std::string_view text) const;

private:
  std::optional<std::string_view> replacementOf(std::string_view chunk) const;

  std::vector<uint32_t> units;
  std::string replacements;
};

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_TOKENIZER_CHARSMAP_H
