//===- FuseParallel.cpp - Independent launches side by side ---------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Lower/LaunchFusion.h"
#include "passes/Lower/Passes.h"

namespace plait {
#define GEN_PASS_DEF_FUSEPARALLELPASS
#include "passes/Lower/Passes.h.inc"
} // namespace plait

using namespace plait;
using kernel::LaunchOp;

namespace {
struct FuseParallelPass : plait::impl::FuseParallelPassBase<FuseParallelPass> {
  void runOnOperation() override {
    LaunchFusion fusion(getOperation(), "plait-fuse-parallel");
    for (decode::StepOp step : getOperation().getOps<decode::StepOp>())
      LaunchFusion::forEachBlock(step, [&](ArrayRef<LaunchOp> launches) {
        DenseMap<Value, LaunchOp> products; // the last one of each input
        for (LaunchOp launch : launches) {
          Value input = fusion.getProductInput(launch);
          LaunchOp partner = input ? products.lookup(input) : getNeighbour(launch);
          if (LaunchOp fused = tryFuse(fusion, partner, launch))
            launch = fused;
          if (input)
            products[input] = launch;
        }
      });
  }

  /// The launch right before `launch`.
  static LaunchOp getNeighbour(LaunchOp launch) {
    Operation *before = launch->getPrevNode();
    while (before && isa<kernel::PackedWeightOp>(before))
      before = before->getPrevNode();
    return dyn_cast_or_null<LaunchOp>(before);
  }

  LaunchOp tryFuse(LaunchFusion &fusion, LaunchOp partner, LaunchOp launch) {
    if (!partner || !areAlike(fusion, partner, launch))
      return {};
    if (llvm::any_of(launch.getArguments(), [&](Value operand) { return operand.getDefiningOp() == partner; })) {
      fusion.reportMissed(launch, "it needs what " + partner.getSource() + " makes");
      return {};
    }
    LaunchOp fused = fusion.fuse({partner, launch});
    numFused += fused ? 1 : 0;
    return fused;
  }

  /// Whether the tiles of both are counted alike and cost about the same.
  static bool areAlike(LaunchFusion &fusion, LaunchOp a, LaunchOp b) {
    if (Value input = fusion.getProductInput(a))
      return input == fusion.getProductInput(b);
    StringRef rows = LaunchFusion::getRows(fusion.getKernel(a));
    return !rows.empty() && rows == LaunchFusion::getRows(fusion.getKernel(b));
  }
};
} // namespace
