//===- AddedTokens.h - Tokens found in the text itself ----------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The "added_tokens" of a tokenizer.json: they are cut out of the text, longest
// match first, before the model sees it. Those with "normalized" are searched
// in the normalized text, the others before normalization.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_ADDEDTOKENS_H
#define PLAIT_RUNTIME_BASE_ADDEDTOKENS_H

#include "runtime/base/Json.h"
#include "runtime/base/Status.h"
#include "runtime/base/TokenizerRegex.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace plait {

struct AddedToken {
  int32_t id = 0;
  std::string content;
  bool singleWord = false;
  bool leftStrip = false;
  bool rightStrip = false;
  bool normalized = false;
  bool special = false;
};

/// A stretch of text on its way to ids.
struct TextPiece {
  std::string_view text;
  int32_t id = -1; ///< the token it already is, or -1
};

/// Reads the "added_tokens" array; errors begin with the file's name `what`.
/// Tokens without content are left out: they can never match.
Expected<std::vector<AddedToken>> readAddedTokens(const Json &array, const std::string &what);

/// Finds a set of added tokens in text.
class AddedTokenMatcher {
public:
  /// Searches for `pattern` on behalf of `token`; no pattern twice.
  Status add(const AddedToken &token, std::string_view pattern);

  /// Appends `text` to `pieces`, cut at the tokens found. Special tokens stay
  /// text unless `parseSpecial`.
  Status split(std::string_view text, bool parseSpecial, std::vector<TextPiece> &pieces) const;

private:
  struct Flags {
    int32_t id;
    bool singleWord, leftStrip, rightStrip, special;
  };
  struct Found {
    size_t end;
    const Flags *flags;
  };
  std::optional<Found> longestAt(std::string_view text, size_t start) const;
  Expected<bool> isPartOfWord(std::string_view text, size_t start, size_t end) const;

  // A trie over bytes; the root is an array because most positions end there.
  std::array<uint32_t, 256> rootEdges{};        // 0: no edge
  std::unordered_map<uint64_t, uint32_t> edges; // by node << 8 | byte
  std::unordered_map<uint32_t, Flags> tokenAt;  // by node
  uint32_t nodes = 1;
  std::optional<TokenizerRegex> wordCharacter; // if any token is singleWord
};

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_ADDEDTOKENS_H
