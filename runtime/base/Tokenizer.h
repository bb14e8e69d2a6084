//===- Tokenizer.h - tokenizer.json ------------------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Text <-> token ids as Hugging Face `tokenizers` does it, for byte-level BPE
// (GPT-2, Llama 3): added tokens, Split(Regex) and ByteLevel pre-tokenizers,
// BPE merges (incl. ignore_merges), TemplateProcessing and ByteLevel
// post-processors, ByteLevel decoder. A component outside this set is an error
// that names it.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_TOKENIZER_H
#define PLAIT_RUNTIME_BASE_TOKENIZER_H

#include "runtime/base/Status.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace plait {

class Tokenizer {
public:
  static Expected<Tokenizer> fromFile(const std::string &path);
  static Expected<Tokenizer> fromJsonText(std::string_view text, const std::string &what);
  ~Tokenizer();
  Tokenizer(Tokenizer &&) noexcept;
  Tokenizer &operator=(Tokenizer &&) noexcept;

  /// Encodes valid UTF-8 (else an error with the byte offset). With
  /// `addSpecialTokens` the post-processor adds BOS and the like. With
  /// `parseSpecial` false, text that spells a special token stays text.
  Expected<std::vector<int32_t>> encode(std::string_view text, bool addSpecialTokens = true,
                                        bool parseSpecial = true) const;
  /// Decodes ids to text; ids outside the vocabulary are an error.
  /// Invalid UTF-8 in the result is replaced by U+FFFD as `tokenizers` does.
  Expected<std::string> decode(const std::vector<int32_t> &ids, bool skipSpecialTokens = true) const;

  int64_t vocabularySize() const; ///< largest id + 1, added tokens included
  /// The id of a token by its content, or -1.
  int32_t idOf(std::string_view token) const;
  bool isSpecial(int32_t id) const;

  /// Emits text as soon as it is complete UTF-8; `finish` flushes the rest.
  class Stream {
  public:
    explicit Stream(const Tokenizer &tokenizer) : tokenizer(&tokenizer) {}
    std::string push(int32_t id);
    std::string finish();

  private:
    const Tokenizer *tokenizer;
    std::string pending;
  };

private:
  Tokenizer();
  struct Impl;
  std::unique_ptr<Impl> impl;
  friend class Stream;
};

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_TOKENIZER_H
