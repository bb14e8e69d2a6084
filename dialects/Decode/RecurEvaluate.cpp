//===- RecurEvaluate.cpp - Reference semantics of parts that draft --------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Recurrent heads, and layers that are trained to draft: a hidden state and the token that
// follows it become the next hidden state.
//
//===----------------------------------------------------------------------===//

#include "dialects/Decode/DraftFunctions.h"
#include "dialects/Decode/StrategyValues.h"

using namespace plait;
using namespace plait::decode;

using Values = ArrayRef<EvalValue>;
using ValueList = std::vector<EvalValue>;

/// One token in a row of its own.
static DenseValue single(int64_t number) {
  DenseValue value = DenseValue::zeros({1});
  value.data[0] = double(number);
  return value;
}

LogicalResult decode::evaluateStaging(lm::ModelOp model, Evaluator &evaluator, const DenseValue &next,
                                      const DenseValue &positions, const RowsValue &rows, const DenseValue &hidden,
                                      ArrayRef<std::shared_ptr<StateValue>> states) {
  SmallVector<lm::FuncOp> stagings = stagingsOf(model);
  for (auto [function, state] : llvm::zip_equal(stagings, states.take_back(stagings.size()))) {
    ValueList arguments = {hidden, next, positions, rows, state};
    if (failed(evaluator.runBlock(function.getBody().front(), std::move(arguments))))
      return failure();
  }
  return success();
}

/// The token that follows a hidden state; -1: there is none.
static int64_t tokenOf(const EvalValue &value, Type type) {
  if (isa<PathType>(type)) {
    const Choice &next = valueAs<PathValue>(value).next;
    return next.nonfinite ? -1 : next.token;
  }
  const auto &tokens = valueAs<CandidatesValue>(value).tokens;
  return tokens.empty() ? -1 : tokens.front();
}

/// Sets `result` to the next hidden state, by `name` of the sequence's model. False where there is
/// no token, or no position for it.
static FailureOr<bool> recur(Operation *op, Evaluator &evaluator, SequenceType type, StringRef name, Values operands,
                             NodeRowsValue &result) {
  const auto &x = valueAs<SequenceValue>(operands[2]);
  if (!x.layout.isChain())
    return op->emitOpError("expected a text whose branches do not lie beside each other");
  auto model = SymbolTable::lookupNearestSymbolFrom<lm::ModelOp>(op, type.getModel());
  auto function = findFunction(op, type.getModel(), name,
                               "(hidden, ids) -> hidden, or (hidden, ids, positions, rows, state) -> (hidden, state),",
                               [](lm::FuncOp function) { return isRecurrent(function); });
  if (failed(function))
    return failure();
  int64_t token = tokenOf(operands[1], op->getOperand(1).getType());
  int64_t position = int64_t(x.tokens.size()) - 2 + result.recurred++;
  if (token < 0 || x.stopped || position < 0 || position >= int64_t(model.getMaxPositions()))
    return false;
  ValueList arguments = {result.rows, single(token)};
  if (function->getNumArguments() > 2) {
    FailureOr<size_t> number = stateNumberOf(op, model, *function);
    if (failed(number))
      return failure();
    llvm::append_range(arguments, ValueList{single(position), RowsValue{{0}}, x.states[*number]});
  }
  auto values = evaluator.runBlock(function->getBody().front(), std::move(arguments));
  if (failed(values))
    return failure();
  result.rows = valueAs<DenseValue>(values->front());
  return true;
}

LogicalResult RecurOp::evaluate(Evaluator &evaluator, Values operands, ValueList &results) {
  auto hidden = valueAs<NodeRowsValue>(operands[0]);
  if (failed(recur(*this, evaluator, getSequence().getType(), getFunction(), operands, hidden)))
    return failure();
  results.push_back(std::move(hidden));
  return success();
}

LogicalResult RunRecurOp::evaluate(Evaluator &evaluator, Values operands, ValueList &results) {
  auto hidden = valueAs<NodeRowsValue>(operands[0]);
  auto step = SymbolTable::lookupNearestSymbolFrom<StepOp>(*this, getStepAttr());
  auto calls = llvm::to_vector(step.getBody().getOps<lm::CallOp>());
  auto more =
      recur(*this, evaluator, getSequence().getType(), calls.front().getCallee().getLeafReference(), operands, hidden);
  if (failed(more))
    return failure();
  CandidatesValue candidates;
  if (*more) {
    auto logits = evaluateHead(*this, evaluator, getHidden().getType().getModel(),
                               calls.back().getCallee().getLeafReference(), hidden);
    if (failed(logits))
      return failure();
    candidates = candidatesOf(*logits, getCandidates().getType().getCount());
  }
  results.push_back(std::move(candidates));
  results.push_back(std::move(hidden));
  return success();
}
