//===- CheckpointWeights.h - Weights of the reference evaluation -*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_ANALYSIS_CHECKPOINTWEIGHTS_H
#define PLAIT_ANALYSIS_CHECKPOINTWEIGHTS_H

#include "plait/Support/Evaluation.h"

#include "runtime/base/Checkpoint.h"
#include "runtime/base/QuantizedTensor.h"

namespace plait {

/// The tensors of a checkpoint, by name. A tensor must have the logical shape
/// that is asked for: [rows, cols] ([cols, rows] if transposed), or [rows] for a
/// vector.
class CheckpointWeights : public WeightSource {
public:
  /// `importance` of columns, for rounding to integers, outlives the source.
  explicit CheckpointWeights(Checkpoint checkpoint, const WeightImportance *importance = nullptr)
      : checkpoint(std::move(checkpoint)), importance(importance) {}
  std::optional<WeightValue> load(mlir::Operation *op, const std::string &source, int64_t rows, int64_t cols,
                                  bool transposed, const WeightQuantization *quantization) override;

private:
  Checkpoint checkpoint;
  const WeightImportance *importance;
};

/// Made-up weights (runtime/base/RandomWeights.h), indexed by logical row and
/// column whether the checkpoint would be transposed or not.
class RandomWeightSource : public WeightSource {
public:
  explicit RandomWeightSource(uint64_t seed) : seed(seed) {}
  std::optional<WeightValue> load(mlir::Operation *op, const std::string &source, int64_t rows, int64_t cols,
                                  bool transposed, const WeightQuantization *quantization) override;

private:
  uint64_t seed;
};

/// `spec` is "random", "random:SEED", a .safetensors or GGUF file, a model folder,
/// or empty: then every load is an error.
Expected<std::unique_ptr<WeightSource>> openWeights(const std::string &spec);

} // namespace plait

#endif // PLAIT_ANALYSIS_CHECKPOINTWEIGHTS_H
