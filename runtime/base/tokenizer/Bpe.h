//===- Bpe.h - Byte pair encoding -------------------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_TOKENIZER_BPE_H
#define PLAIT_RUNTIME_BASE_TOKENIZER_BPE_H

#include "runtime/base/tokenizer/TokenModel.h"

#include <array>
#include <optional>
#include <string>
#include <unordered_map>

namespace plait {

/// The "BPE" model of a tokenizer.json (Sennrich et al. 2016): a word begins as
/// its characters; then, again and again, the two neighbours that merge with the
/// least rank become one token. A character without a token becomes the tokens
/// of its bytes with "byte_fallback", else the unknown token, else nothing.
class Bpe : public TokenModel {
public:
  static Expected<TokenModelPtr> read(const JsonView &view, unsigned depth);

  std::unique_ptr<Encoder> makeEncoder() const override;
  int32_t find(std::string_view token) const override;
  size_t tokenCount() const override { return vocab.size(); }
  void forEachToken(const std::function<void(std::string_view, int32_t)> &visit) const override;

private:
  class WordEncoder;
  struct Merge {
    uint32_t rank;
    int32_t merged;
  };

  Status readVocabulary(const JsonView &view);
  Status readMerges(const JsonView &view);
  Status addMerge(std::string_view left, std::string_view right, uint32_t rank);
  const Merge *findMerge(int32_t left, int32_t right) const;

  TokenMap vocab;
  std::unordered_map<uint64_t, Merge> merges; // by left id << 32 | right id
  std::optional<std::string> unknownToken;
  std::string prefix; ///< of every character but a word's first
  std::string suffix; ///< of a word's last character
  bool fuseUnknown = false;
  bool ignoreMerges = false; ///< a word that is a token needs no merges
  bool byteFallback = false;
  std::array<int32_t, 256> byteIds{}; // -1 where there is none
};

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_TOKENIZER_BPE_H
