//===- WeaveSteps.cpp - Long steps in two parts ---------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Parallel/FuseEpilogue.h"
#include "passes/Parallel/Meshes.h"
#include "passes/Parallel/Passes.h"

#include "plait/Cost/StepEvents.h"
#include "plait/Timeline/Schedules.h"

#include "mlir/IR/Remarks.h"

namespace plait {
#define GEN_PASS_DEF_WEAVESTEPSPASS
#include "passes/Parallel/Passes.h.inc"
} // namespace plait

using namespace plait;

namespace {

/// Prompts that are predicted: what steps have, which come in chunks.
constexpr int64_t kLengths[] = {128, 256, 512, 1024, 2048};

struct WeaveStepsPass : plait::impl::WeaveStepsPassBase<WeaveStepsPass> {
  using WeaveStepsPassBase::WeaveStepsPassBase;

  void runOnOperation() override {
    for (decode::StepOp step : getOperation().getOps<decode::StepOp>()) {
      par::CollectiveOpInterface first;
      step.walk([&](par::CollectiveOpInterface op) {
        first = op;
        return WalkResult::interrupt();
      });
      if (!first)
        continue;
      int64_t least = tokens ? int64_t(tokens) : predictLeast(step, first);
      if (!least)
        continue;
      step.setWeaveTokens(least);
      if (tokens)
        remark::passed(step.getLoc(), remark::RemarkOpts::name("Woven").category("plait-weave-steps"))
            << ("@" + step.getSymName() + ": steps of " + Twine(least) + " tokens or more are computed in two parts")
                   .str();
    }
  }

private:
  /// 0: in two parts none takes less.
  int64_t predictLeast(decode::StepOp step, par::CollectiveOpInterface collective) {
    auto mesh = SymbolTable::lookupNearestSymbolFrom<par::MeshOp>(collective, collective.getMeshAttr());
    std::optional<timeline::Machine> machine = getMachineOf(mesh, collective.getDeviceAxes());
    if (!machine) {
      report(step, "no machine is described that times could be predicted for");
      return 0;
    }
    SmallVector<int64_t> group = mesh.getGroup(int64_t(*mesh.getRank()), collective.getDeviceAxes());
    int64_t least = 0, most = getMostPositions();
    std::string reason;
    if (most < kLengths[0])
      report(step, "no prompt is long enough");
    for (int64_t length : llvm::reverse(kLengths)) {
      if (length > most)
        continue;
      timeline::Decision decision = compare(step, mesh, group, *machine, length);
      if (decision.isApplied) {
        least = length;
        reason = decision.reason;
        continue;
      }
      if (!least)
        report(step, "a prompt of " + Twine(length) + " tokens would take " + decision.reason);
      break;
    }
    if (least)
      remark::passed(step.getLoc(), remark::RemarkOpts::name("Woven").category("plait-weave-steps"))
          << ("@" + step.getSymName() + ": steps of " + Twine(least) +
              " tokens or more are computed in two parts: a prompt of so many takes " + reason)
                 .str();
    return least;
  }

  int64_t getMostPositions() {
    int64_t most = 0;
    for (lm::ModelOp model : getOperation().getOps<lm::ModelOp>())
      most = std::max(most, int64_t(model.getMaxPositions()));
    return most;
  }

  /// Of a prompt, with the program of this rank as that of all of its group.
  static timeline::Decision compare(decode::StepOp step, par::MeshOp mesh, ArrayRef<int64_t> group,
                                    const timeline::Machine &machine, int64_t length) {
    timeline::Extents extents = timeline::Extents::prefill(double(length));
    std::vector<timeline::Event> own = getStepEvents(step, mesh, extents);
    std::vector<std::vector<timeline::Event>> programs;
    for (size_t rank = 0; rank < group.size(); ++rank) {
      programs.push_back(own);
      for (timeline::Event &event : programs.back())
        if (timeline::isExchange(event.kind))
          for (int &member : event.ranks) // in the order of the group
            member = int(llvm::find(group, member) - group.begin());
        else
          event.ranks = {int(rank)};
    }
    auto seconds = [&]() -> Expected<std::pair<double, double>> {
      PLAIT_ASSIGN_OR_RETURN(timeline::EventList list, timeline::joinRanks(programs));
      PLAIT_ASSIGN_OR_RETURN(timeline::Prediction whole, timeline::predict(list, machine, extents));
      PLAIT_ASSIGN_OR_RETURN(
          timeline::Prediction woven,
          timeline::predict(timeline::splitTokens(list, extents, double(length) / 2), machine, extents));
      return std::pair(whole.seconds, woven.seconds);
    }();
    if (!seconds)
      return {false, 0, "a time that cannot be predicted: " + seconds.status().message()};
    return timeline::guardFusion(seconds->first, seconds->second, machine);
  }

  static void report(decode::StepOp step, const Twine &reason) {
    remark::missed(step.getLoc(), remark::RemarkOpts::name("NotWoven").category("plait-weave-steps"))
        << ("@" + step.getSymName() + ": steps are computed as a whole: " + reason).str();
  }
};

} // namespace
