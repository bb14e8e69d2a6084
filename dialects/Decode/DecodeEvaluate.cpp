//===- DecodeEvaluate.cpp - Reference semantics of ops on leaves ----------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Decode/Decode.h"

#include "runtime/base/Philox.h"

using namespace plait;
using namespace plait::decode;

using Values = ArrayRef<EvalValue>;
using ValueList = std::vector<EvalValue>;

static const DenseValue &dense(const EvalValue &value) { return valueAs<DenseValue>(value); }

static ArrayRef<double> rowOf(const DenseValue &matrix, int64_t row) {
  return ArrayRef(matrix.row(row), size_t(matrix.rowSize()));
}

LogicalResult JoinHiddenOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  int64_t count = dense(operands[0]).rowSize(), rows = dense(operands[0]).rows();
  DenseValue joined = DenseValue::zeros({rows, count * int64_t(operands.size())});
  for (auto [i, operand] : llvm::enumerate(operands))
    for (int64_t row = 0; row < rows; ++row)
      std::copy_n(dense(operand).row(row), count, joined.row(row) + int64_t(i) * count);
  results.push_back(std::move(joined));
  return success();
}

LogicalResult EditLogitsOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  DenseValue logits = dense(operands[0]);
  const DenseValue &ends = dense(operands[1]);
  auto at = [&](unsigned list, int64_t entry) { return dense(operands[list]).data[size_t(entry)]; };
  int64_t entry = 0, entries = dense(operands[2]).rows();
  for (int64_t leaf = 0; leaf < logits.rows(); ++leaf) {
    if (!(ends.data[size_t(leaf)] <= double(entries)))
      return emitOpError("expected ends of at most ")
             << entries << ", the number of entries, but got " << ends.data[size_t(leaf)] << " for leaf " << leaf;
    for (; entry < int64_t(ends.data[size_t(leaf)]); ++entry)
      applyEdit(MutableArrayRef(logits.row(leaf), size_t(logits.rowSize())),
                {int64_t(at(2, entry)) - int64_t(getFirst()), at(3, entry), at(4, entry), at(5, entry)});
  }
  results.push_back(std::move(logits));
  return success();
}

/// Applies `rule` to each row of the logits; returns tokens, status, logprobs.
static void chooseEach(const DenseValue &logits, llvm::function_ref<Choice(int64_t)> rule, ValueList &results) {
  int64_t leaves = logits.rows();
  DenseValue tokens = DenseValue::zeros({leaves}), status = tokens, logprobs = tokens;
  for (int64_t leaf = 0; leaf < leaves; ++leaf) {
    Choice choice = rule(leaf);
    tokens.data[leaf] = double(choice.token);
    status.data[leaf] = choice.nonfinite ? 2 : 0;
    logprobs.data[leaf] = choice.logprob;
  }
  for (DenseValue *value : {&tokens, &status, &logprobs})
    results.push_back(std::move(*value));
}

LogicalResult ChooseGreedyOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  const DenseValue &logits = dense(operands[0]);
  chooseEach(logits, [&](int64_t leaf) { return chooseGreedily(rowOf(logits, leaf)); }, results);
  return success();
}

namespace {

/// The operands of a draw: those of decode.choose_sample and of ops that draw like it.
template <typename Op> class DrawOperands {
public:
  DrawOperands(Op op, Values operands) : op(op), operands(operands) {}

  WarpValues warps(int64_t leaf) {
    return {*at(op.getTemperature(), leaf), int64_t(at(op.getTopK(), leaf).value_or(0)),
            at(op.getTopP(), leaf).value_or(1), at(op.getMinP(), leaf).value_or(0)};
  }
  /// 64-bit seeds above 2^53 lose their low bits here.
  RandomKey draw(int64_t leaf) {
    return {uint64_t(int64_t(*at(op.getSeed(), leaf))), uint64_t(int64_t(*at(op.getSequence(), leaf))),
            int64_t(*at(op.getPositions(), leaf)) + 1, RandomPurpose::sample};
  }

private:
  /// None of a warp that is not applied.
  std::optional<double> at(Value operand, int64_t leaf) {
    if (!operand)
      return std::nullopt;
    size_t number = size_t(llvm::find(op->getOperands(), operand) - op->operand_begin());
    return dense(operands[number]).data[size_t(leaf)];
  }

  Op op;
  Values operands;
};

} // namespace

LogicalResult ChooseSampleOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  const DenseValue &logits = dense(operands[0]);
  DrawOperands own(*this, operands);
  chooseEach(
      logits, [&](int64_t leaf) { return chooseSample(rowOf(logits, leaf), own.warps(leaf), own.draw(leaf)); },
      results);
  return success();
}

LogicalResult ChooseTypicalOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  const DenseValue &logits = dense(operands[0]), &tokens = dense(operands[4]), &parents = dense(operands[5]);
  DrawOperands own(*this, operands);
  chooseEach(
      logits,
      [&](int64_t leaf) {
        WarpValues warps = own.warps(leaf);
        std::vector<double> weights = warpedWeights(rowOf(logits, leaf), warps);
        std::vector<int64_t> drafted;
        for (auto [other, parent] : llvm::enumerate(parents.data))
          if (parent == double(leaf))
            drafted.push_back(int64_t(tokens.data[other]));
        int64_t accepted =
            weights.empty() || !(warps.temperature > 0)
                ? -1
                : acceptTypical(weights, drafted, getThreshold().convertToDouble(), getAlpha().convertToDouble());
        return accepted < 0 ? chooseSample(rowOf(logits, leaf), warps, own.draw(leaf))
                            : choiceOf(rowOf(logits, leaf), drafted[size_t(accepted)]);
      },
      results);
  return success();
}

LogicalResult MatchStopsOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  const DenseValue &tokens = dense(operands[0]), &stops = dense(operands[2]);
  DenseValue result = dense(operands[1]);
  for (int64_t leaf = 0; leaf < tokens.rows(); ++leaf)
    if (result.data[leaf] == 0 && llvm::is_contained(rowOf(stops, leaf), tokens.data[leaf]))
      result.data[leaf] = 1;
  results.push_back(std::move(result));
  return success();
}

LogicalResult TopLogprobsOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  const DenseValue &logits = dense(operands[0]), &counts = dense(operands[1]);
  int64_t width = 0;
  for (double count : counts.data)
    width = std::max(width, int64_t(count));
  DenseValue tokens = DenseValue::zeros({logits.rows(), width}), logprobs = tokens;
  llvm::fill(tokens.data, -1);
  for (int64_t leaf = 0; leaf < logits.rows(); ++leaf)
    for (auto [i, top] : llvm::enumerate(topLogprobs(rowOf(logits, leaf), int64_t(counts.data[size_t(leaf)])))) {
      tokens.row(leaf)[i] = double(top.first);
      logprobs.row(leaf)[i] = top.second;
    }
  results.push_back(std::move(tokens));
  results.push_back(std::move(logprobs));
  return success();
}
