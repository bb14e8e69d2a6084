//===- Vocabulary.h - The tokens of a tokenizer -----------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_TOKENIZER_VOCABULARY_H
#define PLAIT_RUNTIME_BASE_TOKENIZER_VOCABULARY_H

#include "runtime/base/tokenizer/AddedTokens.h"
#include "runtime/base/tokenizer/Normalizer.h"
#include "runtime/base/tokenizer/TokenModel.h"

#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

namespace plait {

/// The tokens of a model together with the added ones. The ids are those that
/// the file gives; it may leave gaps.
class Vocabulary {
public:
  /// What an id decodes to.
  struct Token {
    std::string_view text;
    bool special = false;
    bool skipped = false; ///< when special tokens are
  };

  /// `normalizer` may be null. Refers to `model`, which must live as long.
  /// Refuses added tokens that contradict the model or each other.
  static Expected<Vocabulary> build(const TokenModel &model, std::vector<AddedToken> added,
                                    const Normalizer *normalizer);

  Vocabulary() = default;
  Vocabulary(Vocabulary &&) = default;
  Vocabulary &operator=(Vocabulary &&) = default;

  const Token *token(int32_t id) const;         ///< null if there is none
  int32_t find(std::string_view content) const; ///< -1 if there is none
  int64_t size() const { return largest + 1; }

  /// Find added tokens in the text as it is given, and in normalized text.
  const AddedTokenMatcher &rawMatcher() const { return raw; }
  const AddedTokenMatcher &normalizedMatcher() const { return normalized; }

private:
  const TokenModel *model = nullptr;
  std::vector<AddedToken> added;
  std::deque<std::string> normalizedContents; // as searched for and decoded
  std::unordered_map<int32_t, Token> tokens;
  TokenMap addedIds;
  int64_t largest = -1;
  AddedTokenMatcher raw, normalized;
};

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_TOKENIZER_VOCABULARY_H
