//===- Metaspace.h - Spaces as a visible character --------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// SentencePiece writes a space as U+2581 and puts one in front of the first
// word. The pre-tokenizer does that; the decoder of the same name undoes it.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_TOKENIZER_METASPACE_H
#define PLAIT_RUNTIME_BASE_TOKENIZER_METASPACE_H

#include "runtime/base/Json.h"
#include "runtime/base/Status.h"

#include <string>

namespace plait {

struct Metaspace {
  enum class Prepend {
    always, ///< to every piece between added tokens
    first,  ///< to the piece with which the prompt begins
    never,
  };
  std::string replacement = "\u2581"; ///< one character
  Prepend prepend = Prepend::always;
  bool split = true; ///< in front of each replacement

  /// Also understands files from before "prepend_scheme", which had
  /// "add_prefix_space".
  static Expected<Metaspace> fromJson(const JsonView &view);
};

/// The member `key` of `view`, which must be a string of one character.
Expected<std::string> readCharacter(const JsonView &view, std::string_view key);

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_TOKENIZER_METASPACE_H
