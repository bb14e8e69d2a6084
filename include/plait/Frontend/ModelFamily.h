//===- ModelFamily.h - The model families Plait imports ---------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_FRONTEND_MODELFAMILY_H
#define PLAIT_FRONTEND_MODELFAMILY_H

#include "plait/Frontend/ModelConfig.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

namespace plait {

class ConfigReader;

/// One architecture of decoder. To add a family: write its file beside
/// Llama.cpp and name it in ModelFamily.cpp.
struct ModelFamily {
  const char *name;         ///< `model_type` of config.json
  const char *architecture; ///< `architectures` of config.json
  /// What the checkpoint's names of all weights but the head begin with. A
  /// checkpoint saved from the bare decoder lacks it.
  const char *bodyPrefix;
  const char *embedding; ///< path of the token embedding below `bodyPrefix`

  /// Fills in all of the config but `family` and `elementType`.
  Status (*readConfig)(ConfigReader &reader, ModelConfig &config);
  /// Whether a tensor of the checkpoint is a constant that the model computes
  /// itself, such as a causal mask.
  bool (*isIgnorable)(llvm::StringRef tensor);
};

/// All families, ordered by name.
llvm::ArrayRef<const ModelFamily *> getModelFamilies();
const ModelFamily *findModelFamily(llvm::StringRef name);
/// "gpt2, llama", and so on.
std::string listModelFamilies();

} // namespace plait

#endif // PLAIT_FRONTEND_MODELFAMILY_H
