//===- TopologyTest.cpp - Tests of how many threads pay -------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/device/cpu/Topology.h"

#include "gtest/gtest.h"

#include <cmath>
#include <filesystem>
#include <fstream>

#include <sched.h>
#include <unistd.h>

using namespace plait;
namespace fs = std::filesystem;

namespace {

/// A made-up /sys and /proc.
class TopologyTest : public testing::Test {
protected:
  void SetUp() override {
    root = (fs::temp_directory_path() / "plait-topology-XXXXXX").string();
    ASSERT_TRUE(mkdtemp(root.data()));
    ASSERT_EQ(sched_getaffinity(0, sizeof(affinity), &affinity), 0);
  }
  void TearDown() override {
    sched_setaffinity(0, sizeof(affinity), &affinity);
    fs::remove_all(root);
  }
  void write(const std::string &path, const std::string &text) {
    fs::create_directories(fs::path(root + path).parent_path());
    std::ofstream(root + path) << text << "\n";
  }
  void siblings(int cpu, const std::string &list) {
    write("/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list", list);
  }

  std::string root;
  cpu_set_t affinity;
};

TEST_F(TopologyTest, CountsTheCoresOfThisMachine) {
  EXPECT_GE(physicalCores(), 1u);
  EXPECT_LE(physicalCores(), allowedCpus().size());
}

TEST_F(TopologyTest, CountsCoresNotThreads) {
  std::vector<int> cpus = allowedCpus();
  EXPECT_EQ(physicalCores(root), cpus.size()) << "without a word of siblings each CPU is a core";
  for (int cpu : cpus)
    siblings(cpu, std::to_string(cpu));
  EXPECT_EQ(physicalCores(root), cpus.size());
  for (int cpu : cpus)
    siblings(cpu, "0-63");
  EXPECT_EQ(physicalCores(root), 1u);
}

TEST_F(TopologyTest, SpreadsThreadsOverCores) {
  std::vector<int> cpus = allowedCpus();
  EXPECT_EQ(spreadCpus(root), cpus);
  if (cpus.size() < 4)
    GTEST_SKIP() << "needs four CPUs to tell an order from another";
  for (size_t i = 0; i < cpus.size(); ++i)
    siblings(cpus[i], "core" + std::to_string(i / 2));
  std::vector<int> expected;
  for (size_t first : {0, 1})
    for (size_t i = first; i < cpus.size(); i += 2)
      expected.push_back(cpus[i]);
  EXPECT_EQ(spreadCpus(root), expected);
}

TEST_F(TopologyTest, CountsAllowedCpusOnly) {
  int cpu = allowedCpus().back();
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
  EXPECT_EQ(allowedCpus(), std::vector<int>{cpu});
  EXPECT_EQ(physicalCores(root), 1u);
}

TEST_F(TopologyTest, FindsMemoryNodes) {
  EXPECT_EQ(memoryNodes(root), std::vector<int>{0}) << "without a word of nodes there is one";
  std::vector<int> cpus = allowedCpus();
  auto folder = [](int cpu) { return "/sys/devices/system/cpu/cpu" + std::to_string(cpu); };
  for (int cpu : cpus)
    write(folder(cpu) + "/node" + (cpu == cpus.back() ? "11" : "2") + "/cpulist", "0");
  write(folder(cpus.front()) + "/nodes", "not one");
  write(folder(cpus.front()) + "/node7x", "nor that");
  write(folder(cpus.back() + 1) + "/node3/cpulist", "0"); // not allowed, or not there
  EXPECT_EQ(memoryNodes(root), cpus.size() > 1 ? (std::vector<int>{2, 11}) : std::vector<int>{11});
  EXPECT_FALSE(memoryNodes().empty());
}

TEST_F(TopologyTest, ReadsTheQuotaOfVersion2) {
  EXPECT_EQ(cpuQuota(root), INFINITY) << "no cgroups";
  write("/proc/self/cgroup", "0::/user.slice/job.scope");
  EXPECT_EQ(cpuQuota(root), INFINITY);
  write("/sys/fs/cgroup/user.slice/job.scope/cpu.max", "max 100000");
  EXPECT_EQ(cpuQuota(root), INFINITY);
  write("/sys/fs/cgroup/user.slice/job.scope/cpu.max", "350000 100000");
  EXPECT_EQ(cpuQuota(root), 3.5);
  write("/sys/fs/cgroup/user.slice/cpu.max", "150000 100000"); // around it, and less
  EXPECT_EQ(cpuQuota(root), 1.5);
  EXPECT_EQ(physicalCores(root), std::min<size_t>(2, allowedCpus().size()));
  write("/sys/fs/cgroup/cpu.max", "50000 100000");
  EXPECT_EQ(cpuQuota(root), 0.5);
  EXPECT_EQ(physicalCores(root), 1u);
  write("/sys/fs/cgroup/cpu.max", "nonsense");
  EXPECT_EQ(cpuQuota(root), 1.5);
}

// In a container, the root of what is mounted is the container's own group, whatever
// its path is on the host.
TEST_F(TopologyTest, ReadsTheQuotaOfAContainer) {
  write("/proc/self/cgroup", "0::/../../outside/of/it");
  write("/sys/fs/cgroup/cpu.max", "200000 100000");
  EXPECT_EQ(cpuQuota(root), 2);
}

TEST_F(TopologyTest, ReadsTheQuotaOfVersion1) {
  write("/proc/self/cgroup", "5:cpuset:/a\n4:cpu,cpuacct:/a/b\n3:memory:/a/b\n0::/");
  write("/sys/fs/cgroup/cpu/a/b/cpu.cfs_quota_us", "-1");
  write("/sys/fs/cgroup/cpu/a/b/cpu.cfs_period_us", "100000");
  EXPECT_EQ(cpuQuota(root), INFINITY);
  write("/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "75000");
  write("/sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "50000");
  EXPECT_EQ(cpuQuota(root), 1.5);
  write("/sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "0");
  EXPECT_EQ(cpuQuota(root), INFINITY);
}

} // namespace
