//===- ExecutorFixture.h - Executors of several ranks ----------*- C++ -*--===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TEST_UNIT_RUNTIME_DEVICE_EXECUTORFIXTURE_H
#define PLAIT_TEST_UNIT_RUNTIME_DEVICE_EXECUTORFIXTURE_H

#include "plait-abi/Model.h"
#include "runtime/comm/LocalGroup.h"

#include "gtest/gtest.h"

#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include <unistd.h>

namespace plait {

inline plait_model_v4_t noGroups() {
  plait_model_v4_t model{};
  model.token_group = -1;
  return model;
}

/// Runs `body` on ranks, which are threads.
inline std::vector<Status> onRanks(const std::function<Status(Communicator &)> &body, int size = 2) {
  LocalGroupOptions options;
  options.size = size;
  Expected<int> fd = LocalGroup::create(options);
  EXPECT_TRUE(fd.ok()) << fd.status().message();
  auto region = std::make_shared<const SharedRegion>(SharedRegion::map(*fd).take());
  ::close(*fd);
  std::vector<Status> results(size_t(size), Status::success());
  auto run = [&](int rank) {
    auto communicator = LocalGroup::join(region, rank, options);
    results[size_t(rank)] = communicator ? body(**communicator) : communicator.status();
  };
  std::vector<std::thread> others;
  for (int rank = 1; rank < size; ++rank)
    others.emplace_back(run, rank);
  run(0);
  for (std::thread &other : others)
    other.join();
  return results;
}

} // namespace plait

#endif // PLAIT_TEST_UNIT_RUNTIME_DEVICE_EXECUTORFIXTURE_H
