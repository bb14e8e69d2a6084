//===- Importance.cpp - Which columns of weights matter -------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Analysis/Importance.h"

#include "plait/Analysis/ModelEvaluation.h"

using namespace plait;

/// Adds the columns' mean squares to `result` at each product.
static void addProduct(Value matrix, const DenseValue &input, int64_t layer, WeightImportance &result) {
  auto weight = SymbolTable::lookupNearestSymbolFrom<lm::WeightOp>(
      matrix.getDefiningOp(), matrix.getDefiningOp<lm::GetWeightOp>().getWeightAttr());
  std::vector<double> squares(size_t(input.rowSize()), 0.0);
  for (int64_t t = 0; t < input.rows(); ++t)
    for (int64_t k = 0; k < input.rowSize(); ++k)
      squares[size_t(k)] += input.row(t)[k] * input.row(t)[k];
  std::vector<float> &means = result[weight.getTensorName(weight.getLayers() ? layer : 0)];
  means.resize(squares.size());
  for (auto [mean, square] : llvm::zip_equal(means, squares))
    mean += float(square / double(std::max<int64_t>(input.rows(), 1)));
}

FailureOr<WeightImportance> plait::measureImportance(lm::ModelOp model, WeightSource &weights,
                                                     ArrayRef<std::vector<int64_t>> sequences) {
  auto evaluation = ModelEvaluation::create(model, weights);
  if (failed(evaluation))
    return failure();
  WeightImportance result;
  evaluation->observe([&](Operation &op, Evaluator &evaluator, ArrayRef<EvalValue> operands) {
    if (!isa<lm::LinearOp, lm::HeadOp>(op))
      return;
    addProduct(op.getOperand(1), valueAs<DenseValue>(operands[0]), evaluator.layer, result);
    evaluator.loadedWeights.clear(); // each is used once
  });
  if (failed(evaluation->step(sequences)))
    return failure();
  return result;
}
