//===- StepEvents.h - The events of a partitioned step ----------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From IR to event lists (plait/Timeline/EventList.h). On such lists the parallel program is
// simulated, fused and woven; StepTime.h compares plans before there is such a program.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_COST_STEPEVENTS_H
#define PLAIT_COST_STEPEVENTS_H

#include "plait/Timeline/Machine.h"

#include "dialects/Decode/Decode.h"
#include "dialects/Par/Par.h"

namespace plait {

/// The events of `step`, which is the program of the rank that `mesh` names (plait-partition): an
/// event for each op that costs something and for each collective, in the order of the program, those of a
/// layer once for each. Of rows that
/// devices share out evenly a device has its share.
std::vector<timeline::Event> getStepEvents(decode::StepOp step, par::MeshOp mesh, const timeline::Extents &extents);

/// Whether most exchanges of layers are not waited for before the next product (timeline::leavesTime), as
/// with a delayed residual.
bool leavesTime(decode::StepOp step, par::MeshOp mesh);

/// Whether devices share out the tokens of such a step (`share_tokens` of the step that `op` is in).
bool sharesTokens(Operation *op, const timeline::Extents &extents);

/// What `op` computes on one device if it has all rows; without a rank.
timeline::Event getComputeEvent(lm::CostOpInterface op, const timeline::Extents &extents);

/// `op` of `ranks` devices, which are numbered from 0, with what each of them computes on the way.
timeline::Event getExchangeEvent(par::CollectiveOpInterface op, size_t ranks, const timeline::Extents &extents);

/// `machine` as one for event lists: `devices` in the order of ranks, and the link of all of them.
/// It has no more than costs are predicted from elsewhere (StepTime.h, CollectiveTime.h).
timeline::Machine getTimelineMachine(par::MachineOp machine, ArrayRef<int64_t> devices);

} // namespace plait

#endif // PLAIT_COST_STEPEVENTS_H
