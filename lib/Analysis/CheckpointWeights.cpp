//===- CheckpointWeights.cpp - Weights of the reference evaluation --------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Analysis/CheckpointWeights.h"

#include "runtime/base/ModelSource.h"
#include "runtime/base/QuantizedTensor.h"
#include "runtime/base/RandomWeights.h"

#include "mlir/IR/Operation.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/FileSystem.h"

using namespace plait;

static WeightValue makeWeight(int64_t rows, int64_t cols, std::vector<double> data) {
  return {rows, cols, std::make_shared<const std::vector<double>>(std::move(data))};
}

/// The numbers that the integers of `rows` stand for.
static WeightValue dequantized(const WeightQuantization &quantization, const std::vector<QuantizedRow> &rows,
                               int64_t cols) {
  std::vector<double> data;
  std::vector<float> values(static_cast<size_t>(cols));
  for (const QuantizedRow &row : rows) {
    dequantizeRow(quantization, row, values);
    data.insert(data.end(), values.begin(), values.end());
  }
  return makeWeight(int64_t(rows.size()), cols, std::move(data));
}

std::optional<WeightValue> CheckpointWeights::load(mlir::Operation *op, const std::string &source, int64_t rows,
                                                   int64_t cols, bool transposed,
                                                   const WeightQuantization *quantization) {
  const TensorView *tensor = checkpoint.find(source);
  if (!tensor) {
    op->emitOpError("expected tensor '") << source << "' in the checkpoint, which has no such tensor; nearest names: "
                                         << llvm::join(checkpoint.nearest(source), ", ");
    return std::nullopt;
  }
  std::vector<int64_t> expected = transposed ? std::vector{cols, rows} : std::vector{rows, cols};
  bool vector = cols == 1 && tensor->shape.size() == 1;
  if (tensor->shape != (vector ? std::vector{rows} : expected)) {
    op->emitOpError("expected tensor '") << source << "' of shape " << shapeText(expected)
                                         << (transposed ? " (transposed)" : "") << " but got "
                                         << shapeText(tensor->shape);
    return std::nullopt;
  }
  if (quantization) {
    std::vector<QuantizedRow> integers;
    quantizeTensorRows(*quantization, *tensor, transposed, 0, rows, integers);
    return dequantized(*quantization, integers, cols);
  }
  std::vector<float> stored(size_t(rows * cols));
  readTensorBlock(*tensor, 0, tensor->rows(), 0, tensor->columns(), stored.data());
  std::vector<double> data(size_t(rows * cols));
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t col = 0; col < cols; ++col)
      data[row * cols + col] = stored[transposed ? col * rows + row : row * cols + col];
  return makeWeight(rows, cols, std::move(data));
}

std::optional<WeightValue> RandomWeightSource::load(mlir::Operation *, const std::string &source, int64_t rows,
                                                    int64_t cols, bool, const WeightQuantization *quantization) {
  RandomWeights random(seed, source, cols);
  if (quantization) {
    std::vector<QuantizedRow> integers(static_cast<size_t>(rows));
    std::vector<float> values(static_cast<size_t>(cols));
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t col = 0; col < cols; ++col)
        values[size_t(col)] = random(row * cols + col);
      quantizeRow(*quantization, values, {}, integers[size_t(row)]);
    }
    return dequantized(*quantization, integers, cols);
  }
  std::vector<double> data(size_t(rows * cols));
  for (int64_t i = 0; i < rows * cols; ++i)
    data[i] = random(i);
  return makeWeight(rows, cols, std::move(data));
}

namespace {
/// For evaluations that need no weights.
class NoWeights : public WeightSource {
  std::optional<WeightValue> load(mlir::Operation *op, const std::string &source, int64_t, int64_t, bool,
                                  const WeightQuantization *) override {
    op->emitOpError("expected weights to be given, for tensor '") << source << "'";
    return std::nullopt;
  }
};
} // namespace

static Expected<Checkpoint> openCheckpoint(const std::string &path) {
  if (llvm::StringRef(path).ends_with(".safetensors"))
    return Checkpoint::openFile(path);
  if (llvm::sys::fs::is_directory(path) && !llvm::sys::fs::exists(path + "/config.json")) // weights alone
    return Checkpoint::openFolder(path);
  PLAIT_ASSIGN_OR_RETURN(ModelSource model, ModelSource::open(path));
  return model.openCheckpoint();
}

Expected<std::unique_ptr<WeightSource>> plait::openWeights(const std::string &spec) {
  using Source = std::unique_ptr<WeightSource>;
  llvm::StringRef text(spec);
  if (text.empty())
    return Source(std::make_unique<NoWeights>());
  if (text == "random")
    return Source(std::make_unique<RandomWeightSource>(0));
  if (text.consume_front("random:")) {
    uint64_t seed;
    if (text.getAsInteger(10, seed))
      return invalidArgument("weights: found '" + spec + "'; expected random:SEED with a number below 2^64");
    return Source(std::make_unique<RandomWeightSource>(seed));
  }
  PLAIT_ASSIGN_OR_RETURN(Checkpoint checkpoint, openCheckpoint(spec));
  return Source(std::make_unique<CheckpointWeights>(std::move(checkpoint)));
}
