//===- ModelSource.h - The files of a model ---------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_MODELSOURCE_H
#define PLAIT_RUNTIME_BASE_MODELSOURCE_H

#include "runtime/base/Checkpoint.h"
#include "runtime/base/Gguf.h"
#include "runtime/base/Status.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace plait {

/// What a model is imported from: a Hugging Face folder, or a GGUF file, which
/// is read as the folder that it was made from (see GgufModel.h).
class ModelSource {
public:
  /// Opens a folder with config.json or a GGUF file.
  static Expected<ModelSource> open(const std::string &path);

  /// The text of a file of the folder; nothing if there is no such file.
  Expected<std::optional<std::string>> read(const std::string &file) const;
  /// What errors about the contents of `file` begin with.
  std::string label(const std::string &file) const;
  /// The path of the file that holds `file`.
  std::string pathOf(const std::string &file) const;

  /// All tensors; of a checkpoint of GPTQ or AWQ each matrix is one, X.weight.
  Expected<Checkpoint> openCheckpoint() const;
  /// The files that `checkpoint` was read from.
  std::vector<std::string> filesOf(const Checkpoint &checkpoint) const;

  const std::string &path() const { return root; }
  /// "kjv-2m", of a file without ".gguf".
  std::string name() const;

private:
  std::string root; ///< without a '/' at the end
  std::shared_ptr<const Gguf> gguf;
};

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_MODELSOURCE_H
