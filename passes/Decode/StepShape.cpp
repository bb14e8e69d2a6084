//===- StepShape.cpp - The round that is one step -------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Decode/StepShape.h"

using namespace plait;
using namespace plait::decode;

FailureOr<StepShape> StepShape::match(RoundOp round) {
  StepShape shape;
  for (Operation &op : round.getBody().front()) {
    if (auto forward = dyn_cast<ForwardOp>(op); forward && !shape.forward)
      shape.forward = forward;
    else if (auto head = dyn_cast<HeadOp>(op); head && !shape.head)
      shape.head = head;
    else if (auto edit = dyn_cast<EditOp>(op); edit && !shape.edit)
      shape.edit = edit;
    else if (auto rule = dyn_cast<VerifyRuleOpInterface>(op); rule && !shape.rule)
      shape.rule = rule;
    else if (!isa<PendingOp, CommitOp, StopOp, YieldOp>(op))
      return op.emitOpError("cannot be batched: expected a round of pending, forward, head, at most one edit, "
                            "one verify rule, commit and stop");
  }
  if (!shape.forward || !shape.head || !shape.rule)
    return round.emitOpError("cannot be batched: expected a forward, a head and a verify rule");
  if (shape.edit && !llvm::is_contained(shape.rule->getOperands(), shape.edit.getResult()))
    return shape.edit.emitOpError("cannot be batched: expected the verify rule to take the edited logits");
  if (shape.forward.getTapped())
    return shape.forward.emitOpError("cannot be batched: expected a forward without taps, as nothing takes them");
  auto pending = shape.forward.getBlock().getDefiningOp<PendingOp>();
  if (!pending || pending.getMaxTokens() != 1)
    return shape.forward.emitOpError("cannot be batched: expected a block of one pending token");
  auto yield = cast<YieldOp>(round.getBody().front().getTerminator());
  auto stop = yield.getStop().getDefiningOp<StopOp>();
  if (!stop || !stop.getSequence().getDefiningOp<CommitOp>() || yield.getValues() != ValueRange(stop.getSequence()))
    return yield.emitOpError("cannot be batched: expected the committed sequence and whether it stops");
  return shape;
}

bool plait::isStep(StrategyOp strategy) {
  if (strategy.getCall())
    return false;
  int64_t forwards = 0;
  return llvm::all_of(strategy.getRound().getBody().front(), [&](Operation &op) {
    if (auto pending = dyn_cast<PendingOp>(op))
      return pending.getMaxTokens() == 1;
    if (auto rule = dyn_cast<VerifyRuleOpInterface>(op); rule && rule.getNumTops())
      return false; // its choice is made of what a step reports
    if (auto forward = dyn_cast<ForwardOp>(op); forward && forward.getTapped())
      return false;
    forwards += isa<ForwardOp>(op);
    return forwards < 2 && isa<ForwardOp, HeadOp, EditOp, VerifyRuleOpInterface, CommitOp, StopOp, YieldOp>(op);
  });
}
