//===- SplitWorkersTest.cpp - Workers against all ways to split them ------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Overlap/PartTime.h"

#include <gtest/gtest.h>

#include <numeric>
#include <random>

using namespace plait;

namespace {

/// The shortest that the longest part can take, of all ways to give each part one worker or more.
double findBest(const std::vector<std::vector<double>> &times, const llvm::SmallVector<int64_t> &most, int64_t workers,
                size_t part = 0) {
  if (part == times.size())
    return 0;
  auto others = int64_t(times.size() - part - 1);
  double best = INFINITY;
  for (int64_t own = 1; own <= std::min(most[part], workers - others); ++own)
    best = std::min(best, std::max(times[part][size_t(own)], findBest(times, most, workers - own, part + 1)));
  return best;
}

TEST(SplitWorkers, TheLongestPartIsAsShortAsCanBe) {
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    size_t parts = 1 + random() % 4;
    auto workers = int64_t(parts + random() % 12);
    std::vector<std::vector<double>> times(parts);
    llvm::SmallVector<int64_t> most;
    std::vector<std::function<double(int64_t)>> seconds;
    for (auto &own : times) {
      // Steps down, with stretches on which more workers change nothing.
      own.assign(size_t(workers) + 1, double(random() % 30));
      for (size_t i = 2; i < own.size(); ++i)
        own[i] = own[i - 1] - (random() % 2 ? double(random() % 5) : 0);
      most.push_back(int64_t(1 + random() % 10));
      seconds.push_back([&own](int64_t count) { return own[size_t(count)]; });
    }
    llvm::SmallVector<int64_t> split = splitWorkers(seconds, most, workers);
    EXPECT_LE(std::accumulate(split.begin(), split.end(), int64_t(0)), workers);
    double longest = -INFINITY;
    for (size_t i = 0; i < parts; ++i) {
      EXPECT_GE(split[i], 1);
      EXPECT_LE(split[i], most[i]);
      longest = std::max(longest, times[i][size_t(split[i])]);
    }
    EXPECT_EQ(std::max(longest, 0.0), findBest(times, most, workers)) << "round " << round;
  }
}

} // namespace
