//===- Import.h - From the files of a model to the lm dialect ---*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_FRONTEND_IMPORT_H
#define PLAIT_FRONTEND_IMPORT_H

#include "plait/Frontend/Generation.h"
#include "plait/Frontend/ModelConfig.h"
#include "plait/Frontend/WeightFormat.h"
#include "runtime/base/Checkpoint.h"
#include "runtime/base/ModelSource.h"
#include "runtime/base/Status.h"

#include "dialects/Lm/Lm.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

#include <optional>
#include <string>
#include <vector>

namespace plait {

/// What keys and values are rounded to: the element of !lm.state.
enum class StateFormat { f32, bf16, int8 };

struct ImportOptions {
  /// False: config.json alone is read, for random weights or none. Formats then
  /// follow `format`, where that says nothing the config's dtype.
  bool readCheckpoint = true;
  WeightFormat format;
  StateFormat state = StateFormat::f32;
  lm::Numerics numerics = lm::Numerics::row_invariant;
  std::string modelName = "main"; ///< the symbol of the lm.model
  /// A folder with heads beside the model's own (Heads.h); empty: those in the model's
  /// folder, if there are some.
  std::string heads = "";
};

struct ImportedModel {
  ModelSource source;                       ///< where it comes from
  mlir::OwningOpRef<mlir::ModuleOp> module; ///< verified; holds one lm.model
  ModelConfig config;
  GenerationDefaults generation;
  std::optional<Checkpoint> checkpoint; ///< exactly if `readCheckpoint`
  /// Name and text of the files that an artifact takes over as they are:
  /// tokenizer and chat template.
  std::vector<std::pair<std::string, std::string>> companions;
  std::vector<std::string> warnings;   ///< one line each
  std::vector<std::string> inputFiles; ///< paths of all files that were read
};

/// Imports a folder with config.json, optionally generation_config.json, and a
/// safetensors checkpoint, or a GGUF file. Weights stay on disk: the IR only names
/// them.
Expected<ImportedModel> importModel(mlir::MLIRContext &context, const std::string &path,
                                    const ImportOptions &options = {});

} // namespace plait

#endif // PLAIT_FRONTEND_IMPORT_H
