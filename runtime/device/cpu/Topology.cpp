//===- Topology.cpp - How many threads pay on this machine ----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/device/cpu/Topology.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>
#include <string>

#include <sched.h>

using namespace plait;

std::vector<int> plait::allowedCpus() {
  std::vector<int> cpus;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) == 0)
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
      if (CPU_ISSET(cpu, &set))
        cpus.push_back(cpu);
  if (cpus.empty())
    cpus.push_back(0);
  return cpus;
}

/// Whole CPUs of the cgroup v2 quota, rounded up; 0 if there is none.
static unsigned quotaCpus() {
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  std::string quota;
  double period = 0;
  if (!(file >> quota >> period) || quota == "max" || period <= 0)
    return 0;
  double cpus = std::strtod(quota.c_str(), nullptr) / period;
  return cpus > 0 ? unsigned(cpus + 0.999) : 0;
}

unsigned plait::physicalCores() {
  std::set<std::string> cores; // hyper-threads of a core have one sibling list
  for (int cpu : allowedCpus()) {
    std::ifstream file("/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list");
    std::string siblings;
    if (!(file >> siblings))
      siblings = std::to_string(cpu);
    cores.insert(siblings);
  }
  unsigned count = unsigned(cores.size());
  if (unsigned quota = quotaCpus())
    count = std::min(count, quota);
  return std::max(count, 1u);
}
