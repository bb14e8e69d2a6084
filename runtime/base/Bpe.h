//===- Bpe.h - Byte pair encoding -------------------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_BPE_H
#define PLAIT_RUNTIME_BASE_BPE_H

#include "runtime/base/Json.h"
#include "runtime/base/Status.h"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace plait {

/// Lets a map keyed by strings be searched with a string_view.
struct StringHash {
  using is_transparent = void;
  size_t operator()(std::string_view s) const { return std::hash<std::string_view>()(s); }
};
using TokenMap = std::unordered_map<std::string, int32_t, StringHash, std::equal_to<>>;

/// The "BPE" model of a tokenizer.json.
class Bpe {
public:
  /// What one encode call reuses between words. Words handed to `encode` must
  /// live as long as the scratch: its cache refers to them.
  class Scratch {
    friend class Bpe;
    struct Symbol {
      int32_t id; // negative: merged into the symbol on its left
      int32_t previous, next;
    };
    struct Candidate {
      uint32_t rank;
      int32_t position;
      int32_t merged;
    };
    std::vector<Symbol> symbols;
    std::vector<Candidate> queue;
    std::vector<int32_t> cachedIds;
    std::unordered_map<std::string_view, std::pair<size_t, size_t>> cache; // range of cachedIds
  };

  /// `model` is the "model" object; errors begin with the file's name `what`.
  static Expected<Bpe> fromJson(const Json &model, const std::string &what);

  /// Appends the ids of one pre-tokenized word, in valid UTF-8 of less than
  /// 2^31 bytes.
  Status encode(std::string_view word, Scratch &scratch, std::vector<int32_t> &ids) const;

  const TokenMap &vocabulary() const { return vocab; }

private:
  struct Merge {
    uint32_t rank;
    int32_t merged;
  };

  Status readVocabulary(const Json &json, const std::string &what);
  Status readMerges(const Json &json, const std::string &what);
  Status addMerge(std::string_view left, std::string_view right, uint32_t rank, const std::string &where);
  int32_t find(std::string_view token) const; // -1 if none
  const Merge *findMerge(int32_t left, int32_t right) const;
  Status loadSymbols(std::string_view word, std::vector<Scratch::Symbol> &symbols) const;
  void mergeSymbols(Scratch &scratch) const;

  TokenMap vocab;
  std::unordered_map<uint64_t, Merge> merges; // by left id << 32 | right id
  bool hasUnknownToken = false;
  std::string unknownToken;
  bool fuseUnknown = false;
  bool ignoreMerges = false;
};

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_BPE_H
