//===- Evaluate.h - Reference evaluation of IR ------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs IR directly in double precision, op by op, through EvaluableOpInterface:
// the yardstick of every lowering, of `plait-opt --plait-evaluate` and of an
// artifact's self-test. No lowering is involved.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_ANALYSIS_EVALUATE_H
#define PLAIT_ANALYSIS_EVALUATE_H

#include "plait/Support/Evaluation.h"

#include "mlir/Interfaces/FunctionInterfaces.h"

#include <functional>

namespace plait {

class ReferenceEvaluator : public Evaluator {
public:
  /// `source` outlives the evaluator, as `others` does, the ranks that are evaluated at the
  /// same time (EvaluateRanks.h).
  explicit ReferenceEvaluator(WeightSource &source, RankExchange *others = nullptr) : source(source), others(others) {}

  /// Checks that tensors among the arguments have the extents of their types
  /// and that extents of one name are equal, then runs the block's ops in order.
  llvm::FailureOr<std::vector<EvalValue>> runBlock(mlir::Block &block, std::vector<EvalValue> arguments) override;
  WeightSource &weights() override { return source; }
  RankExchange *ranks() override { return others; }

  /// Told of every op before it is evaluated, with the values of its operands.
  using Observer = std::function<void(mlir::Operation &op, Evaluator &evaluator, llvm::ArrayRef<EvalValue> operands)>;
  void observe(Observer function) { observer = std::move(function); }

  /// Runs the body of a function, which is one block.
  llvm::FailureOr<std::vector<EvalValue>> call(mlir::FunctionOpInterface function, std::vector<EvalValue> arguments);

private:
  struct Frame;
  llvm::LogicalResult runOp(mlir::Operation &op, Frame &frame);

  WeightSource &source;
  RankExchange *others;
  Frame *innermost = nullptr;
  Observer observer;
};

} // namespace plait

#endif // PLAIT_ANALYSIS_EVALUATE_H
