//===- PlanTime.cpp - What a step of compiled code takes ------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Cost/PlanTime.h"

#include "dialects/Kernel/Kernel.h"
#include "plait/Support/Cost.h"

#include <algorithm>
#include <cmath>

using namespace plait;
using namespace mlir;

static constexpr int64_t kPast = 256, kMostTokens = 64;

double plait::predictPlan(rt::ModelOp model, rt::PlanOp plan, const NominalMachine &machine, int64_t tokens) {
  auto evaluate = [&](const LinearForm &form) {
    return double(form.constant) + double(form.tokens + form.rows + form.leaves) * double(tokens) +
           double(form.tokenPositions) * double(tokens * kPast);
  };
  bool isCached = double(model.getPackBytes()) <= machine.cacheBytes;
  double bandwidth = isCached ? machine.cacheBandwidth : machine.bandwidth, seconds = 0;
  auto add = [&](auto launch) {
    double layers = double(launch.getLayerEnd() - launch.getLayerBegin());
    Cost cost;
    if (auto attribute = dyn_cast_or_null<kernel::CostAttr>(launch.getCostAttr()))
      cost = kernel::getCost(attribute);
    double reading = evaluate(cost.weightBytes) / bandwidth, computing = evaluate(cost.flops) / machine.flops;
    seconds += layers * (std::max(reading, computing) + machine.launch);
  };
  for (Operation &op : plan.getBody().front())
    if (auto launch = dyn_cast<rt::LaunchOp>(op))
      add(launch);
    else if (auto collective = dyn_cast<rt::CollectiveOp>(op))
      add(collective);
  return seconds;
}

std::vector<std::pair<int64_t, double>> plait::predictSteps(rt::ModelOp model, rt::PlanOp plan,
                                                            const NominalMachine &machine) {
  std::vector<std::pair<int64_t, double>> steps;
  for (int64_t tokens = 1; tokens <= kMostTokens; tokens *= 2)
    steps.emplace_back(tokens, std::round(1e7 * predictPlan(model, plan, machine, tokens)) / 10);
  return steps;
}
