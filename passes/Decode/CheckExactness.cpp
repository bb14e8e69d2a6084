//===- CheckExactness.cpp - What a strategy's text is worth ---------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Decode/Origins.h"
#include "passes/Decode/Passes.h"

#include "mlir/IR/Remarks.h"

namespace plait {
#define GEN_PASS_DEF_CHECKEXACTNESSPASS
#include "passes/Decode/Passes.h.inc"
} // namespace plait

using namespace plait;
using namespace plait::decode;

namespace {

/// Whether `op`, or what it is in, stands between two ops of one block.
bool isBetween(Operation *op, Operation *begin, Operation *end) {
  Operation *at = begin->getBlock()->findAncestorOpInBlock(*op);
  return at && begin->isBeforeInBlock(at) && at->isBeforeInBlock(end);
}

/// The draft sources that a block passes through, from the last one on.
SmallVector<DraftSourceOpInterface> sourcesOf(Value block) {
  SmallVector<DraftSourceOpInterface> sources;
  SmallVector<Value> open = {block};
  DenseSet<Value> seen;
  while (!open.empty()) {
    Value value = open.pop_back_val();
    if (!seen.insert(value).second)
      continue;
    if (auto argument = dyn_cast<BlockArgument>(value)) {
      Operation *loop = argument.getOwner()->getParentOp();
      open.push_back(loop->getOperand(argument.getArgNumber()));
      open.push_back(argument.getOwner()->getTerminator()->getOperand(argument.getArgNumber()));
    } else if (auto repeat = value.getDefiningOp<RepeatOp>()) {
      unsigned number = cast<OpResult>(value).getResultNumber();
      open.push_back(repeat.getInits()[number]);
      open.push_back(repeat.getBody().front().getTerminator()->getOperand(number));
    } else if (auto source = value.getDefiningOp<DraftSourceOpInterface>()) {
      sources.push_back(source);
      for (Value input : source->getOperands()) // of one that changes a block
        if (isa<BlockType>(input.getType()))
          open.push_back(input);
    }
  }
  return sources;
}

//===----------------------------------------------------------------------===//
// Legality
//===----------------------------------------------------------------------===//

/// What is proved is of forwards and rules.
LogicalResult verifyForwards(StrategyOp strategy) {
  WalkResult result = strategy.walk([](RunOp run) {
    run.emitOpError("expected a 'decode.forward': 'plait-check-exactness' comes before 'plait-outline-steps'");
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

/// `originOf` relies on this.
LogicalResult verifyLoops(StrategyOp strategy) {
  WalkResult result = strategy.walk([&](Operation *loop) {
    if (!isa<RoundOp, RepeatOp, EachOp>(loop))
      return WalkResult::advance();
    Block &body = loop->getRegion(0).front();
    for (BlockArgument argument : body.getArguments())
      if (isa<SequenceType, GroupType>(argument.getType()) &&
          originOf(body.getTerminator()->getOperand(argument.getArgNumber())) != originOf(argument)) {
        loop->emitOpError("expected to yield as value ")
            << argument.getArgNumber() << " what became of that sequence, but it is another one";
        return WalkResult::interrupt();
      }
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

/// The text comes from commits, and its end from the text; a fork has cells beyond those of
/// its sequence alone.
LogicalResult verifyText(StrategyOp strategy) {
  Value text = strategy.getBody().getArgument(0);
  auto yield = cast<YieldOp>(strategy.getRound().getBody().front().getTerminator());
  auto stop = yield.getStop().getDefiningOp<StopOp>();
  if (!stop || originOf(stop.getSequence()) != text)
    return yield.emitOpError("expected 'until' a 'decode.stop' of the strategy's first sequence");
  WalkResult result = strategy.walk([&](FollowOp follow) {
    Value origin = originOf(follow.getSequence());
    if (origin != text && isa<BlockArgument>(origin))
      return WalkResult::advance();
    follow.emitOpError("expected a draft of its own but got ") << (origin == text ? "the text" : "a fork");
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

/// A fork writes where the next forward of its sequence will: none may stand between.
LogicalResult verifyForks(StrategyOp strategy) {
  WalkResult result = strategy.walk([&](ForkOp fork) {
    Operation *end = nullptr;
    strategy.walk([&](DropOp drop) {
      if (originOf(drop.getSequence()) == fork.getResult())
        end = drop;
    });
    if (!end || end->getBlock() != fork->getBlock()) {
      fork.emitOpError("expected a 'decode.drop' of what the fork becomes, in its region");
      return WalkResult::interrupt();
    }
    return strategy.walk([&](Operation *op) {
      if (!isa<ForwardOp, CommitOp>(op) || originOf(op->getOperand(0)) == fork.getResult() ||
          baseOf(op->getOperand(0)) != baseOf(fork.getSequence()))
        return WalkResult::advance();
      if (!isBetween(op, fork, end))
        return WalkResult::advance();
      op->emitOpError("expected no use of the sequence's state while a fork of it lives").attachNote(fork.getLoc())
          << "the fork";
      return WalkResult::interrupt();
    });
  });
  return failure(result.wasInterrupted());
}

/// Between a forward and the commit of its stage no other forward writes that state.
LogicalResult verifyStages(StrategyOp strategy) {
  WalkResult result = strategy.walk([&](CommitOp commit) {
    auto forward = commit.getStage().getDefiningOp<ForwardOp>();
    return strategy.walk([&](ForwardOp other) {
      if (baseOf(other.getSequence()) != baseOf(forward.getSequence()) || !isBetween(other, forward, commit))
        return WalkResult::advance();
      other.emitOpError("expected no other forward of a sequence before its stage is committed")
              .attachNote(forward.getLoc())
          << "the stage";
      return WalkResult::interrupt();
    });
  });
  return failure(result.wasInterrupted());
}

/// Whether each iteration of a loop begins anew with a block that passes through `sources`.
bool beginsAnew(Operation *loop, ArrayRef<DraftSourceOpInterface> sources) {
  return llvm::all_of(sources, [&](DraftSourceOpInterface source) {
    return loop->isProperAncestor(source) || llvm::any_of(source->getOperandTypes(), llvm::IsaPred<BlockType>);
  });
}

/// A block has room for what loops append to it.
LogicalResult verifyRoom(StrategyOp strategy) {
  WalkResult result = strategy.walk([&](AppendOp append) {
    int64_t total = 1;
    SmallVector<DraftSourceOpInterface> sources = sourcesOf(append.getBlock());
    for (DraftSourceOpInterface source : sources) {
      int64_t count = 1;
      for (Operation *op = source; !isa<StrategyOp>(op); op = op->getParentOp())
        if (auto repeat = dyn_cast<RepeatOp>(op); repeat && !beginsAnew(repeat, sources))
          count *= repeat.getCount();
      if (isa<AppendOp>(source.getOperation()))
        total += count;
      else if (!isa<PendingOp, ShortenOp>(source.getOperation()))
        total += source.getMaxTokens() - 1;
    }
    if (total <= append.getMaxTokens())
      return WalkResult::advance();
    append.emitOpError("expected a block with room for ") << total << " tokens but got " << append.getBlock().getType();
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

/// Each node of a block has a cell of its own in each state of the model, behind those of the text: a
/// tree's nodes lie behind each other. A window changes nothing, as its state gets pages for what a
/// round stages beside those of the window; but no state has more positions than the model.
LogicalResult verifyBlocks(StrategyOp strategy) {
  WalkResult result = strategy.walk([](ForwardOp forward) {
    auto model = SymbolTable::lookupNearestSymbolFrom<lm::ModelOp>(forward, forward.getSequence().getType().getModel());
    auto function = model.lookupSymbol<lm::FuncOp>("forward");
    SmallVector<BlockArgument> states; // a model that is only declared has none
    if (function)
      llvm::copy_if(function.getArguments(), std::back_inserter(states),
                    [](BlockArgument argument) { return isa<lm::StateType>(argument.getType()); });
    auto positions = int64_t(model.getMaxPositions());
    if (states.empty() || forward.getBlock().getType().getSize() <= positions)
      return WalkResult::advance();
    Operation *culprit = forward;
    for (DraftSourceOpInterface source : sourcesOf(forward.getBlock()))
      if (source.getMaxTokens() > positions)
        culprit = source;
    InFlightDiagnostic diagnostic = culprit->emitOpError("expected a block of at most ")
                                    << positions << " nodes, as each state of @" << model.getSymName()
                                    << " has so many positions, but got " << forward.getBlock().getType();
    for (BlockArgument state : states)
      diagnostic.attachNote(function.getLoc())
          << "argument " << state.getArgNumber() << " of @" << function.getSymName() << ": " << state.getType();
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

//===----------------------------------------------------------------------===//
// Exactness
//===----------------------------------------------------------------------===//

/// Rejection sampling needs drafts by other random numbers than those of the text. Their
/// distribution may be any, as a token brings the one that it was drawn from.
ExactnessReason drawsOf(Value block) {
  for (DraftSourceOpInterface source : sourcesOf(block)) {
    auto append = dyn_cast<AppendOp>(source.getOperation());
    if (!append)
      continue;
    Operation *draft = append.getPath().getDefiningOp();
    auto sample = dyn_cast_or_null<VerifySampleOp>(draft);
    if (!sample && !isa_and_nonnull<VerifyGreedyOp>(draft))
      return {Exactness::approximate, "it is not known which distribution drafted tokens are drawn from"};
    if (sample && sample.getPurpose() == Purpose::sample)
      return {Exactness::approximate, "drafted tokens are drawn by the random numbers that decide on the text"};
  }
  return {};
}

ExactnessReason exactnessOf(CommitOp commit) {
  auto forward = commit.getStage().getDefiningOp<ForwardOp>();
  auto rule = cast<VerifyRuleOpInterface>(commit.getPath().getDefiningOp());
  ExactnessReason result = rule.getExactness();
  if (result.exactness == Exactness::distribution)
    result = result.meet(drawsOf(forward.getBlock()));
  if (!forward.isWhole())
    result = result.meet({Exactness::approximate, "layers are left out of a forward whose stage is committed"});
  Value logits = rule->getOperand(1);
  if (auto edit = logits.getDefiningOp<EditOp>()) {
    if (edit.getHistory() == History::prefix)
      result = result.meet(
          {Exactness::approximate, "penalties of a node look at the sequence alone and not at the node's path"});
    logits = edit.getLogits();
  }
  auto head = logits.getDefiningOp<HeadOp>();
  if (head && llvm::is_contained(forward.getTaps(), head.getHidden()))
    result = result.meet({Exactness::approximate, "the rule takes logits of a tap"});
  else if (!head || head.getHidden() != forward.getHidden())
    result = result.meet({Exactness::approximate, "the rule takes logits of another forward"});
  else if (head.getFunction() && *head.getFunction() != "head")
    result = result.meet({Exactness::approximate, "the rule takes logits of another head than the model's"});
  return result;
}

/// How far a branch comes may decide on the text, and must not depend on how many drafted tokens are accepted. It does
/// not if its rounds suffice for all tokens that it may have.
ExactnessReason reachOf(CommitOp commit) {
  auto each = commit->getParentOfType<EachOp>();
  if (!each || commit.getStage().getDefiningOp<ForwardOp>().getBlock().getType().getSize() == 1)
    return {};
  int64_t rounds = 1, wanted = each.getGroup().getType().getLength();
  for (Operation *op = commit->getParentOp(); op != each; op = op->getParentOp())
    if (auto repeat = dyn_cast<RepeatOp>(op))
      rounds = repeat.getTimes() ? 0 : std::min(wanted, rounds * std::min<int64_t>(repeat.getCount(), wanted));
  if (rounds >= wanted)
    return {};
  return {Exactness::approximate, "how far a branch comes depends on how many drafted tokens are accepted"};
}

/// What drafts decide on must not depend on how long steps take.
LogicalResult verifyLengths(StrategyOp strategy) {
  WalkResult result = strategy.walk([&](Operation *op) {
    auto choose = dyn_cast<ChooseLengthOp>(op);
    if (!isa<ChooseVariantOp>(op) && (!choose || choose.getCosts()))
      return WalkResult::advance();
    if (!choose) {
      op->emitOpError("expected one variant that always drafts, as the text of a strategy that is approximate follows "
                      "from what is drafted, and must not depend on the clock");
      return WalkResult::interrupt();
    }
    choose.emitOpError(
        "expected costs, as the text of a strategy that is approximate follows from what is drafted, and "
        "must not depend on the clock");
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

struct CheckExactnessPass : plait::impl::CheckExactnessPassBase<CheckExactnessPass> {
  void runOnOperation() override {
    for (StrategyOp strategy : getOperation().getOps<StrategyOp>())
      if (failed(verifyForwards(strategy)) || failed(verifyLoops(strategy)) || failed(verifyText(strategy)) ||
          failed(verifyForks(strategy)) || failed(verifyStages(strategy)) || failed(verifyRoom(strategy)) ||
          failed(verifyBlocks(strategy)) || failed(check(strategy)))
        return signalPassFailure();
  }

  LogicalResult check(StrategyOp strategy) {
    Value text = strategy.getBody().getArgument(0);
    ExactnessReason result;
    Operation *culprit = strategy;
    auto meet = [&](const ExactnessReason &own, Operation *op) {
      if (result.exactness < own.exactness)
        result = own, culprit = op;
    };
    strategy.walk([&](Operation *op) {
      if (auto commit = dyn_cast<CommitOp>(op); commit && originOf(commit.getSequence()) == text)
        meet(exactnessOf(commit).meet(reachOf(commit)), commit.getPath().getDefiningOp());
      else if (auto group = dyn_cast<GroupOpInterface>(op); group && originOf(op->getOperand(0)) == text)
        meet(group.getExactness(), op);
    });
    remark::analysis(strategy.getLoc(), remark::RemarkOpts::name("Exactness").category("plait-check-exactness"))
        << ("@" + strategy.getSymName() + " is " + stringifyExactness(result.exactness) +
            (result.reason.empty() ? "" : ": " + result.reason))
               .str();
    if (result.exactness == Exactness::approximate &&
        strategy.getExact().value_or(Exactness::approximate) == Exactness::approximate &&
        failed(verifyLengths(strategy)))
      return failure();
    if (!strategy.getExact()) {
      strategy.setExact(result.exactness);
      return success();
    }
    if (result.exactness <= *strategy.getExact())
      return success();
    return culprit->emitOpError("expected a strategy that is ")
           << stringifyExactness(*strategy.getExact()) << ", as @" << strategy.getSymName() << " says, but it is "
           << stringifyExactness(result.exactness) << ": " << result.reason;
  }
};

} // namespace
