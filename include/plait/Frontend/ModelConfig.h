//===- ModelConfig.h - What config.json says of a model ---------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_FRONTEND_MODELCONFIG_H
#define PLAIT_FRONTEND_MODELCONFIG_H

#include "runtime/base/Json.h"
#include "runtime/base/Status.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Value.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace plait {

class ModelBuilder;
class Residual;

/// In what the layers of one model differ.
struct LayerKind {
  /// Positions that a token attends to, itself among them (`sliding_window`); 0:
  /// all before it.
  int64_t window = 0;
  bool operator==(const LayerKind &) const = default;
};

/// Shape of a decoder-only transformer, the same for all families. All values
/// are checked and bounded (see ConfigReader), so that no product of them that
/// the compiler forms overflows 64 bits.
struct ModelConfig {
  std::string family; ///< model_type
  int64_t vocabulary = 0, hidden = 0, intermediate = 0, layers = 0, maxPositions = 0;
  int64_t heads = 0, kvHeads = 0, headDim = 0;
  /// One per layer; empty: all layers are of the kind that LayerKind() is.
  std::vector<LayerKind> layerKinds;
  bool tiedEmbeddings = false; ///< the head uses the embedding's weight
  /// 1: a sublayer does not see what the one before it adds (Residual).
  int64_t residualDelay = 0;
  /// `dtype` (or `torch_dtype`) as it is spelled. The checkpoint's own types
  /// count where there is one.
  std::optional<std::string> elementType;
  /// Builds the functions @forward and @head. It holds what else the family read.
  std::function<void(ModelBuilder &builder, const ModelConfig &config)> build;
  /// One layer by itself, for one that drafts; of families that can.
  struct Layer {
    double normEps = 0;
    /// Adds to `x` what the layer does, in paths of "layers.{layer}."; null: none.
    std::function<void(ModelBuilder &builder, const ModelConfig &config, Residual &x)> build;
  } layer;
};

/// Reads config.json strictly. A bad value is an error that names the key; what
/// is ignored on purpose is appended to `warnings`. `context` has the lm dialect.
Expected<ModelConfig> readModelConfig(const JsonView &root, mlir::MLIRContext &context,
                                      std::vector<std::string> &warnings);

} // namespace plait

#endif // PLAIT_FRONTEND_MODELCONFIG_H
