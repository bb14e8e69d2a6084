//===- Decoder.h - How tokens become text -----------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Hugging Face tokenizers decodes by rewriting the whole list of tokens, one
// decoder after the other, and joining the last list. Here every decoder passes
// on what it knows already, so that a token becomes text as soon as it can and
// the text is the same whether it is streamed or not.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_TOKENIZER_DECODER_H
#define PLAIT_RUNTIME_BASE_TOKENIZER_DECODER_H

#include "runtime/base/Json.h"
#include "runtime/base/Status.h"

#include <memory>
#include <string>
#include <string_view>

namespace plait {

/// One decoder at work on one list of tokens: takes tokens, hands tokens on.
class DecoderStage {
public:
  virtual ~DecoderStage() = default;
  /// The next stretch of a token, in whole characters; `last` ends the token.
  /// Stretches of zero bytes are allowed.
  virtual Status take(std::string_view text, bool last) = 0;
  /// No token comes any more.
  virtual Status finish() = 0;
};

using DecoderStagePtr = std::unique_ptr<DecoderStage>;

class Decoder {
public:
  virtual ~Decoder() = default;
  /// A stage that hands its tokens to `next`.
  virtual DecoderStagePtr start(DecoderStagePtr next) const = 0;
  /// The bytes that a token by itself stands for, wherever in a text it is not the
  /// first or the last one. They may be a part of a character.
  virtual std::string pieceOf(std::string_view token) const = 0;
};

using DecoderPtr = std::unique_ptr<const Decoder>;

/// Reads the "decoder" of a tokenizer.json: BPEDecoder, ByteFallback, ByteLevel,
/// Fuse, Metaspace, Replace, Strip, or a Sequence of them.
Expected<DecoderPtr> readDecoder(const JsonView &view);

/// What happens without a decoder: the tokens, with spaces between them.
DecoderPtr makeJoiningDecoder();

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_TOKENIZER_DECODER_H
