//===- Tokenizer.h - tokenizer.json ------------------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Text <-> token ids as Hugging Face `tokenizers` does it. A tokenizer.json says
// how text is cut at added tokens, normalized, cut into words (pre-tokenizers),
// and how words become ids (BPE or Unigram), what is put around the ids
// (post-processor), and how tokens become text again (decoder). Each kind of
// component has a file in runtime/base/tokenizer that lists the types it knows;
// any other is an error that names it.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_TOKENIZER_H
#define PLAIT_RUNTIME_BASE_TOKENIZER_H

#include "runtime/base/File.h"
#include "runtime/base/Status.h"
#include "runtime/base/TextRange.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace plait {

class Tokenizer {
public:
  static Expected<Tokenizer> fromFile(const std::string &path);
  static Expected<Tokenizer> fromFile(const FileRange &range);
  static Expected<Tokenizer> fromJsonText(std::string_view text, const std::string &what);
  ~Tokenizer();
  Tokenizer(Tokenizer &&) noexcept;
  Tokenizer &operator=(Tokenizer &&) noexcept;

  /// Encodes valid UTF-8 (else an error with the byte offset). With
  /// `addSpecialTokens` the post-processor adds BOS and the like. With
  /// `parseSpecial` false, text that spells a special token stays text.
  Expected<std::vector<int32_t>> encode(std::string_view text, bool addSpecialTokens = true,
                                        bool parseSpecial = true) const;
  /// Encodes a text of which parts are not to be trusted: special tokens are
  /// recognised unless they touch one of `plain`, which is in order. Apart from
  /// that, where the parts are makes no difference; nothing is added.
  Expected<std::vector<int32_t>> encodeParts(std::string_view text, const std::vector<TextRange> &plain) const;
  /// Decodes ids to text; ids outside the vocabulary are an error.
  /// Invalid UTF-8 in the result is replaced by U+FFFD as `tokenizers` does.
  Expected<std::string> decode(const std::vector<int32_t> &ids, bool skipSpecialTokens = true) const;

  /// The bytes that a token stands for between others: " the", or a part of a
  /// character. Special tokens stand for their names, unknown ids for nothing.
  std::string pieceOf(int32_t id) const;

  int64_t vocabularySize() const; ///< largest id + 1, added tokens included
  /// The id of a token by its content, or -1.
  int32_t idOf(std::string_view token) const;
  bool isSpecial(int32_t id) const;

  /// Decodes ids one by one, without special tokens; the parts together are what
  /// `decode` gives. A part is emitted as soon as no later id can change it:
  /// an incomplete character waits, and so does a row of byte tokens (<0x0A>),
  /// because one bad byte spoils the row.
  class Stream {
  public:
    explicit Stream(const Tokenizer &tokenizer);
    ~Stream();
    Stream(Stream &&) noexcept;
    Stream &operator=(Stream &&) noexcept;
    /// Ids outside the vocabulary say nothing.
    std::string push(int32_t id);
    /// Emits what waits; the stream then begins anew.
    std::string finish();

  private:
    struct State;
    std::unique_ptr<State> state;
  };

private:
  Tokenizer();
  struct Impl;
  std::unique_ptr<Impl> impl;
  friend class Stream;
};

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_TOKENIZER_H
