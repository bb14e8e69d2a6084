//===- VerifyOverlap.cpp - Proves overlap programs correct ----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Overlap/Analyses.h"
#include "passes/Overlap/Passes.h"

namespace plait {
#define GEN_PASS_DEF_VERIFYOVERLAPPASS
#include "passes/Overlap/Passes.h.inc"
} // namespace plait

using namespace plait;

namespace {
struct VerifyOverlapPass : plait::impl::VerifyOverlapPassBase<VerifyOverlapPass> {
  void runOnOperation() override {
    markAllAnalysesPreserved();
    WalkResult result = getOperation().walk([](overlap::SplitTokensOp split) {
      return failed(verifyTokenOrder(split)) ? WalkResult::interrupt() : WalkResult::advance();
    });
    if (result.wasInterrupted())
      return signalPassFailure();
    for (auto program : getOperation().getOps<overlap::ProgramOp>())
      if (!program.getBody().empty() && failed(verify(program)))
        return signalPassFailure();
  }

  LogicalResult verify(overlap::ProgramOp program) {
    UniformChoices choices;
    do {
      auto proved = proveProgram(program, getMaxSlots(program) + 1, choices);
      if (failed(proved))
        return failure();
      numSteps += proved->model.steps.size();
    } while (choices.advance());
    ++numPrograms;
    return success();
  }
};
} // namespace
