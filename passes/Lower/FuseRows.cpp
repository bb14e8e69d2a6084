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
    for (Value result : launch.getResults()) {
      SmallVector<LaunchOp> users; // the first in the step first
      for (Operation *user : result.getUsers())
        if (auto next = dyn_cast<LaunchOp>(user); next && next->getBlock() == launch->getBlock())
          users.push_back(next);
      llvm::sort(users, [](LaunchOp a, LaunchOp b) { return a->isBeforeInBlock(b); });
      for (LaunchOp next : users) {
        if (LaunchFusion::getRows(fusion.getKernel(next)) != rows)
          continue;
        if (Operation *exchange = findOwnExchange(next, launch)) {
          fusion.reportMissed(launch,
                              "it would wait for " + kernel::getSource(exchange) + " as " + next.getSource() + " does");
          continue;
        }
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
    }
    return {};
  }

  /// What is exchanged for `next`, but not for `launch`: with a delayed residual it is still under way.
  static Operation *findOwnExchange(LaunchOp next, LaunchOp launch) {
    for (Value operand : next.getArguments()) {
      auto exchange = operand.getDefiningOp<par::CollectiveOpInterface>();
      if (exchange && exchange->getBlock() == launch->getBlock() && exchange->isBeforeInBlock(launch) &&
          !llvm::is_contained(launch.getArguments(), operand))
        return exchange;
    }
    return nullptr;
  }

  /// What a row of a value within a kernel may take of a thread's stack.
  static constexpr int64_t mostBytes = 65536;
};
} // namespace
