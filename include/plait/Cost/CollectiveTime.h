//===- CollectiveTime.h - What an exchange between devices takes -*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_COST_COLLECTIVETIME_H
#define PLAIT_COST_COLLECTIVETIME_H

#include "dialects/Par/Par.h"

namespace plait {

/// What joins the devices of a group, as if it were one link of a machine: bytes per second
/// that each can send and, at the same time, receive.
struct GroupLink {
  par::LinkKind kind = par::LinkKind::shared_memory;
  double bandwidth = 0, latency = 0;
  bool multicast = false;
};

/// The fastest link that has all of `devices`, or else what the slowest pair of them has.
/// Each two are on a link (verifier of par.mesh).
GroupLink getGroupLink(par::MachineOp machine, ArrayRef<int64_t> devices);

/// How the runtime takes a sum of n devices (docs/parallel.md, "How ranks add up").
enum class AllReduceAlgorithm {
  oneStep, ///< everyone gets the numbers of all others and adds up
  twoSteps ///< everyone gets and adds up its share of all, then gets the others' sums
};

/// The algorithm that the runtime chooses for `bytes` on each of `devices` devices.
AllReduceAlgorithm chooseAllReduce(par::LinkKind kind, int64_t devices, double bytes);

/// Seconds of a sum. One step: latency + (n - 1) b / bandwidth. Two: 2 latency + 2 (n - 1) / n
/// b / bandwidth, where shared memory has the two steps for each piece of 256 KiB.
double getAllReduceSeconds(AllReduceAlgorithm algorithm, const GroupLink &link, int64_t devices, double bytes);

/// Seconds in which each device gets its share of a sum: latency + (n - 1) / n b / bandwidth.
double getReduceScatterSeconds(const GroupLink &link, int64_t devices, double bytes);

/// Seconds in which each device gets the parts of all others, of which each has some bytes:
/// latency + (what is not the smallest part) / bandwidth.
double getAllGatherSeconds(const GroupLink &link, ArrayRef<double> parts);

} // namespace plait

#endif // PLAIT_COST_COLLECTIVETIME_H
