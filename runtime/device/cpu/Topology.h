//===- Topology.h - How many threads pay on this machine -------*- C++ -*--===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_DEVICE_CPU_TOPOLOGY_H
#define PLAIT_RUNTIME_DEVICE_CPU_TOPOLOGY_H

#include <vector>

namespace plait {

/// Logical CPUs that this process may run on (affinity mask), ascending.
std::vector<int> allowedCpus();

/// Physical cores among them, no more than the cgroup's CPU quota; at least 1.
unsigned physicalCores();

} // namespace plait

#endif // PLAIT_RUNTIME_DEVICE_CPU_TOPOLOGY_H
