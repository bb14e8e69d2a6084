//===- TileSharesTest.cpp - Tests of how tiles are shared out -------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/device/cpu/TileShares.h"

#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <thread>
#include <vector>

using namespace plait;

namespace {

/// Threads go through launches without waiting for each other, and take their time.
TEST(TileShares, EachTileOnceWhateverThreadsDo) {
  for (unsigned threads : {1u, 2u, 3u, 5u})
    for (bool shared : {false, true}) {
      const std::vector<int64_t> tiles = {0, 1, 7, 64, 3, 41, 200, 16};
      constexpr uint32_t rounds = 50;
      size_t launches = tiles.size() * rounds;
      std::vector<std::vector<std::atomic<int>>> times(launches);
      for (size_t i = 0; i < launches; ++i)
        times[i] = std::vector<std::atomic<int>>(size_t(tiles[i % tiles.size()]));
      TileShares shares;
      shares.resize(threads);
      auto work = [&](unsigned thread) {
        std::minstd_rand random(thread + 1);
        for (uint32_t i = 0; i < launches; ++i) {
          int64_t count = tiles[i % tiles.size()];
          // Numbers of launches wrap around.
          shares.forEach(thread, UINT32_MAX - 20 + i, count, shared, [&](TileShares::Run run) {
            EXPECT_LT(run.first, run.last);
            for (int64_t t = run.first; t < run.last; ++t)
              ++times[i][size_t(shares.begin(run.owner, count) + t)];
            if (random() % 8 == 0)
              std::this_thread::sleep_for(std::chrono::microseconds(random() % 50));
          });
        }
      };
      std::vector<std::thread> team;
      for (unsigned thread = 1; thread < threads; ++thread)
        team.emplace_back(work, thread);
      work(0);
      for (std::thread &thread : team)
        thread.join();
      for (size_t i = 0; i < launches; ++i)
        for (std::atomic<int> &count : times[i])
          ASSERT_EQ(count, 1) << "launch " << i << " of " << tiles[i % tiles.size()] << " tiles, " << threads
                              << " threads";
    }
}

TEST(TileShares, WhoHasFinishedTakesWhatIsLeft) {
  TileShares shares;
  shares.resize(2);
  std::atomic<bool> begun{false}, done{false};
  std::vector<std::atomic<int>> by(64);
  std::thread slow([&] {
    shares.forEach(1, 7, 64, true, [&](TileShares::Run run) {
      for (int64_t t = run.first; t < run.last; ++t)
        by[size_t(shares.begin(run.owner, 64) + t)] = 1;
      begun = true;
      while (!done)
        std::this_thread::yield();
    });
  });
  while (!begun)
    std::this_thread::yield();
  shares.forEach(0, 7, 64, true, [&](TileShares::Run run) {
    for (int64_t t = run.first; t < run.last; ++t)
      by[size_t(shares.begin(run.owner, 64) + t)] = 2;
  });
  done = true;
  slow.join();
  // The slow one keeps three quarters of its 32.
  for (int64_t t = 0; t < 64; ++t)
    EXPECT_EQ(by[size_t(t)], t >= 32 && t < 32 + 24 ? 1 : 2) << t;
}

} // namespace
