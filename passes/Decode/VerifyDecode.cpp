//===- VerifyDecode.cpp - Border of the decode phase ----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Decode/Passes.h"

namespace plait {
#define GEN_PASS_DEF_VERIFYDECODEPASS
#include "passes/Decode/Passes.h.inc"
} // namespace plait

using namespace plait;
using namespace plait::decode;

namespace {
struct VerifyDecodePass : plait::impl::VerifyDecodePassBase<VerifyDecodePass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    markAllAnalysesPreserved();
    for (StrategyOp strategy : module.getOps<StrategyOp>()) {
      if (strategy.isOutlined())
        continue;
      strategy.emitOpError("illegal after decode; expected to have been converted by 'plait-batch'");
      return signalPassFailure();
    }
    if (module.getOps<StepOp>().empty()) {
      module.emitError("expected a 'decode.step' after decode but found none; 'plait-batch' makes them");
      return signalPassFailure();
    }
    for (StepOp step : module.getOps<StepOp>()) {
      // A head has hidden states alone.
      for (Role role : {Role::tokens, Role::positions, Role::rows, Role::state, Role::leaves})
        if (!step.getInput(Role::hidden) && !step.getInput(role))
          return fail(step, "an argument", role);
      for (Role role : {Role::chosen, Role::status})
        if (!llvm::is_contained(step.getOutputRoles(), RoleAttr::get(&getContext(), role)))
          return fail(step, "a result", role);
    }
  }

  void fail(StepOp step, StringRef what, Role role) {
    step.emitOpError("expected ") << what << " of role " << stringifyRole(role) << " after decode but found none";
    signalPassFailure();
  }
};
} // namespace
