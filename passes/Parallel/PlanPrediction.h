//===- PlanPrediction.h - What a plan takes ---------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_PARALLEL_PLANPREDICTION_H
#define PLAIT_PASSES_PARALLEL_PLANPREDICTION_H

#include "passes/Parallel/SearchSharding.h"

namespace plait {

struct PlanPrediction {
  bool isPossible = true;         ///< reshards become collectives that there are
  double decode = 0, prefill = 0; ///< seconds of a step
  double seconds = 0;             ///< of the load
  int64_t excess = 0;             ///< bytes that the fullest rank has too many
  int64_t fullestRank = 0;
};

/// "12.1 us and 1.20 ms", of a decode step and a prefill.
std::string toText(const PlanPrediction &prediction);

/// Predicts what plans for the steps of a module take (plait/Cost/StepTime.h).
class PlanPredictor {
public:
  PlanPredictor(ModuleOp module, const ShardingPlan &plan, par::MachineOp machine, const SearchLoad &load)
      : module(module), plan(plan), machine(machine), load(load) {}

  /// Of the plan as it is now.
  PlanPrediction predict();

  /// Seconds of a step in which devices put the weights of class `number`, of which they have
  /// the parts of `split`, together wherever they are used.
  double getGatherSeconds(unsigned number, const ClassShards &split);

private:
  ModuleOp module;
  const ShardingPlan &plan;
  par::MachineOp machine;
  SearchLoad load;
};

} // namespace plait

#endif // PLAIT_PASSES_PARALLEL_PLANPREDICTION_H
