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

LogicalResult ChooseSampleOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  const DenseValue &logits = dense(operands[0]);
  // 64-bit seeds above 2^53 lose their low bits here.
  auto at = [&](unsigned i, int64_t leaf) { return dense(operands[i]).data[leaf]; };
  // A warp's operand, or what leaves the distribution as it is.
  auto warp = [&](unsigned segment, int64_t leaf, double neutral) {
    auto [first, length] = getODSOperandIndexAndLength(segment);
    return length ? at(first, leaf) : neutral;
  };
  chooseEach(
      logits,
      [&](int64_t leaf) {
        WarpValues warps{at(4, leaf), int64_t(warp(5, leaf, 0)), warp(6, leaf, 1), warp(7, leaf, 0)};
        float u = uniformDraw(uint64_t(int64_t(at(2, leaf))), uint64_t(int64_t(at(3, leaf))), uint32_t(at(1, leaf)) + 1,
                              RandomPurpose::sample);
        return chooseSample(rowOf(logits, leaf), warps, u);
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
