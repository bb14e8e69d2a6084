//===- StrategyEvaluate.cpp - Reference semantics of strategies -----------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Decode/DraftFunctions.h"
#include "dialects/Decode/StrategyValues.h"
#include "dialects/Decode/Sublayers.h"

#include "mlir/IR/Builders.h"

#include <numeric>

using namespace plait;
using namespace plait::decode;

using Values = ArrayRef<EvalValue>;
using ValueList = std::vector<EvalValue>;

static const SequenceValue &sequence(const EvalValue &value) { return valueAs<SequenceValue>(value); }

//===----------------------------------------------------------------------===//
// Structure
//===----------------------------------------------------------------------===//

/// The model of a type that has one.
static lm::ModelOp modelOf(Operation *op, FlatSymbolRefAttr symbol) {
  return SymbolTable::lookupNearestSymbolFrom<lm::ModelOp>(op, symbol);
}

LogicalResult RoundOp::evaluate(Evaluator &evaluator, Values operands, ValueList &results) {
  ValueList carried(operands.begin(), operands.end());
  for (bool stop = false; !stop;) {
    bool hasText = !carried.empty() && isa<SequenceType>(getInits()[0].getType());
    size_t textSize = hasText ? sequence(carried[0]).tokens.size() : 0;
    auto next = evaluator.runBlock(getBody().front(), std::move(carried));
    if (failed(next))
      return failure();
    stop = valueAs<bool>(next->back());
    next->pop_back();
    if (hasText && !stop && sequence(next->front()).tokens.size() <= textSize)
      return emitOpError("expected a round that commits a token to its text, or stops");
    carried = std::move(*next);
  }
  llvm::append_range(results, carried);
  return success();
}

LogicalResult RepeatOp::evaluate(Evaluator &evaluator, Values operands, ValueList &results) {
  size_t numCarried = getInits().size();
  ValueList carried(operands.begin(), operands.begin() + numCarried);
  int64_t count = getCount();
  if (getTimes())
    count = std::min(count, valueAs<int64_t>(operands[numCarried]));
  auto hasRoom = [&] {
    for (auto [type, value] : llvm::zip_equal(getInits().getTypes(), carried))
      if (auto model = dyn_cast<SequenceType>(type))
        if (sequence(value).nonfinite ||
            int64_t(sequence(value).tokens.size()) > int64_t(modelOf(*this, model.getModel()).getMaxPositions()))
          return false;
    return true;
  };
  for (bool stop = false; !stop && count > 0 && hasRoom(); --count) {
    auto next = evaluator.runBlock(getBody().front(), std::move(carried));
    if (failed(next))
      return failure();
    if (next->size() > numCarried) {
      stop = valueAs<bool>(next->back());
      next->pop_back();
    }
    carried = std::move(*next);
  }
  llvm::append_range(results, carried);
  return success();
}

//===----------------------------------------------------------------------===//
// Sequences
//===----------------------------------------------------------------------===//

LogicalResult CommitOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  SequenceValue x = sequence(operands[0]);
  const auto &stage = valueAs<StageValue>(operands[1]);
  const auto &path = valueAs<PathValue>(operands[2]);
  // The branch that the accepted nodes begin.
  const StageValue::Branch *branch = nullptr;
  for (const StageValue::Branch &candidate : stage.branches)
    if (candidate.nodes.size() >= path.accepted.size() &&
        std::equal(path.accepted.begin(), path.accepted.end(), candidate.nodes.begin()))
      branch = &candidate;
  if (!branch)
    return emitOpError("expected a path through the staged nodes");
  x.states = branch->states;
  ++x.rounds;
  auto append = [&](int64_t token, double logprob) {
    if (x.stopped)
      return;
    x.tokens.push_back(token);
    x.logProbability += logprob;
    x.stoppedById = llvm::is_contained(x.stopIds, token);
    x.stopped = x.stoppedById || int64_t(x.tokens.size()) - x.promptLength >= x.maxNewTokens;
  };
  for (auto [token, logprob] : llvm::zip_equal(path.tokens, path.logprobs))
    append(token, logprob);
  if (!path.next.nonfinite)
    append(path.next.token, path.next.logprob);
  else if (!x.stopped)
    x.nonfinite = x.stopped = true;
  x.published = int64_t(x.tokens.size()) - 1;
  results.push_back(std::move(x));
  return success();
}

LogicalResult FollowOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  SequenceValue x = sequence(operands[0]);
  const SequenceValue &other = sequence(operands[1]);
  // As a chain: what its state has of branches beside each other is of no use.
  int64_t same = 0, limit = x.layout.isChain() ? std::min(x.published, int64_t(other.tokens.size()) - 1) : 0;
  while (same < limit && x.tokens[size_t(same)] == other.tokens[size_t(same)])
    ++same;
  x.published = same;
  x.tokens = other.tokens;
  x.layout = {};
  x.stopped = other.stopped;
  x.nonfinite = other.nonfinite;
  results.push_back(std::move(x));
  return success();
}

LogicalResult ForkOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  results.push_back(operands[0]);
  return success();
}

LogicalResult DropOp::evaluate(Evaluator &, Values, ValueList &) { return success(); }

LogicalResult StopOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  results.push_back(sequence(operands[0]).stopped);
  return success();
}

//===----------------------------------------------------------------------===//
// Model
//===----------------------------------------------------------------------===//

FailureOr<lm::FuncOp> decode::findFunction(Operation *op, FlatSymbolRefAttr model, StringRef name, StringRef signature,
                                           llvm::function_ref<bool(lm::FuncOp)> fits) {
  auto symbol = SymbolRefAttr::get(model.getAttr(), {FlatSymbolRefAttr::get(op->getContext(), name)});
  auto function = SymbolTable::lookupNearestSymbolFrom<lm::FuncOp>(op, symbol);
  if (!function || !function.getBody().hasOneBlock() || !fits(function))
    return op->emitOpError("expected a function ") << symbol << signature << " with a body of one block";
  return function;
}

/// Cells of their own, so that one branch of a tree does not see another one's.
static std::shared_ptr<StateValue> copyOf(const std::shared_ptr<StateValue> &state) {
  return std::make_shared<StateValue>(*state);
}

namespace {
/// A copy of a forward while it is needed.
class Copy {
public:
  explicit Copy(lm::FuncOp forward) : copy(cast<lm::FuncOp>(OpBuilder(forward).clone(*forward))) {
    copy.setSymName((forward.getSymName() + "_copy").str());
  }
  Copy(Copy &&other) : copy(std::exchange(other.copy, nullptr)) {}
  ~Copy() {
    if (copy)
      copy.erase();
  }
  lm::FuncOp operator*() const { return copy; }

private:
  lm::FuncOp copy;
};
} // namespace

/// A forward up to `layer` without the sublayers `skip`, which returns the residual stream there as well.
static FailureOr<Copy> makeTap(Operation *op, lm::FuncOp forward, ArrayRef<int64_t> skip, int64_t layer) {
  Copy tap(forward);
  lm::LayersOp loop = *(*tap).getBody().getOps<lm::LayersOp>().begin();
  cast<lm::ReturnOp>((*tap).getBody().front().getTerminator()).getValuesMutable().append(loop.getResult(0));
  SmallVector<int64_t> all(skip);
  llvm::erase_if(all, [&](int64_t number) { return number > 2 * layer + 1; });
  llvm::append_range(all, sublayersOf(layer + 1, loop.getEnd()));
  if (failed(cutLayers(*tap, all, {}, op)))
    return failure();
  return tap;
}

LogicalResult decode::evaluateForward(Operation *op, Evaluator &evaluator, FlatSymbolRefAttr model, StringRef function,
                                      ArrayRef<int64_t> skip, ArrayRef<int64_t> tapped, Values operands,
                                      ValueList &results) {
  const SequenceValue &x = sequence(operands[0]);
  const auto &block = valueAs<BlockValue>(operands[1]);
  if (block.sequence.tokens != x.tokens || block.sequence.published != x.published)
    return op->emitOpError("expected a block that continues the text of its sequence");
  auto forward = findFunction(op, model, function, "(ids, positions, rows, state...) -> (hidden, state...)",
                              [](lm::FuncOp function) { return function.isForward() || isTappedForward(function); });
  if (failed(forward))
    return failure();
  int64_t forced = int64_t(block.forced.size()), limit = modelOf(op, model).getMaxPositions();
  Block *body = &forward->getBody().front();
  std::optional<Copy> without;
  if (!skip.empty()) {
    without.emplace(*forward);
    if (failed(cutLayers(**without, skip, {}, op)))
      return failure();
    body = &(**without).getBody().front();
  }
  std::vector<Copy> ends;
  for (int64_t layer : tapped) {
    auto end = makeTap(op, *forward, skip, layer);
    if (failed(end))
      return failure();
    ends.push_back(std::move(*end));
  }

  size_t numStates = llvm::count_if(forward->getArgumentTypes(), llvm::IsaPred<lm::StateType>);
  size_t numTaps = forward->getNumResults() - 1 - numStates;
  NodeRowsValue hidden{block, {}};
  std::vector<NodeRowsValue> taps(tapped.size() + numTaps, hidden);
  StageValue stage;
  SmallVector<bool> known(block.nodes.size(), false);
  auto leaves =
      llvm::to_vector(llvm::make_filter_range(llvm::seq<int64_t>(0, int64_t(block.nodes.size())), [&](int64_t node) {
        return block.children(node).empty() && block.promptsOf(node).empty();
      }));
  // Each path from the root to a leaf is a chain, computed by itself.
  for (int64_t leaf : leaves) {
    StageValue::Branch branch{block.pathTo(leaf), {}};
    int64_t count = forced + int64_t(branch.nodes.size());
    if (x.published + count > limit)
      return op->emitOpError("expected at most max_positions ")
             << limit << " tokens in a sequence but got " << x.published + count;
    DenseValue ids = DenseValue::zeros({count}), positions = ids, next = ids; // 0 where it is not known
    RowsValue rows{std::vector<int64_t>(size_t(count), 0)};
    for (int64_t i = 0; i < count; ++i) {
      ids.data[size_t(i)] =
          double(i < forced ? block.forced[size_t(i)] : block.nodes[size_t(branch.nodes[size_t(i - forced)])].token);
      positions.data[size_t(i)] = double(x.layout.positionOf(x.published + i));
      int64_t last = x.published + i; // that it sees, all in the branch
      if (i >= forced)
        last += block.depth(block.lastSeenBy(branch.nodes[size_t(i - forced)])) - (i - forced);
      if (!x.layout.isChain())
        rows.paths.push_back(x.layout.seenBy(last));
      rows.ends.push_back(x.layout.positionOf(last));
      if (i > 0 && (i < forced || !block.nodes[size_t(branch.nodes[size_t(i - forced)])].isPrompt))
        next.data[size_t(i) - 1] = ids.data[size_t(i)];
    }
    auto stateOf = [&](size_t i) {
      auto state = i < x.states.size() ? x.states[i] : std::make_shared<StateValue>();
      return leaves.size() == 1 ? state : copyOf(state);
    };
    ValueList arguments = {ids, positions, rows};
    for (size_t i = 0; i < numStates; ++i)
      arguments.push_back(stateOf(i));
    // Rows of the block's nodes, of which those before are known.
    auto take = [&](const DenseValue &rows, DenseValue &into) {
      if (into.data.empty())
        into = DenseValue::zeros({int64_t(block.nodes.size()), rows.rowSize()});
      for (auto [i, node] : llvm::enumerate(branch.nodes))
        if (!known[size_t(node)])
          std::copy_n(rows.row(forced + int64_t(i)), rows.rowSize(), into.row(node));
    };
    for (size_t i = 0; i < tapped.size(); ++i) {
      auto tap = evaluator.runBlock((*ends[i]).getBody().front(), arguments);
      if (failed(tap))
        return failure();
      take(valueAs<DenseValue>(tap->back()), taps[i].rows);
      take(valueAs<DenseValue>(tap->front()), taps[i].exit ? *taps[i].exit : taps[i].exit.emplace());
    }
    if (isTappedForward(*forward)) {
      DenseValue all = DenseValue::zeros({count});
      std::iota(all.data.begin(), all.data.end(), 0.0);
      arguments.push_back(std::move(all));
    }
    auto values = evaluator.runBlock(*body, std::move(arguments));
    if (failed(values))
      return failure();
    const auto &states = valueAs<DenseValue>((*values)[0]);
    take(states, hidden.rows);
    for (size_t i = 0; i < numTaps; ++i)
      take(valueAs<DenseValue>((*values)[1 + numStates + i]), taps[tapped.size() + i].rows);
    for (int64_t node : branch.nodes)
      known[size_t(node)] = true;
    for (const EvalValue &state : ArrayRef(*values).slice(1, numStates))
      branch.states.push_back(valueAs<std::shared_ptr<StateValue>>(state));
    for (size_t i = numStates, e = numStates + stagingsOf(modelOf(op, model)).size(); i < e; ++i)
      branch.states.push_back(stateOf(i));
    if (failed(evaluateStaging(modelOf(op, model), evaluator, next, positions, rows, states, branch.states)))
      return failure();
    stage.branches.push_back(std::move(branch));
  }
  results.push_back(std::move(hidden));
  results.push_back(std::move(stage));
  llvm::append_range(results, taps);
  return success();
}

LogicalResult ForwardOp::evaluate(Evaluator &evaluator, Values operands, ValueList &results) {
  FlatSymbolRefAttr model = getSequence().getType().getModel();
  ArrayRef<int64_t> tapped = getTapped().value_or(ArrayRef<int64_t>());
  auto forward = modelOf(*this, model).lookupSymbol<lm::FuncOp>("forward");
  lm::LayersOp loop = forward ? findOnlyLoop(forward) : nullptr;
  if (!tapped.empty() && !loop)
    return emitOpError("expected a model with a loop over layers, as some are tapped");
  size_t set = getVariant() ? size_t(valueAs<int64_t>(operands[2])) : 0;
  return evaluateForward(*this, evaluator, model, "forward", getSkippedSublayers(set, loop ? loop.getEnd() : 0), tapped,
                         operands, results);
}

FailureOr<NodeRowsValue> decode::evaluateHead(Operation *op, Evaluator &evaluator, FlatSymbolRefAttr model,
                                              StringRef function, const NodeRowsValue &hidden) {
  auto head = findFunction(op, model, function, "(hidden) -> logits", [](lm::FuncOp function) {
    return function.getNumArguments() == 1 && function.getNumResults() == 1;
  });
  if (failed(head))
    return failure();
  auto values = evaluator.runBlock(head->getBody().front(), {hidden.rows});
  if (failed(values))
    return failure();
  return NodeRowsValue{hidden.block, valueAs<DenseValue>(values->front())};
}

LogicalResult HeadOp::evaluate(Evaluator &evaluator, Values operands, ValueList &results) {
  StringRef function = getFunction().value_or("head");
  auto hidden = valueAs<NodeRowsValue>(operands[0]);
  if (hidden.exit && function == "head")
    hidden.rows = *hidden.exit;
  auto logits = evaluateHead(*this, evaluator, getHidden().getType().getModel(), function, hidden);
  if (failed(logits))
    return failure();
  results.push_back(std::move(*logits));
  return success();
}

LogicalResult LeafOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  const auto &hidden = valueAs<NodeRowsValue>(operands[0]);
  int64_t node = valueAs<PathValue>(operands[1]).accepted.back();
  if (node >= int64_t(hidden.block.nodes.size()))
    return emitOpError("expected a path through the block's ")
           << hidden.block.nodes.size() << " nodes but got node " << node;
  auto rowOf = [&](const DenseValue &rows) {
    DenseValue leaf = DenseValue::zeros({1, rows.rowSize()});
    std::copy_n(rows.row(rows.rows() == 1 ? 0 : node), rows.rowSize(), leaf.data.begin());
    return leaf;
  };
  NodeRowsValue leaf{hidden.block, rowOf(hidden.rows)};
  if (hidden.exit)
    leaf.exit = rowOf(*hidden.exit);
  results.push_back(std::move(leaf));
  return success();
}

void decode::editRows(const SequenceValue &x, NodeRowsValue &logits, History history) {
  const BlockValue &block = logits.block;
  for (int64_t node = 0; node < logits.rows.rows(); ++node) {
    MutableArrayRef<double> row(logits.rows.row(node), size_t(logits.rows.rowSize()));
    std::vector<int64_t> text = x.tokens;
    std::vector<int64_t> path = block.pathTo(node);
    if (history == History::path)
      for (int64_t at : ArrayRef(path).drop_front())
        text.push_back(block.nodes[size_t(at)].token);
    for (auto [token, bias] : x.logitBias)
      applyEdit(row, {token, bias});
    for (const Edit &edit : penaltyEdits(text, x.promptLength, x.penalties))
      applyEdit(row, edit);
    if (int64_t(text.size()) - x.promptLength < x.minNewTokens)
      for (int64_t stop : x.stopIds)
        applyEdit(row, {stop, -std::numeric_limits<double>::infinity()});
  }
}

LogicalResult EditOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  auto logits = valueAs<NodeRowsValue>(operands[1]);
  editRows(sequence(operands[0]), logits, getHistory());
  results.push_back(std::move(logits));
  return success();
}

LogicalResult RunOp::evaluate(Evaluator &evaluator, Values operands, ValueList &results) {
  FlatSymbolRefAttr model = getSequence().getType().getModel();
  // A step says which layers it leaves out by the function that it calls, and by the next one whether it
  // has the head of a tap.
  StringRef function = "forward", head = "head";
  size_t source = 0; // of the logits, among what is forwarded
  size_t variant = getVariant() ? size_t(valueAs<int64_t>(operands[2])) : 0;
  auto step = SymbolTable::lookupNearestSymbolFrom<StepOp>(*this, getSteps()[variant]);
  if (step)
    for (lm::CallOp call : step.getBody().getOps<lm::CallOp>()) {
      if (call.getCallee().getRootReference() != model.getAttr())
        continue;
      if (call->getNumResults() > 1) {
        function = call.getCallee().getLeafReference();
      } else if (call->getNumOperands() == 1) {
        head = call.getCallee().getLeafReference();
        if (auto forward = call->getOperand(0).getDefiningOp<lm::CallOp>())
          source = 1 + cast<OpResult>(call->getOperand(0)).getResultNumber() -
                   llvm::count_if(forward.getResultTypes(), llvm::IsaPred<lm::StateType>);
      }
    }
  ValueList forwarded;
  if (failed(evaluateForward(*this, evaluator, model, function, {}, {}, operands, forwarded)))
    return failure();
  auto logits = evaluateHead(*this, evaluator, model, head, valueAs<NodeRowsValue>(forwarded[source]));
  if (failed(logits))
    return failure();
  editRows(sequence(operands[0]), *logits, History::path);
  if (step)
    for (ChooseTypicalOp rule : step.getBody().getOps<ChooseTypicalOp>())
      logits->typical = {rule.getThreshold().convertToDouble(), rule.getAlpha().convertToDouble()};
  results.push_back(std::move(*logits));
  results.push_back(std::move(forwarded[1]));
  if (getHidden())
    results.push_back(std::move(forwarded[0]));
  for (size_t i = 0; i < getNumTaps(); ++i)
    results.push_back(std::move(forwarded[2 + i]));
  return success();
}

LogicalResult RunHeadOp::evaluate(Evaluator &evaluator, Values operands, ValueList &results) {
  auto step = SymbolTable::lookupNearestSymbolFrom<StepOp>(*this, getStepAttr());
  lm::CallOp head = *step.getBody().getOps<lm::CallOp>().begin();
  auto logits = evaluateHead(*this, evaluator, getHidden().getType().getModel(), head.getCallee().getLeafReference(),
                             valueAs<NodeRowsValue>(operands[0]));
  if (failed(logits))
    return failure();
  results.push_back(candidatesOf(*logits, getResult().getType().getCount()));
  return success();
}
