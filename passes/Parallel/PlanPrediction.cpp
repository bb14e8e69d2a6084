//===- PlanPrediction.cpp - What a plan takes -----------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Parallel/PlanPrediction.h"

#include "passes/Parallel/Meshes.h"
#include "passes/Parallel/ReshardSteps.h"
#include "passes/Parallel/Reshards.h"
#include "plait/Cost/CollectiveTime.h"
#include "plait/Cost/StepTime.h"

#include "llvm/Support/FormatVariadic.h"

using namespace plait;

static std::string secondsText(double seconds) {
  if (seconds < 1e-3)
    return llvm::formatv("{0:F1} us", seconds * 1e6);
  if (seconds < 1)
    return llvm::formatv("{0:F2} ms", seconds * 1e3);
  return llvm::formatv("{0:F2} s", seconds);
}

std::string plait::toText(const PlanPrediction &prediction) {
  std::string text = secondsText(prediction.decode) + " and " + secondsText(prediction.prefill);
  if (prediction.excess > 0)
    text += llvm::formatv(" but not fit: rank {0} lacks {1} bytes", prediction.fullestRank, prediction.excess);
  return text;
}

PlanPrediction PlanPredictor::predict() {
  // The plan is carried out on a copy.
  IRMapping mapping;
  auto copy = OwningOpRef<ModuleOp>(cast<ModuleOp>(module->clone(mapping)));
  plan.apply(mapping);
  insertReshards(*copy, /*isSilent=*/true);
  PlanPrediction prediction;
  copy->walk([&](par::ReshardOp reshard) {
    auto type = dyn_cast<RankedTensorType>(reshard.getInput().getType());
    if (!type || !findReshardSteps(plan.getMesh(), type, reshard.getSource(), reshard.getTarget()))
      prediction.isPossible = false;
  });
  auto steps = copy->getOps<decode::StepOp>();
  if (!prediction.isPossible || steps.empty())
    return prediction;
  // Variants of a step differ in what they return.
  decode::StepOp step = *steps.begin();
  par::MeshOp mesh = plan.getMesh();
  prediction.decode =
      predictStep(step, mesh, machine, StepExtents::decode(load.sequences, load.prompt + load.answer / 2)).seconds;
  prediction.prefill = predictStep(step, mesh, machine, StepExtents::prefill(load.prompt)).seconds;
  prediction.seconds = double(load.answer) * prediction.decode + double(load.sequences) * prediction.prefill;
  SmallVector<int64_t> bytes = predictMemory(step, mesh, load.sequences * (load.prompt + load.answer));
  for (auto [rank, own] : llvm::enumerate(bytes)) {
    int64_t excess = own - machine.getDevice(mesh.getDevice(rank)).getMemory();
    if (excess > prediction.excess) {
      prediction.excess = excess;
      prediction.fullestRank = rank;
    }
  }
  return prediction;
}

double PlanPredictor::getGatherSeconds(unsigned number, const ClassShards &split) {
  const ShardingClass &entry = plan.getClasses().classes[number];
  par::MeshOp mesh = plan.getMesh();
  double longest = 0;
  for (int64_t rank = 0; rank < mesh.getNumRanks(); ++rank) {
    if (mesh.getIndex(rank, split.axes) != 0)
      continue;
    SmallVector<int64_t> devices;
    for (int64_t member : mesh.getGroup(rank, split.axes))
      devices.push_back(mesh.getDevice(member));
    if (devices.size() < 2)
      continue;
    GroupLink link = getGroupLink(machine, devices);
    double seconds = 0;
    for (const ValueDim &member : entry.members)
      if (auto get = member.value.getDefiningOp<lm::GetWeightOp>()) {
        auto weight = SymbolTable::lookupNearestSymbolFrom<lm::WeightOp>(get, get.getWeightAttr());
        double bytes = double(cast<lm::WeightType>(get.getType()).getStorageBytes());
        SmallVector<double> parts;
        for (size_t i = 0; i < split.bounds.size(); i += 2)
          parts.push_back(bytes * double(split.bounds[i + 1] - split.bounds[i]) / double(entry.extent));
        seconds += double(weight.getSlices()) * getAllGatherSeconds(link, parts);
      }
    longest = std::max(longest, seconds);
  }
  return longest;
}
