//===- FuseRows.cpp - What works row by row on the same rows --------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Lower/LaunchFusion.h"
#include "passes/Lower/Passes.h"

namespace plait {
#define GEN_PASS_DEF_FUSEROWSPASS
#include "passes/Lower/Passes.h.inc"
} // namespace plait

using namespace plait;
using kernel::LaunchOp;

namespace {
struct FuseRowsPass : plait::impl::FuseRowsPassBase<FuseRowsPass> {
  void runOnOperation() override {
    LaunchFusion fusion(getOperation(), "plait-fuse-rows");
    for (decode::StepOp step : getOperation().getOps<decode::StepOp>())
      LaunchFusion::forEachBlock(step, [&](ArrayRef<LaunchOp> launches) {
        llvm::SmallPtrSet<Operation *, 8> gone;
        for (LaunchOp launch : launches) {
          if (gone.contains(launch))
            continue;
          while (LaunchOp next = fuseWithUser(fusion, launch, gone)) {
            launch = next;
            ++numFused;
          }
        }
      });
  }

  /// Fuses `launch` with one of its users; null if none can be.
  LaunchOp fuseWithUser(LaunchFusion &fusion, LaunchOp launch, llvm::SmallPtrSetImpl<Operation *> &gone) {
    StringRef rows = LaunchFusion::getRows(fusion.getKernel(launch));
    if (rows.empty())
      return {};
    for (Value result : launch.getResults())
      for (Operation *user : result.getUsers()) {
        auto next = dyn_cast<LaunchOp>(user);
        if (!next || next->getBlock() != launch->getBlock() || LaunchFusion::getRows(fusion.getKernel(next)) != rows)
          continue;
        auto type = dyn_cast<RankedTensorType>(result.getType());
        if (!type)
          continue;
        if (lm::getRowBytes(type) > mostBytes) {
          fusion.reportMissed(launch, "its rows have more than " + Twine(mostBytes) + " bytes");
          continue;
        }
        if (LaunchOp fused = fusion.fuse({launch, next})) {
          gone.insert(next);
          return fused;
        }
      }
    return {};
  }

  /// What a row of a value within a kernel may take of a thread's stack.
  static constexpr int64_t mostBytes = 65536;
};
} // namespace
