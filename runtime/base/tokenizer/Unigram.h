//===- Unigram.h - Most probable segmentation -------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_TOKENIZER_UNIGRAM_H
#define PLAIT_RUNTIME_BASE_TOKENIZER_UNIGRAM_H

#include "runtime/base/tokenizer/ByteTrie.h"
#include "runtime/base/tokenizer/TokenModel.h"

#include <array>
#include <string>

namespace plait {

/// The "Unigram" model of a tokenizer.json (Kudo 2018): a word becomes the
/// tokens whose log probabilities have the greatest sum. A character that no
/// token spells alone may also be unknown, at ten below the least probability;
/// unknown characters in a row become one unknown token, or the tokens of their
/// bytes with "byte_fallback".
class Unigram : public TokenModel {
public:
  static Expected<TokenModelPtr> read(const JsonView &view, unsigned depth);

  std::unique_ptr<Encoder> makeEncoder() const override;
  int32_t find(std::string_view token) const override { return trie.find(token); }
  size_t tokenCount() const override { return tokens.size(); }
  void forEachToken(const std::function<void(std::string_view, int32_t)> &visit) const override;

private:
  class WordEncoder;
  Status readVocabulary(const JsonView &view);
  Status appendUnknown(std::string_view text, std::vector<int32_t> &ids) const;

  std::vector<std::string> tokens; // by id
  std::vector<double> scores;      // natural logarithms, by id
  ByteTrie trie;
  double unknownScore = 0;
  int32_t unknown = -1;      // -1: there is no unknown token
  bool byteFallback = false; // every byte has a token
  std::array<int32_t, 256> byteIds{};
};

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_TOKENIZER_UNIGRAM_H
