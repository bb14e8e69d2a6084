//===- Evaluation.h - Values of the reference evaluation --------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The reference evaluation runs IR directly in double precision, without any
// lowering. Each op says what it computes through EvaluableOpInterface; these
// are the values that flow between ops. Written to be read, not to be fast.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_SUPPORT_EVALUATION_H
#define PLAIT_SUPPORT_EVALUATION_H

#include "mlir/IR/Operation.h"
#include "mlir/IR/Value.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/LogicalResult.h"

#include <any>
#include <cassert>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace plait {

/// A tensor of any element type; integers are held exactly (|i| < 2^53).
struct DenseValue {
  std::vector<int64_t> shape;
  std::vector<double> data; ///< row major

  static DenseValue zeros(std::vector<int64_t> shape);
  int64_t rows() const { return shape.empty() ? 1 : shape[0]; }
  int64_t rowSize() const { return shape.empty() || shape[0] == 0 ? 0 : int64_t(data.size()) / shape[0]; }
  double *row(int64_t i) { return data.data() + i * rowSize(); }
  const double *row(int64_t i) const { return data.data() + i * rowSize(); }
};

/// A weight as matrix [rows][cols] (a vector has one column). The elements are
/// shared: the value is cheap to copy.
struct WeightValue {
  int64_t rows = 0, cols = 0;
  std::shared_ptr<const std::vector<double>> data; ///< row major

  double at(int64_t r, int64_t c = 0) const { return (*data)[size_t(r * cols + c)]; }
  const double *row(int64_t r) const { return data->data() + r * cols; }
};

/// Keys and values of one sequence and layer by logical position. Staged cells
/// lie at and beyond the sequence's published length.
struct CacheCells {
  std::vector<std::vector<double>> keys, values; ///< [position][heads * head_dim]
};
/// State of any number of sequences: cells[sequence row][layer].
struct StateValue {
  std::map<std::pair<int64_t, int64_t>, CacheCells> cells;
};

/// Row of each token of a ragged step; rows number the sequences.
struct RowsValue {
  std::vector<int64_t> tokenRows;
  /// With rows that are trees, else empty: of each token where the last positions that it sees
  /// lie. All before them, and the token itself if it has none, lie at their
  /// positions. If there are more than positions, the first ones are seen besides (decode.join).
  std::vector<std::vector<int64_t>> paths = {};
  /// With tokens that see some behind them, else empty: of each the last position that it sees.
  std::vector<int64_t> ends = {};

  /// The last position that token `t` at `position` sees.
  int64_t lastSeen(int64_t t, int64_t position) const { return ends.empty() ? position : ends[size_t(t)]; }
  /// Where `position` lies, which token `t` sees, and others up to `last`.
  int64_t slot(int64_t t, int64_t last, int64_t position) const {
    if (paths.empty())
      return position;
    const std::vector<int64_t> &path = paths[size_t(t)];
    int64_t index = int64_t(path.size()) - 1 - (last - position);
    return index < 0 ? position : path[size_t(index)];
  }
};

/// One value of the evaluation: a DenseValue, WeightValue, RowsValue,
/// std::shared_ptr<StateValue>, or a value private to a dialect.
using EvalValue = std::any;

/// The T that `value` holds; IR types decide which one that is.
template <typename T> const T &valueAs(const EvalValue &value) {
  const T *held = std::any_cast<T>(&value);
  assert(held && "the value is not of the kind its IR type asks for");
  return *held;
}

struct WeightQuantization;

/// Where weights come from during evaluation: the checkpoint tensor `source` of
/// logical shape rows x cols, unrounded unless it is wanted as integers.
class WeightSource {
public:
  virtual ~WeightSource() = default;
  /// `transposed`: the tensor is stored [cols][rows]. With `quantization` the
  /// elements are those that its integers stand for: the ones that are stored, if
  /// they are stored so, else those that the elements are rounded to. On failure
  /// emits an error at `op` and returns nothing.
  virtual std::optional<WeightValue> load(mlir::Operation *op, const std::string &source, int64_t rows, int64_t cols,
                                          bool transposed, const WeightQuantization *quantization) = 0;
};

/// The programs of other ranks, evaluated at the same time: what collectives ask.
class RankExchange {
public:
  virtual ~RankExchange() = default;
  /// The values that `members`, ranks of the mesh, give at `op`, in their order, once all
  /// have given theirs. Fails, with a diagnostic, if one of them is elsewhere.
  virtual llvm::FailureOr<std::vector<EvalValue>> meet(mlir::Operation *op, llvm::ArrayRef<int64_t> members,
                                                       const EvalValue &own) = 0;
  /// From one rank to another, in order.
  virtual llvm::LogicalResult send(mlir::Operation *op, int64_t to, const EvalValue &value) = 0;
  virtual llvm::FailureOr<EvalValue> receive(mlir::Operation *op, int64_t from) = 0;
};

/// What an op may ask of the evaluation that runs it (lib/Analysis/Evaluate).
class Evaluator {
public:
  virtual ~Evaluator() = default;
  /// Evaluates `block` with its arguments bound; returns the operands of its
  /// terminator. Fails, with a diagnostic, at an op that is not evaluable.
  virtual llvm::FailureOr<std::vector<EvalValue>> runBlock(mlir::Block &block, std::vector<EvalValue> arguments) = 0;
  virtual WeightSource &weights() = 0;
  /// Null if this is not one of several ranks.
  virtual RankExchange *ranks() { return nullptr; }
  /// Layer of the innermost lm.layers being run; 0 outside.
  int64_t layer = 0;
  /// Weights in use, rounded to their format, by defining op and layer: loading
  /// one means converting every element.
  std::map<std::pair<mlir::Operation *, int64_t>, WeightValue> loadedWeights;
};

} // namespace plait

#endif // PLAIT_SUPPORT_EVALUATION_H
