//===- PreTokenizer.h - How text becomes words ------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_TOKENIZER_PRETOKENIZER_H
#define PLAIT_RUNTIME_BASE_TOKENIZER_PRETOKENIZER_H

#include "runtime/base/Json.h"
#include "runtime/base/Status.h"
#include "runtime/base/tokenizer/TextPiece.h"

#include <memory>
#include <vector>

namespace plait {

/// Cuts the pieces of a text that are no tokens yet, and may rewrite them.
class PreTokenizer {
public:
  virtual ~PreTokenizer() = default;
  /// Texts that no piece refers to yet are put into `arena`.
  virtual Status apply(std::vector<TextPiece> &pieces, TextArena &arena) const = 0;
};

using PreTokenizerPtr = std::unique_ptr<const PreTokenizer>;

/// Reads the "pre_tokenizer" of a tokenizer.json: BertPreTokenizer, ByteLevel,
/// CharDelimiterSplit, Digits, FixedLength, Metaspace, Punctuation, Split,
/// Whitespace, WhitespaceSplit, or a Sequence of them.
Expected<PreTokenizerPtr> readPreTokenizer(const JsonView &view);

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_TOKENIZER_PRETOKENIZER_H
