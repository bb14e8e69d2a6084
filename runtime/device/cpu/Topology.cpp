//===- Topology.cpp - How many threads pay on this machine ----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/device/cpu/Topology.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
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

/// The quota of one cgroup's folder, in CPUs; infinity if it sets none.
static double quotaOf(const std::string &folder, bool isVersion2) {
  // Version 2: "max 100000" or "150000 100000"; version 1: two files, -1 for none.
  std::ifstream first(folder + (isVersion2 ? "/cpu.max" : "/cpu.cfs_quota_us"));
  double quota = 0, period = 0;
  if (!(first >> quota) || quota <= 0)
    return INFINITY;
  std::ifstream second(folder + "/cpu.cfs_period_us");
  if (!((isVersion2 ? first : second) >> period) || period <= 0)
    return INFINITY;
  return quota / period;
}

double plait::cpuQuota(const std::string &root) {
  double least = INFINITY;
  std::ifstream groups(root + "/proc/self/cgroup");
  // "0::/path" for version 2, "4:cpu,cpuacct:/path" for a hierarchy of version 1.
  for (std::string line; std::getline(groups, line);) {
    size_t names = line.find(':'), path = line.find(':', names + 1);
    if (path == std::string::npos)
      continue;
    std::string controllers = "," + line.substr(names + 1, path - names - 1) + ",", folder = line.substr(path + 1);
    bool isVersion2 = controllers == ",,";
    if (!isVersion2 && controllers.find(",cpu,") == std::string::npos)
      continue;
    std::string mount = root + "/sys/fs/cgroup" + (isVersion2 ? "" : "/cpu");
    // In a container the path may be that of the host, and its own group the root.
    while (true) {
      least = std::min(least, quotaOf(mount + folder, isVersion2));
      if (folder.empty())
        break;
      folder.erase(folder.find_last_of('/') == std::string::npos ? 0 : folder.find_last_of('/'));
    }
  }
  return least;
}

std::vector<int> plait::memoryNodes(const std::string &root) {
  std::set<int> nodes;
  for (int cpu : allowedCpus()) { // whose folder has a link "node3"
    std::error_code error;
    std::filesystem::directory_iterator folder(root + "/sys/devices/system/cpu/cpu" + std::to_string(cpu), error), end;
    for (; !error && folder != end; folder.increment(error)) {
      std::string name = folder->path().filename().string();
      int node = -1;
      auto [rest, failed] =
          std::from_chars(name.data() + std::min<size_t>(4, name.size()), name.data() + name.size(), node);
      if (name.starts_with("node") && failed == std::errc() && rest == name.data() + name.size())
        nodes.insert(node);
    }
  }
  if (nodes.empty())
    return {0};
  return {nodes.begin(), nodes.end()};
}

/// The CPUs of a core have one list of siblings, which names the core.
static std::string coreOf(int cpu, const std::string &root) {
  std::ifstream file(root + "/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list");
  std::string siblings;
  return file >> siblings ? siblings : std::to_string(cpu);
}

std::vector<int> plait::spreadCpus(const std::string &root) {
  std::set<std::string> cores;
  std::vector<int> firsts, rest;
  for (int cpu : allowedCpus())
    (cores.insert(coreOf(cpu, root)).second ? firsts : rest).push_back(cpu);
  firsts.insert(firsts.end(), rest.begin(), rest.end());
  return firsts;
}

unsigned plait::physicalCores(const std::string &root) {
  std::set<std::string> cores;
  for (int cpu : allowedCpus())
    cores.insert(coreOf(cpu, root));
  double count = std::min(double(cores.size()), std::ceil(cpuQuota(root)));
  return unsigned(std::max(count, 1.0));
}
