//===- AddGreedySteps.cpp - Steps of which nobody wants the logits --------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Decode/Passes.h"
#include "plait-abi/Model.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/BitVector.h"

namespace plait {
#define GEN_PASS_DEF_ADDGREEDYSTEPSPASS
#include "passes/Decode/Passes.h.inc"
} // namespace plait

using namespace plait;
using namespace plait::decode;

namespace {
struct AddGreedyStepsPass : plait::impl::AddGreedyStepsPassBase<AddGreedyStepsPass> {
  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    for (StepOp step : llvm::to_vector(getOperation().getOps<StepOp>())) {
      Operation *choice = choiceOf(step);
      std::string name = step.getSymName().str() + PLAIT_GREEDY_SUFFIX;
      if (!choice || hasRole(step.getOutputRoles(), Role::logits) || hasRole(step.getInputRoles(), Role::hidden) ||
          symbols.lookup(name))
        continue;
      auto twin = cast<StepOp>(OpBuilder(step).clone(*step));
      twin->moveAfter(step);
      twin.setSymName(name);
      makeGreedy(twin);
      ++numAdded;
    }
  }

  static bool hasRole(ArrayAttr roles, Role role) {
    return llvm::any_of(roles, [&](Attribute own) { return cast<RoleAttr>(own).getValue() == role; });
  }

  /// What chooses with temperature 0 as decode.choose_greedy does; null if there is no such op, or
  /// it is decode.choose_greedy of logits as they are.
  static Operation *choiceOf(StepOp step) {
    for (Operation &op : step.getBody().front())
      if (isa<ChooseSampleOp>(op) || (isa<ChooseGreedyOp>(op) && op.getOperand(0).getDefiningOp<EditLogitsOp>()))
        return &op;
    return nullptr;
  }

  /// Chooses from the logits as they are, of which nothing else is returned but the most probable tokens.
  static void makeGreedy(StepOp step) {
    Operation *choice = choiceOf(step);
    OpBuilder b(choice);
    Value logits = choice->getOperand(0);
    if (auto edit = logits.getDefiningOp<EditLogitsOp>())
      logits = edit.getLogits();
    choice->replaceAllUsesWith(ChooseGreedyOp::create(b, choice->getLoc(), logits));
    choice->erase();
    step.walk([&](TopLogprobsOp tops) { tops.getLogitsMutable().assign(logits); });
    eraseUnused(step);
    step.setFunctionType(b.getFunctionType(step.getBody().getArgumentTypes(), step.getFunctionType().getResults()));
  }

  /// What only the choice has used, and the inputs that only it has asked for.
  static void eraseUnused(StepOp step) {
    Block &body = step.getBody().front();
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(body)))
      if (isOpTriviallyDead(&op))
        op.erase();
    llvm::BitVector unused(body.getNumArguments());
    SmallVector<Attribute> roles;
    for (auto [argument, role] : llvm::zip_equal(body.getArguments(), step.getInputRoles()))
      if (argument.use_empty() && !isa<lm::StateType>(argument.getType()))
        unused.set(argument.getArgNumber());
      else
        roles.push_back(role);
    body.eraseArguments(unused);
    step.setInputRolesAttr(OpBuilder(step).getArrayAttr(roles));
  }
};
} // namespace
