//===- VerifyLower.cpp - Border of the lower phase ------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Lower/Passes.h"

#include "plait-abi/Model.h"

namespace plait {
#define GEN_PASS_DEF_VERIFYLOWERPASS
#include "passes/Lower/Passes.h.inc"
} // namespace plait

using namespace plait;

namespace {
struct VerifyLowerPass : plait::impl::VerifyLowerPassBase<VerifyLowerPass> {
  void runOnOperation() override {
    markAllAnalysesPreserved();
    if (failed(verify(getOperation())))
      signalPassFailure();
  }

  LogicalResult verify(ModuleOp module) {
    auto models = llvm::to_vector(module.getOps<rt::ModelOp>());
    if (models.size() != 1)
      return module.emitError("expected one 'rt.model' after lower but got ") << models.size();
    for (Operation &op : *module.getBody())
      if (!isa<rt::ModelOp, kernel::FuncOp>(op))
        return op.emitOpError("illegal after lower; expected to have been converted by 'plait-plan-launches'");
    if (models.front().getNumerics() == lm::stringifyNumerics(lm::Numerics::tp_invariant)) {
      auto hasTree = [](lm::LinearOp linear) {
        if (linear.getTree())
          return WalkResult::advance();
        linear.emitOpError("expected a tree, as numerics is tp_invariant; 'plait-declare-trees' declares it");
        return WalkResult::interrupt();
      };
      if (module.walk(hasTree).wasInterrupted())
        return failure();
    }
    Block &body = models.front().getBody().front();
    for (rt::KernelOp kernel : body.getOps<rt::KernelOp>())
      if (!module.lookupSymbol<kernel::FuncOp>(kernel.getFunction()))
        return kernel.emitOpError("expected the symbol of a 'kernel.func' but got @") << kernel.getFunction();
    int64_t weights = llvm::range_size(body.getOps<rt::WeightOp>());
    int64_t states = llvm::range_size(body.getOps<rt::StateOp>()), tables = 0;
    for (rt::StateOp state : body.getOps<rt::StateOp>())
      tables = std::max(tables, int64_t(state.getTable()) + 1);
    for (rt::PlanOp plan : body.getOps<rt::PlanOp>()) {
      Block &launches = plan.getBody().front();
      int64_t slots = llvm::range_size(launches.getOps<rt::SlotOp>());
      int64_t limits[] = {slots, weights, states, PLAIT_IN_COUNT, PLAIT_OUT_COUNT, tables, /*copies=*/slots};
      for (rt::LaunchOp launch : launches.getOps<rt::LaunchOp>())
        for (auto argument : launch.getArguments().getAsRange<rt::ArgAttr>())
          if (argument.getIndex() < 0 || argument.getIndex() >= limits[int(argument.getKind())])
            return launch.emitOpError("expected an index below ")
                   << limits[int(argument.getKind())] << " but got " << argument;
    }
    return success();
  }
};
} // namespace
