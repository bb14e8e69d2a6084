//===- Origins.cpp - Where sequences of a strategy come from --------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Decode/Origins.h"

using namespace plait;
using namespace plait::decode;

Value plait::originOf(Value value) {
  while (true) {
    if (auto argument = dyn_cast<BlockArgument>(value)) {
      Operation *parent = argument.getOwner()->getParentOp();
      if (!isa<RoundOp, RepeatOp, GroupOpInterface>(parent))
        return value;
      value = parent->getOperand(argument.getArgNumber());
      continue;
    }
    Operation *op = value.getDefiningOp();
    if (auto repeat = dyn_cast<RepeatOp>(op))
      value = repeat.getInits()[cast<OpResult>(value).getResultNumber()];
    else if (isa<CommitOp, FollowOp, GroupOpInterface>(op))
      value = op->getOperand(0);
    else
      return value;
  }
}

Value plait::baseOf(Value sequence) {
  Value origin = originOf(sequence);
  auto fork = origin.getDefiningOp<ForkOp>();
  return fork ? baseOf(fork.getSequence()) : origin;
}
