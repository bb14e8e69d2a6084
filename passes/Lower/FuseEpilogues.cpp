//===- FuseEpilogues.cpp - Products with what follows them ----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Lower/LaunchFusion.h"
#include "passes/Lower/Passes.h"

namespace plait {
#define GEN_PASS_DEF_FUSEEPILOGUESPASS
#include "passes/Lower/Passes.h.inc"
} // namespace plait

using namespace plait;
using kernel::LaunchOp;

namespace {
struct FuseEpiloguesPass : plait::impl::FuseEpiloguesPassBase<FuseEpiloguesPass> {
  using FuseEpiloguesPassBase::FuseEpiloguesPassBase;

  void runOnOperation() override {
    LaunchFusion fusion(getOperation(), "plait-fuse-epilogues");
    for (decode::StepOp step : getOperation().getOps<decode::StepOp>())
      LaunchFusion::forEachBlock(step, [&](ArrayRef<LaunchOp> launches) {
        llvm::SmallPtrSet<Operation *, 8> gone;
        for (LaunchOp launch : launches) {
          if (gone.contains(launch) || !fusion.getProductInput(launch))
            continue;
          while (LaunchOp next = getEpilogue(fusion, launch)) {
            LaunchOp fused = fusion.fuse({launch, next});
            if (!fused)
              break;
            gone.insert(next);
            launch = fused;
            ++numFused;
          }
        }
      });
  }

  /// The launch that passes on what `launch` makes, element by element, or that reduces blocks
  /// of its columns, which then nobody writes.
  LaunchOp getEpilogue(LaunchFusion &fusion, LaunchOp launch) {
    if (launch.getNumResults() != 1)
      return {};
    Value result = launch.getResult(0);
    auto isElementwise = [&](Operation *user) {
      auto next = dyn_cast<LaunchOp>(user);
      Operation *op = next ? fusion.getOnlyOp(next) : nullptr;
      return op && ((reductions && op->hasTrait<lm::BlockReduction>()) ||
                    (op->hasTrait<lm::Elementwise>() && op->getResult(0).getType() == result.getType()));
    };
    if (llvm::none_of(result.getUsers(), isElementwise))
      return {};
    LaunchOp next = LaunchFusion::getOnlyUser(result);
    if (!next)
      fusion.reportMissed(launch, "its result has several uses, or one outside its layer");
    return next;
  }
};
} // namespace
