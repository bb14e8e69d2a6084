//===- Topology.h - How many threads pay on this machine -------*- C++ -*--===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_DEVICE_CPU_TOPOLOGY_H
#define PLAIT_RUNTIME_DEVICE_CPU_TOPOLOGY_H

#include <string>
#include <vector>

namespace plait {

/// Logical CPUs that this process may run on (affinity mask), ascending.
std::vector<int> allowedCpus();

/// The same, of each core one first, and then the rest: the order in which threads
/// that stay on their CPU are put on them.
std::vector<int> spreadCpus(const std::string &root = "");

/// Memory nodes that the allowed CPUs are on, ascending; node 0 where nothing is known.
std::vector<int> memoryNodes(const std::string &root = "");

/// What the process's cgroups allow it, in CPUs: the least quota of its own group and
/// those around it, of version 1 or 2; infinity if there is none. `root` comes before
/// /sys and /proc.
double cpuQuota(const std::string &root = "");

/// Physical cores among the allowed CPUs, no more than the quota rounded up; at
/// least 1. What `--threads auto` is.
unsigned physicalCores(const std::string &root = "");

} // namespace plait

#endif // PLAIT_RUNTIME_DEVICE_CPU_TOPOLOGY_H
