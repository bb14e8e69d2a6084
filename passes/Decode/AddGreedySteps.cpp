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
  /// nothing but it uses the logits already.
  static Operation *choiceOf(StepOp step) {
    for (Operation &op : step.getBody().front())
      if (isa<ChooseSampleOp>(op) || (isa<ChooseGreedyOp>(op) && (op.getOperand(0).getDefiningOp<EditLogitsOp>() ||
                                                                  !op.getOperand(0).hasOneUse())))
        return &op;
    return nullptr;
  }

  /// Chooses from the logits as they are, and returns nothing else of them.
  static void makeGreedy(StepOp step) {
    Operation *choice = choiceOf(step);
    OpBuilder b(choice);
    Value logits = choice->getOperand(0);
    if (auto edit = logits.getDefiningOp<EditLogitsOp>())
      logits = edit.getLogits();
    choice->replaceAllUsesWith(ChooseGreedyOp::create(b, choice->getLoc(), logits));
    choice->erase();

    auto end = cast<ReturnOp>(step.getBody().front().getTerminator());
    SmallVector<Value> values;
    SmallVector<Attribute> roles;
    for (auto [value, role] : llvm::zip_equal(end.getValues(), step.getOutputRoles()))
      if (!value.getDefiningOp<TopLogprobsOp>()) {
        values.push_back(value);
        roles.push_back(role);
      }
    end.getValuesMutable().assign(values);
    step.setOutputRolesAttr(b.getArrayAttr(roles));
    eraseUnused(step);
    step.setFunctionType(b.getFunctionType(step.getBody().getArgumentTypes(), ValueRange(values).getTypes()));
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
