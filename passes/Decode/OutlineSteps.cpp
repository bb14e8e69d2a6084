//===- OutlineSteps.cpp - Forwards become runs of a step ------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Decode/Origins.h"
#include "passes/Decode/Passes.h"
#include "passes/Decode/StepShape.h"

#include "mlir/IR/Builders.h"

namespace plait {
#define GEN_PASS_DEF_OUTLINESTEPSPASS
#include "passes/Decode/Passes.h.inc"
} // namespace plait

using namespace plait;
using namespace plait::decode;

namespace {

LogicalResult refuse(Operation *op, const Twine &found, const Twine &expected) {
  return op->emitOpError("is not compiled yet: found ") << found << "; expected " << expected;
}

std::string textOf(Attribute attribute) {
  std::string text;
  llvm::raw_string_ostream(text) << attribute;
  return text;
}

/// A forward, and what chooses from its logits.
struct Forward {
  ForwardOp op;
  HeadOp head;
  EditOp edit; ///< or null
  VerifyRuleOpInterface rule;
  SmallVector<LearnOp> learns;

  static FailureOr<Forward> match(ForwardOp op) {
    Forward forward;
    forward.op = op;
    if (op.getSkip() && !op.getSkip()->empty())
      return refuse(op, "layers to skip", "a forward through all layers");
    if (BlockType type = op.getBlock().getType(); type.getTree() || type.getPrompts())
      return refuse(op, "a tree or prompts in its block", "a chain, such as '!decode.block<5>'");
    for (Operation *user : op.getHidden().getUsers()) {
      auto head = dyn_cast<HeadOp>(user);
      if (!head || forward.head)
        return refuse(user, "another use of hidden states than one head", "one 'decode.head' of a forward");
      if (head.getFunction() && *head.getFunction() != "head")
        return refuse(head, "another head than the model's", "no 'by'");
      forward.head = head;
    }
    if (!forward.head)
      return refuse(op, "no head", "one 'decode.head' of a forward");
    if (failed(forward.matchUsers(forward.head.getLogits())))
      return failure();
    if (!forward.rule || forward.rule->getOperand(0) != op.getBlock())
      return refuse(op, "no rule on its block", "one verify rule for the logits of a forward");
    return forward;
  }

  LogicalResult matchUsers(Value logits) {
    for (Operation *user : logits.getUsers()) {
      auto learn = dyn_cast<LearnOp>(user);
      if (learn && learn.getBlock() == op.getBlock())
        learns.push_back(learn);
      else if (auto own = dyn_cast<VerifyRuleOpInterface>(user); own && !rule)
        rule = own;
      else if (auto own = dyn_cast<EditOp>(user); own && !edit)
        edit = own;
      else
        return refuse(user, "another use of logits than the rule's", "one edit, one rule, and 'decode.learn'");
    }
    return edit && edit.getLogits() == logits ? matchUsers(edit.getResult()) : success();
  }

  /// Whether the rule takes edited logits.
  bool isEdited() { return edit && rule->getOperand(1) == edit.getResult(); }
};

struct OutlineStepsPass : plait::impl::OutlineStepsPassBase<OutlineStepsPass> {
  using OutlineStepsPassBase::OutlineStepsPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<StrategyOp> strategies;
    for (StrategyOp strategy : module.getOps<StrategyOp>())
      if (strategy.getSymName() != StringRef(step) && !strategy.isOutlined() && !isStep(strategy))
        strategies.push_back(strategy);
    if (strategies.empty())
      return;
    auto plain = module.lookupSymbol<StrategyOp>(step);
    if (!plain) {
      strategies.front().emitOpError("expected a strategy @")
          << step << ", whose step its forwards become; 'plait-attach-strategy' adds @ar";
      return signalPassFailure();
    }
    auto shape = StepShape::match(plain.getRound());
    if (failed(shape))
      return signalPassFailure();
    plainShape = *shape;
    for (StrategyOp strategy : strategies)
      if (failed(outline(strategy)))
        return signalPassFailure();
  }

  LogicalResult outline(StrategyOp strategy) {
    BlockArgument text = strategy.getBody().getArgument(0);
    if (text.getType() != plainShape.forward.getSequence().getType())
      return refuse(strategy, "a text of another model than that of @" + step, "a first sequence of that model");
    SmallVector<ForwardOp> forwards;
    strategy.walk([&](ForwardOp forward) { forwards.push_back(forward); });
    for (ForwardOp op : forwards) {
      auto forward = Forward::match(op);
      if (failed(forward) || (originOf(op.getSequence()) == text && failed(verifyText(*forward))) ||
          failed(outline(*forward)))
        return failure();
    }
    WalkResult result = strategy.walk([&](Operation *op) {
      if (isa<RoundOpInterface, StrategyOp, RoundOp, RepeatOp, YieldOp, ReturnOp>(op))
        return WalkResult::advance();
      (void)refuse(op, "an op that is no part of a forward", "one that the runtime interprets");
      return WalkResult::interrupt();
    });
    return failure(result.wasInterrupted());
  }

  /// Whether the text's tokens are those that the step chooses. Drafts may be any.
  LogicalResult verifyText(Forward forward) {
    bool isEdited = forward.isEdited(), wanted = bool(plainShape.edit);
    if (isEdited != wanted)
      return refuse(forward.rule, isEdited ? "edited logits" : "logits that are not edited",
                    (wanted ? "a 'decode.edit' for the rule, as @" : "none, as @") + step + " has it");
    if (isEdited && forward.edit.getHistory() != plainShape.edit.getHistory())
      return refuse(forward.edit, "penalties that look at the prefix", "'history path'");
    auto warps = forward.rule->getAttrOfType<ArrayAttr>("warps");
    auto plainWarps = plainShape.rule->getAttrOfType<ArrayAttr>("warps");
    if (warps && warps != plainWarps)
      return refuse(forward.rule, "the warps " + textOf(warps),
                    "those of @" + step + ", " + (plainWarps ? textOf(plainWarps) : "none"));
    return success();
  }

  LogicalResult outline(Forward forward) {
    OpBuilder b(forward.op);
    int64_t top = 0;
    for (LearnOp learn : forward.learns)
      top = std::max(top, int64_t(learn.getResult().getType().getCount()));
    auto run = RunOp::create(b, forward.op.getLoc(), FlatSymbolRefAttr::get(&getContext(), step),
                             forward.op.getSequence(), forward.op.getBlock(), b.getI64IntegerAttr(top));
    b.setInsertionPoint(forward.rule);
    Operation *path = forward.rule.followChoices(b, run.getChoices());
    if (!path)
      return failure();
    forward.rule->replaceAllUsesWith(path->getResults());
    for (LearnOp learn : forward.learns) {
      b.setInsertionPoint(learn);
      learn.replaceAllUsesWith(
          LearnChoicesOp::create(b, learn.getLoc(), learn.getSuccessors(), learn.getBlock(), run.getChoices())
              .getResult());
      learn.erase();
    }
    forward.op.getStage().replaceAllUsesWith(run.getStage());
    forward.rule->erase();
    if (forward.edit)
      forward.edit.erase();
    forward.head.erase();
    forward.op.erase();
    return success();
  }

  StepShape plainShape;
};

} // namespace
