//===- VerifyTokenOrder.cpp - Parts of a step see those before them -------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Overlap/Analyses.h"

#include "llvm/ADT/SetVector.h"

using namespace plait;

/// The state that `op` takes, if it is one that keeps keys and values.
static Value getState(Operation *op) {
  for (Value operand : op->getOperands())
    if (isa<lm::StateType>(operand.getType()))
      return operand;
  return {};
}

/// What works on `part` up to where the parts are joined, and takes a state.
static llvm::SetVector<Operation *> findStateful(Value part) {
  llvm::SetVector<Operation *> users(part.getUsers().begin(), part.getUsers().end()), stateful;
  for (size_t i = 0; i < users.size(); ++i) {
    Operation *op = users[i];
    if (isa<overlap::JoinTokensOp>(op))
      continue;
    if (getState(op))
      stateful.insert(op);
    // States tell the order, and are no values of this part.
    for (Value result : op->getResults())
      if (!isa<lm::StateType>(result.getType()))
        users.insert(result.user_begin(), result.user_end());
  }
  return stateful;
}

/// Whether the state that `op` takes is what one of `others` has returned, or follows from it.
static bool followsOneOf(Operation *op, const llvm::SetVector<Operation *> &others) {
  for (Value state = getState(op); state;) {
    Operation *source = state.getDefiningOp();
    if (!source)
      return false;
    if (others.contains(source))
      return true;
    state = getState(source);
  }
  return false;
}

LogicalResult plait::verifyTokenOrder(overlap::SplitTokensOp split) {
  llvm::SetVector<Operation *> before;
  for (auto [number, part] : llvm::enumerate(split.getParts())) {
    llvm::SetVector<Operation *> stateful = findStateful(part);
    if (!before.empty())
      for (Operation *op : stateful) {
        if (followsOneOf(op, before))
          continue;
        auto error = op->emitOpError("of part ")
                     << number << " of the tokens does not see the part before it; expected the state that '"
                     << before.front()->getName() << "' returns";
        error.attachNote(before.front()->getLoc()) << "of part " << number - 1;
        error.attachNote(split.getLoc()) << "tokens are split here";
        return error;
      }
    if (!stateful.empty())
      before = std::move(stateful);
  }
  return success();
}
