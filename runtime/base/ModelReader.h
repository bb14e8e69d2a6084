//===- ModelReader.h - The files of a model as texts ------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_MODELREADER_H
#define PLAIT_RUNTIME_BASE_MODELREADER_H

#include "runtime/base/Status.h"

#include <functional>
#include <optional>
#include <string>

namespace plait {

struct ModelText {
  std::string text;
  std::string label; ///< what errors about it begin with
};

/// Gives a file of a model by its name, wherever the model keeps its files: in a
/// folder, an executable or a GGUF file. Nothing if the model has no such file.
using ModelReader = std::function<Expected<std::optional<ModelText>>(const std::string &file)>;

ModelReader readerOfFolder(const std::string &folder);

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_MODELREADER_H
