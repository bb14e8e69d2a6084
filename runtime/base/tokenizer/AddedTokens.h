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

#ifndef PLAIT_RUNTIME_BASE_TOKENIZER_ADDEDTOKENS_H
#define PLAIT_RUNTIME_BASE_TOKENIZER_ADDEDTOKENS_H

#include "runtime/base/Json.h"
#include "runtime/base/Status.h"
#include "runtime/base/TextRange.h"
#include "runtime/base/tokenizer/ByteTrie.h"
#include "runtime/base/tokenizer/TextPiece.h"
#include "runtime/base/tokenizer/TokenizerRegex.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
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

/// Where special tokens are recognised.
struct SpecialTokenPolicy {
  bool everywhere = true;
  /// But not where they touch one of these ranges of `whole`; null: none. In
  /// text that was normalized, positions are lost: there none is recognised.
  const std::vector<TextRange> *plain = nullptr;
  std::string_view whole = {};

  /// Whether text[begin, end), a part of `whole`, touches a plain range.
  bool touchesPlain(std::string_view text, size_t begin, size_t end) const;
};

/// Reads the "added_tokens" array; errors begin with the file's name `what`.
/// Tokens without content are left out: they can never match.
Expected<std::vector<AddedToken>> readAddedTokens(const Json &array, const std::string &what);

/// Finds a set of added tokens in text.
class AddedTokenMatcher {
public:
  /// What to search for on behalf of a token.
  using Pattern = std::pair<const AddedToken *, std::string_view>;

  /// Refuses empty patterns, equal ones, and too many bytes of them.
  static Expected<AddedTokenMatcher> build(const std::vector<Pattern> &patterns);

  /// Appends `piece`, which is no token yet, to `pieces`, cut at the tokens
  /// found. Special tokens stay text unless `policy` has them recognised.
  Status split(const TextPiece &piece, const SpecialTokenPolicy &policy, std::vector<TextPiece> &pieces) const;

private:
  struct Flags {
    int32_t id;
    bool singleWord, leftStrip, rightStrip, special;
  };
  Expected<bool> isPartOfWord(std::string_view text, size_t start, size_t end) const;

  ByteTrie trie; // values index flags
  std::vector<Flags> flags;
  std::optional<TokenizerRegex> wordCharacter; // if any token is singleWord
};

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_TOKENIZER_ADDEDTOKENS_H
