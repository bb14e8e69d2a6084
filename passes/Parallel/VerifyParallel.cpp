//===- VerifyParallel.cpp - Border of the parallel phase ------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Parallel/Passes.h"

namespace plait {
#define GEN_PASS_DEF_VERIFYPARALLELPASS
#include "passes/Parallel/Passes.h.inc"
} // namespace plait

using namespace plait;

namespace {
struct VerifyParallelPass : plait::impl::VerifyParallelPassBase<VerifyParallelPass> {
  void runOnOperation() override {
    markAllAnalysesPreserved();
    WalkResult result = getOperation().walk([](Operation *op) {
      if (isa<par::ConstraintOp, par::ReshardOp>(op)) {
        op->emitOpError("illegal after parallel; expected to have been converted by 'plait-partition'");
        return WalkResult::interrupt();
      }
      if (!isa<par::CollectiveOpInterface>(op))
        return WalkResult::advance();
      Operation *parent = op->getParentOp();
      if (isa<lm::LayersOp>(parent))
        parent = parent->getParentOp();
      if (isa<decode::StepOp>(parent))
        return WalkResult::advance();
      op->emitOpError("expected to be in a step, or in a loop over its layers, that every rank executes alike");
      return WalkResult::interrupt();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }
};
} // namespace
