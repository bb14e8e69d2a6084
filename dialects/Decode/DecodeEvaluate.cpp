//===- DecodeEvaluate.cpp - Reference semantics of decode ops -------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A sequence, its blocks, stages and paths as values of the reference
// evaluation. Staged keys and values are the cells of the state at and beyond
// `published`: dropping a stage costs nothing, the next one overwrites it.
//
//===----------------------------------------------------------------------===//

#include "dialects/Decode/Decode.h"

#include "runtime/base/Philox.h"

using namespace plait;
using namespace plait::decode;

using Values = ArrayRef<EvalValue>;
using ValueList = std::vector<EvalValue>;

namespace {

/// !decode.block: tokens, with the sequence that they continue.
struct BlockValue {
  SequenceValue sequence;
  std::vector<int64_t> tokens;

  /// Position of the block's last token.
  int64_t lastPosition() const { return sequence.published + int64_t(tokens.size()) - 1; }
};

/// !decode.stage: how many tokens' keys and values a forward has staged.
struct StageValue {
  std::vector<std::shared_ptr<StateValue>> states;
  int64_t count = 0;
};

/// !decode.path: how many tokens of the block are accepted, and what follows.
struct PathValue {
  int64_t accepted = 0;
  Choice next;
};

} // namespace

static const SequenceValue &sequence(const EvalValue &value) { return valueAs<SequenceValue>(value); }
static const DenseValue &dense(const EvalValue &value) { return valueAs<DenseValue>(value); }

static ArrayRef<double> rowOf(const DenseValue &matrix, int64_t row) {
  return ArrayRef(matrix.row(row), size_t(matrix.rowSize()));
}

//===----------------------------------------------------------------------===//
// One sequence
//===----------------------------------------------------------------------===//

LogicalResult RoundOp::evaluate(Evaluator &evaluator, Values operands, ValueList &results) {
  ValueList carried(operands.begin(), operands.end());
  for (bool stop = false; !stop;) {
    auto next = evaluator.runBlock(getBody().front(), std::move(carried));
    if (failed(next))
      return failure();
    stop = valueAs<bool>(next->back());
    next->pop_back();
    carried = std::move(*next);
  }
  llvm::append_range(results, carried);
  return success();
}

LogicalResult PendingOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  const SequenceValue &x = sequence(operands[0]);
  if (x.published >= int64_t(x.tokens.size()))
    return emitOpError("expected a sequence with pending tokens but all ") << x.tokens.size() << " are in its state";
  results.push_back(BlockValue{x, {x.tokens.begin() + x.published, x.tokens.end()}});
  return success();
}

/// The function `name` of `model`, with a body of one block; `fits` says whether
/// it is one of `signature`.
static FailureOr<lm::FuncOp> modelFunction(Operation *op, FlatSymbolRefAttr model, StringRef name, StringRef signature,
                                           llvm::function_ref<bool(lm::FuncOp)> fits) {
  auto symbol = SymbolRefAttr::get(model.getAttr(), {FlatSymbolRefAttr::get(op->getContext(), name)});
  auto function = SymbolTable::lookupNearestSymbolFrom<lm::FuncOp>(op, symbol);
  if (!function || !function.getBody().hasOneBlock() || !fits(function))
    return op->emitOpError("expected a function ") << symbol << signature << " with a body of one block";
  return function;
}

LogicalResult ForwardOp::evaluate(Evaluator &evaluator, Values operands, ValueList &results) {
  const SequenceValue &x = sequence(operands[0]);
  const auto &block = valueAs<BlockValue>(operands[1]);
  FlatSymbolRefAttr symbol = cast<SequenceType>(getSequence().getType()).getModel();
  auto forward = modelFunction(*this, symbol, "forward", "(ids, positions, rows, state...) -> (hidden, state...)",
                               [](lm::FuncOp function) { return function.isForward(); });
  if (failed(forward))
    return failure();
  int64_t count = int64_t(block.tokens.size()), limit = (*forward)->getParentOfType<lm::ModelOp>().getMaxPositions();
  if (x.published + count > limit)
    return emitOpError("expected at most max_positions ")
           << limit << " tokens in a sequence but got " << x.published + count;
  DenseValue ids = DenseValue::zeros({count}), positions = ids;
  for (auto [i, token] : llvm::enumerate(block.tokens)) {
    ids.data[i] = double(token);
    positions.data[i] = double(x.published + int64_t(i));
  }
  RowsValue rows{std::vector<int64_t>(size_t(count), 0)};
  ValueList arguments = {std::move(ids), std::move(positions), std::move(rows)};
  for (size_t i = 0, e = forward->getStateTypes().size(); i < e; ++i)
    arguments.push_back(x.states.empty() ? std::make_shared<StateValue>() : x.states[i]);
  auto values = evaluator.runBlock(forward->getBody().front(), std::move(arguments));
  if (failed(values))
    return failure();
  StageValue stage{{}, count};
  for (const EvalValue &state : ArrayRef(*values).drop_front())
    stage.states.push_back(valueAs<std::shared_ptr<StateValue>>(state));
  results.push_back(std::move((*values)[0]));
  results.push_back(std::move(stage));
  return success();
}

LogicalResult HeadOp::evaluate(Evaluator &evaluator, Values operands, ValueList &results) {
  auto head = modelFunction(
      *this, cast<HiddenType>(getHidden().getType()).getModel(), "head", "(hidden) -> logits",
      [](lm::FuncOp function) { return function.getNumArguments() == 1 && function.getNumResults() == 1; });
  if (failed(head))
    return failure();
  // The path up to the block's last token is forced: no rule asks for the
  // logits of another one.
  const DenseValue &hidden = dense(operands[0]);
  DenseValue last = DenseValue::zeros({1, hidden.rowSize()});
  llvm::copy(rowOf(hidden, hidden.rows() - 1), last.data.begin());
  auto values = evaluator.runBlock(head->getBody().front(), {std::move(last)});
  if (failed(values))
    return failure();
  results.push_back(std::move(values->front()));
  return success();
}

LogicalResult EditOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  const SequenceValue &x = sequence(operands[0]);
  DenseValue logits = dense(operands[1]);
  for (auto [token, bias] : x.logitBias)
    applyEdit(logits.data, {token, bias});
  for (const Edit &edit : penaltyEdits(x.tokens, x.promptLength, x.penalties))
    applyEdit(logits.data, edit);
  if (int64_t(x.tokens.size()) - x.promptLength < x.minNewTokens)
    for (int64_t stop : x.stopIds)
      applyEdit(logits.data, {stop, -std::numeric_limits<double>::infinity()});
  results.push_back(std::move(logits));
  return success();
}

LogicalResult VerifyGreedyOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  const auto &block = valueAs<BlockValue>(operands[0]);
  results.push_back(PathValue{int64_t(block.tokens.size()), chooseGreedily(rowOf(dense(operands[1]), 0))});
  return success();
}

LogicalResult VerifySampleOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  const auto &block = valueAs<BlockValue>(operands[0]);
  const SequenceValue &x = block.sequence;
  WarpValues warps;
  for (auto warp : getWarps().getAsRange<WarpAttr>()) {
    switch (warp.getValue()) {
    case Warp::temperature:
      warps.temperature = x.temperature;
      break;
    case Warp::top_k:
      warps.topK = x.topK;
      break;
    case Warp::top_p:
      warps.topP = x.topP;
      break;
    case Warp::min_p:
      warps.minP = x.minP;
      break;
    }
  }
  float u = uniformDraw(x.seed, x.sequence, uint32_t(block.lastPosition() + 1), RandomPurpose::sample);
  results.push_back(PathValue{int64_t(block.tokens.size()), chooseSample(rowOf(dense(operands[1]), 0), warps, u)});
  return success();
}

LogicalResult CommitOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  SequenceValue x = sequence(operands[0]);
  const auto &stage = valueAs<StageValue>(operands[1]);
  const auto &path = valueAs<PathValue>(operands[2]);
  if (path.accepted > stage.count)
    return emitOpError("expected at most the ")
           << stage.count << " staged tokens to be accepted but got " << path.accepted;
  x.published += path.accepted;
  x.states = stage.states;
  if (path.next.nonfinite) {
    x.nonfinite = x.stopped = true;
  } else {
    x.tokens.push_back(path.next.token);
    x.stopped =
        llvm::is_contained(x.stopIds, path.next.token) || int64_t(x.tokens.size()) - x.promptLength >= x.maxNewTokens;
  }
  results.push_back(std::move(x));
  return success();
}

LogicalResult StopOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  results.push_back(sequence(operands[0]).stopped);
  return success();
}

//===----------------------------------------------------------------------===//
// Leaves of a step
//===----------------------------------------------------------------------===//

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
