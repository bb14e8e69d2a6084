//===- GuardOverlap.cpp - Fuses sums where that is predicted to pay -------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Parallel/FuseEpilogue.h"
#include "passes/Parallel/Meshes.h"
#include "passes/Parallel/Passes.h"

#include "dialects/Kernel/Kernel.h"
#include "plait/Cost/OverlapSites.h"

#include "mlir/IR/Remarks.h"

namespace plait {
#define GEN_PASS_DEF_GUARDOVERLAPPASS
#include "passes/Parallel/Passes.h.inc"
} // namespace plait

using namespace plait;

namespace {

struct GuardOverlapPass : plait::impl::GuardOverlapPassBase<GuardOverlapPass> {
  using GuardOverlapPassBase::GuardOverlapPassBase;

  void runOnOperation() override {
    if (!hasMachine())
      return report(getOperation()->getLoc(), "no machine is described that times could be predicted for");
    // What would come of it.
    auto copy = OwningOpRef<ModuleOp>(getOperation().clone());
    shardResidual(*copy, /*isSilent=*/true);
    rotateLayers(*copy, /*isSilent=*/true);
    if (fuseAllReduceEpilogues(*copy, /*isSilent=*/true) == 0)
      return report(getOperation()->getLoc(), "no sum over ranks is followed row by row by what all ranks need");
    if (!judge(*copy))
      return;
    shardResidual(getOperation(), /*isSilent=*/false);
    rotateLayers(getOperation(), /*isSilent=*/false);
    fuseAllReduceEpilogues(getOperation(), /*isSilent=*/false);
  }

private:
  bool hasMachine() {
    return llvm::any_of(getOperation().getOps<par::MeshOp>(),
                        [](par::MeshOp mesh) { return mesh.getRank() && findMachine(mesh); });
  }

  void report(Location loc, const Twine &reason) {
    remark::missed(loc, remark::RemarkOpts::name("NotFused").category("plait-guard-overlap"))
        << ("sums stay as they are: " + reason).str();
  }

  /// Whether the fused sums together are worth it: all or none, as they share one residual stream.
  bool judge(ModuleOp fusedModule) {
    std::optional<timeline::Machine> machine;
    SiteTimes all;
    SmallVector<std::pair<par::ReduceGatherOp, SiteTimes>> sites;
    OverlapLoad load{sequences, prompt, answer};
    // Steps are variants of one another, and the first is that of plain decoding.
    decode::StepOp step = *fusedModule.getOps<decode::StepOp>().begin();
    step.walk([&](par::ReduceGatherOp fused) {
      auto mesh = SymbolTable::lookupNearestSymbolFrom<par::MeshOp>(fused, fused.getMeshAttr());
      machine = getMachineOf(mesh, fused.getDeviceAxes());
      sites.push_back({fused, predictSite(fused, *machine, load)});
      all.before += sites.back().second.before;
      all.after += sites.back().second.after;
    });
    if (sites.empty())
      return false;
    timeline::Decision together = timeline::guardFusion(all.before, all.after, *machine);
    for (auto &[fused, times] : sites)
      remark::analysis(fused->getLoc(), remark::RemarkOpts::name("Site").category("plait-guard-overlap"))
          << kernel::getSource(fused) + ": " + getSiteText(fused) + " as one would take " +
                 timeline::guardFusion(times.before, times.after, *machine).reason;
    if (!together.isApplied)
      report(fusedModule->getLoc(), "together they would take " + together.reason);
    else
      remark::passed(fusedModule->getLoc(), remark::RemarkOpts::name("Fused").category("plait-guard-overlap"))
          << "sums are fused with what follows them: together they take " + together.reason;
    return together.isApplied;
  }
};

} // namespace
