//===- WeaveSteps.cpp - Exchanges beside computation ----------------------===//
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

/// Prompts that are predicted: what steps have, which come in chunks. Of one token, whole steps alone.
constexpr int64_t kLengths[] = {1, 128, 256, 512, 1024, 2048};

struct WeaveStepsPass : plait::impl::WeaveStepsPassBase<WeaveStepsPass> {
  using WeaveStepsPassBase::WeaveStepsPassBase;

  void runOnOperation() override {
    for (decode::StepOp step : getOperation().getOps<decode::StepOp>()) {
      step.walk([&](par::CollectiveOpInterface op) {
        weave(step, op);
        return WalkResult::interrupt();
      });
    }
  }

private:
  /// `first` is the first of the step's collectives.
  void weave(decode::StepOp step, par::CollectiveOpInterface first) {
    mesh = SymbolTable::lookupNearestSymbolFrom<par::MeshOp>(first, first.getMeshAttr());
    group = mesh.getGroup(int64_t(*mesh.getRank()), first.getDeviceAxes());
    isAhead = leavesTime(step, mesh);
    std::string reason;
    // What need not be cut costs nothing.
    int64_t least = !tokens ? predictLeast(step, first, reason) : isAhead ? 1 : int64_t(tokens);
    if (!least)
      return;
    step.setWeaveTokens(least);
    remark::passed(step.getLoc(), remark::RemarkOpts::name("Woven").category("plait-weave-steps"))
        << ("@" + step.getSymName() + ": steps of " + Twine(least) + " tokens or more are computed " +
            (isAhead ? "beside their exchanges" : "in two parts") + reason)
               .str();
  }

  /// 0: one after the other none takes longer.
  int64_t predictLeast(decode::StepOp step, par::CollectiveOpInterface collective, std::string &reason) {
    std::optional<timeline::Machine> machine = getMachineOf(mesh, collective.getDeviceAxes());
    if (!machine) {
      report(step, "no machine is described that times could be predicted for");
      return 0;
    }
    int64_t least = 0, most = getMostPositions();
    if (most < kLengths[1])
      report(step, "no prompt is long enough");
    for (int64_t length : llvm::reverse(kLengths)) {
      if (length > most || (length == 1 && !isAhead))
        continue;
      timeline::Decision decision = compare(step, *machine, length);
      if (decision.isApplied) {
        least = length;
        reason = ": a prompt of so many takes " + decision.reason;
        continue;
      }
      if (!least)
        report(step, "a prompt of " + Twine(length) + " tokens would take " + decision.reason);
      break;
    }
    return least;
  }

  int64_t getMostPositions() {
    int64_t most = 0;
    for (lm::ModelOp model : getOperation().getOps<lm::ModelOp>())
      most = std::max(most, int64_t(model.getMaxPositions()));
    return most;
  }

  /// With the program of this rank as that of all of its group.
  Expected<timeline::EventList> getEvents(decode::StepOp step, const timeline::Extents &extents) {
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
    return timeline::joinRanks(programs);
  }

  timeline::Decision compare(decode::StepOp step, const timeline::Machine &machine, int64_t length) {
    timeline::Extents extents = timeline::Extents::prefill(double(length));
    auto seconds = [&]() -> Expected<std::pair<double, double>> {
      PLAIT_ASSIGN_OR_RETURN(timeline::EventList list, getEvents(step, extents));
      PLAIT_ASSIGN_OR_RETURN(timeline::Prediction whole, timeline::predict(list, machine, extents));
      timeline::EventList beside =
          isAhead ? timeline::startAhead(list) : timeline::splitTokens(list, extents, double(length) / 2);
      PLAIT_ASSIGN_OR_RETURN(timeline::Prediction woven, timeline::predict(beside, machine, extents));
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

  par::MeshOp mesh;
  SmallVector<int64_t> group; ///< of ranks that exchange
  bool isAhead = false;       ///< the step leaves its exchanges time
};
} // namespace
