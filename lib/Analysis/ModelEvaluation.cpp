//===- ModelEvaluation.cpp - A model under reference evaluation -----------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Analysis/ModelEvaluation.h"

using namespace plait;
using namespace plait::lm;

/// A matrix of f32.
static bool isActivations(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.getRank() == 2 && tensor.getElementType().isF32();
}

FailureOr<ModelEvaluation> ModelEvaluation::create(ModelOp model, WeightSource &weights) {
  auto forward = model.lookupSymbol<FuncOp>("forward"), head = model.lookupSymbol<FuncOp>("head");
  if (!forward || !head)
    return model.emitOpError("expected functions @forward and @head");
  if (!forward.isForward())
    return forward.emitOpError("expected @forward(ids, positions, rows, state...) -> (hidden, state...) but got ")
           << forward.getFunctionType();
  auto in = head.getArgumentTypes(), out = head.getResultTypes();
  if (in.size() != 1 || out.size() != 1 || !isActivations(in[0]) || !isActivations(out[0]))
    return head.emitOpError("expected @head(hidden) -> logits but got ") << head.getFunctionType();
  return ModelEvaluation(model, forward, head, weights);
}

FailureOr<DenseValue> ModelEvaluation::step(ArrayRef<std::vector<int64_t>> tokens) {
  DenseValue ids, positions;
  RowsValue rows;
  lengths.resize(std::max(lengths.size(), tokens.size()));
  for (auto [row, rowTokens] : llvm::enumerate(tokens)) {
    if (lengths[row] + int64_t(rowTokens.size()) > int64_t(model.getMaxPositions()))
      return mlir::emitError(model.getLoc(), "expected at most max_positions ")
             << model.getMaxPositions() << " tokens in a sequence but got " << lengths[row] + int64_t(rowTokens.size());
    for (int64_t token : rowTokens) {
      ids.data.push_back(double(token));
      positions.data.push_back(double(lengths[row]++));
      rows.tokenRows.push_back(int64_t(row));
    }
  }
  ids.shape = positions.shape = {int64_t(ids.data.size())};
  std::vector<EvalValue> arguments = {std::move(ids), std::move(positions), std::move(rows)};
  llvm::append_range(arguments, states);
  auto hidden = evaluator.call(forward, std::move(arguments));
  if (failed(hidden))
    return failure();
  auto logits = evaluator.call(head, {std::move(hidden->front())});
  if (failed(logits))
    return failure();
  return valueAs<DenseValue>(logits->front());
}

FailureOr<std::vector<std::vector<int64_t>>> ModelEvaluation::continueGreedily(DenseValue logits, int64_t count) {
  std::vector<std::vector<int64_t>> chosen(size_t(logits.rows()));
  for (int64_t i = 0; i < count; ++i) {
    std::vector<std::vector<int64_t>> next;
    for (auto [row, tokens] : llvm::enumerate(chosen)) {
      tokens.push_back(argMax(logits.row(int64_t(row)), logits.rowSize()));
      next.push_back({tokens.back()});
    }
    if (i + 1 == count)
      break; // nothing is chosen after the last token, so it is not run
    auto following = step(next);
    if (failed(following))
      return failure();
    logits = std::move(*following);
  }
  return chosen;
}

DenseValue plait::lastRows(const DenseValue &matrix, ArrayRef<int64_t> groups) {
  DenseValue result = DenseValue::zeros({int64_t(groups.size()), matrix.rowSize()});
  int64_t end = 0;
  for (auto [i, size] : llvm::enumerate(groups)) {
    end += size;
    std::copy_n(matrix.row(end - 1), matrix.rowSize(), result.row(int64_t(i)));
  }
  return result;
}

int64_t plait::argMax(const double *values, int64_t count) { return std::max_element(values, values + count) - values; }
