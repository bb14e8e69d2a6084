//===- SearchSharding.h - The plan of least predicted time ------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_PARALLEL_SEARCHSHARDING_H
#define PLAIT_PASSES_PARALLEL_SEARCHSHARDING_H

#include "passes/Parallel/ShardingPlan.h"

namespace plait {

/// What a plan is to be good for: so many sequences at once, each a prompt of so many tokens
/// and an answer of so many.
struct SearchLoad {
  int64_t sequences = 1, prompt = 512, answer = 128;
};

/// Decides which classes of `plan` are split along which of the mesh's axes, all of them
/// together, for the least time of the load that `machine` is predicted to take among the
/// plans that fit its memory. Each decision is a remark with the times of its alternatives.
/// An error if no plan fits.
LogicalResult searchSharding(ModuleOp module, ShardingPlan &plan, par::MachineOp machine, const SearchLoad &load);

} // namespace plait

#endif // PLAIT_PASSES_PARALLEL_SEARCHSHARDING_H
