//===- TokenModel.h - How words become ids ----------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_TOKENIZER_TOKENMODEL_H
#define PLAIT_RUNTIME_BASE_TOKENIZER_TOKENMODEL_H

#include "runtime/base/Json.h"
#include "runtime/base/Status.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace plait {

/// Lets a map keyed by strings be searched with a string_view.
struct StringHash {
  using is_transparent = void;
  size_t operator()(std::string_view s) const { return std::hash<std::string_view>()(s); }
};
using TokenMap = std::unordered_map<std::string, int32_t, StringHash, std::equal_to<>>;

/// A vocabulary and the rule by which a word becomes some of its tokens. It may
/// be used by several threads at once, each with its own encoder.
class TokenModel {
public:
  /// Keeps between words what speeds up the next one.
  class Encoder {
  public:
    virtual ~Encoder() = default;
    /// Appends the ids of one word: valid UTF-8, not empty, less than 2^31
    /// bytes, and alive as long as the encoder.
    virtual Status encode(std::string_view word, std::vector<int32_t> &ids) = 0;
  };

  virtual ~TokenModel() = default;
  /// An encoder that refers to this model.
  virtual std::unique_ptr<Encoder> makeEncoder() const = 0;
  /// The id of a token, or -1.
  virtual int32_t find(std::string_view token) const = 0;
  virtual size_t tokenCount() const = 0;
  /// Calls `visit` with every token, which lives as long as the model.
  virtual void forEachToken(const std::function<void(std::string_view token, int32_t id)> &visit) const = 0;
};

using TokenModelPtr = std::unique_ptr<const TokenModel>;

/// Reads the "model" of a tokenizer.json: BPE or Unigram.
Expected<TokenModelPtr> readTokenModel(const JsonView &view);

/// The byte that a token of the form <0x0A> stands for, or -1.
int byteOfToken(std::string_view token);
/// The token that stands for a byte.
std::string tokenOfByte(uint8_t byte);

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_TOKENIZER_TOKENMODEL_H
