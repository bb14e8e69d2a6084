//===- CollectiveTime.cpp - What an exchange between devices takes --------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Cost/CollectiveTime.h"

#include "runtime/base/SumSteps.h"

#include <cmath>
#include <numeric>

using namespace plait;

GroupLink plait::getGroupLink(par::MachineOp machine, ArrayRef<int64_t> devices) {
  auto toGroup = [](par::LinkAttr link) {
    return GroupLink{link.getKind(), link.getBandwidth().getValueAsDouble(), link.getLatency().getValueAsDouble(),
                     link.getMulticast()};
  };
  if (par::LinkAttr link = machine.findLink(devices))
    return toGroup(link);
  GroupLink slowest{par::LinkKind::shared_memory, std::numeric_limits<double>::infinity(), 0};
  for (size_t i = 0; i < devices.size(); ++i)
    for (size_t j = 0; j < i; ++j) {
      GroupLink pair = toGroup(machine.findLink({devices[i], devices[j]}));
      slowest.bandwidth = std::min(slowest.bandwidth, pair.bandwidth);
      slowest.latency = std::max(slowest.latency, pair.latency);
      if (pair.kind != par::LinkKind::shared_memory) // then all of them exchange messages
        slowest.kind = pair.kind;
    }
  return slowest;
}

AllReduceAlgorithm plait::chooseAllReduce(par::LinkKind kind, int64_t devices, double bytes) {
  size_t most = kind == par::LinkKind::shared_memory ? getOneStepBytes(size_t(devices)) : kOneStepMessageBytes;
  return bytes <= double(most) ? AllReduceAlgorithm::oneStep : AllReduceAlgorithm::twoSteps;
}

double plait::getAllReduceSeconds(AllReduceAlgorithm algorithm, const GroupLink &link, int64_t devices, double bytes) {
  double others = double(devices - 1);
  if (algorithm == AllReduceAlgorithm::oneStep)
    return link.latency + others * bytes / link.bandwidth;
  double pieces = link.kind == par::LinkKind::shared_memory ? std::max(1.0, std::ceil(bytes / kSumPieceBytes)) : 1;
  return 2 * pieces * link.latency + 2 * others / double(devices) * bytes / link.bandwidth;
}

double plait::getReduceScatterSeconds(const GroupLink &link, int64_t devices, double bytes) {
  return link.latency + double(devices - 1) / double(devices) * bytes / link.bandwidth;
}

double plait::getAllGatherSeconds(const GroupLink &link, ArrayRef<double> parts) {
  double all = std::accumulate(parts.begin(), parts.end(), 0.0);
  return link.latency + (all - *std::min_element(parts.begin(), parts.end())) / link.bandwidth;
}
