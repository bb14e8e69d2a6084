//===- ExploreOrders.h - Runs of a program in many orders -------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_OVERLAP_EXPLOREORDERS_H
#define PLAIT_PASSES_OVERLAP_EXPLOREORDERS_H

#include "passes/Overlap/Execution.h"

namespace plait {

struct ExploredOrders {
  int64_t states = 0, runs = 0;
};

/// Goes through all orders in which steps may take effect. Fails, with a diagnostic, at the
/// first one that goes wrong, or if there are more than `maxStates` states. With `reduce`, a
/// step that no step to come can tell from having been later is not put off.
FailureOr<ExploredOrders> exploreAllOrders(const ProgramModel &model, const RunValues &values, int64_t maxStates,
                                           bool reduce);

/// One order, drawn at random.
LogicalResult runInRandomOrder(const ProgramModel &model, const RunValues &values, uint64_t seed);

} // namespace plait

#endif // PLAIT_PASSES_OVERLAP_EXPLOREORDERS_H
