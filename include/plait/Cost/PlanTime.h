//===- PlanTime.h - What a step of compiled code takes ----------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A guess for a machine that is not known: where an artifact runs, its steps are timed, and the
// guess stands for sizes that have not run yet (runtime/decode/StepCosts.h). So what matters
// is by how much a step of 8 tokens is dearer than one of 1, more than what either takes.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_COST_PLANTIME_H
#define PLAIT_COST_PLANTIME_H

#include "dialects/Rt/Rt.h"

#include <utility>
#include <vector>

namespace plait {

/// A machine of the kind that a target is for: per second, all threads together.
struct NominalMachine {
  double bandwidth = 20e9;       ///< of memory
  double cacheBandwidth = 100e9; ///< where all weights stay in caches
  double cacheBytes = 16 << 20;
  double flops = 50e9;  ///< with vectors of 8 f32; rather too few than too many
  double launch = 2e-6; ///< seconds of each launch
};

/// Seconds of a step that decodes `tokens` tokens with as many leaves, each after about 256
/// others: of each launch the longer of reading and computing.
double predictPlan(rt::ModelOp model, rt::PlanOp plan, const NominalMachine &machine, int64_t tokens);

/// The same for 1, 2, 4, ... 64 tokens, in microseconds.
std::vector<std::pair<int64_t, double>> predictSteps(rt::ModelOp model, rt::PlanOp plan, const NominalMachine &machine);

} // namespace plait

#endif // PLAIT_COST_PLANTIME_H
