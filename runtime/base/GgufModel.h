//===- GgufModel.h - A GGUF file as a Hugging Face folder -------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A GGUF file is made from a Hugging Face folder. Here that is undone, so that
// one frontend and one tokenizer serve both: metadata becomes config.json,
// tensors get their names and the order of their rows back, the vocabulary
// becomes tokenizer.json. Names and conventions are those of llama.cpp's
// converter (conversion/*.py and gguf-py/gguf/constants.py).
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_GGUFMODEL_H
#define PLAIT_RUNTIME_BASE_GGUFMODEL_H

#include "runtime/base/Checkpoint.h"
#include "runtime/base/Gguf.h"
#include "runtime/base/Json.h"

#include <optional>

namespace plait {

/// The config.json of the model. An architecture that Plait has no names for, a
/// missing key and one of a wrong type are errors that name the key. Keys of the
/// architecture that have no counterpart go through under their own names, so
/// that whoever reads the configuration notices them.
Expected<Json> makeConfig(const Gguf &gguf);

/// The tensors under the names of the Hugging Face checkpoint, in its order of
/// rows and columns; a tensor without such a name keeps its own.
Expected<Checkpoint> makeCheckpoint(const Gguf &gguf);

/// The tokenizer.json of the vocabulary, or nothing if the file has none. A kind
/// of tokenizer or of pre-tokenizer that is not known is an error that names it.
Expected<std::optional<Json>> makeTokenizer(const Gguf &gguf);

/// The tokenizer_config.json: special tokens by their text.
Expected<std::optional<Json>> makeTokenizerConfig(const Gguf &gguf);

/// The text of chat_template.jinja.
Expected<std::optional<std::string>> makeChatTemplate(const Gguf &gguf);

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_GGUFMODEL_H
