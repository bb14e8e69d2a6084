//===- ThreadPoolTest.cpp - Tests of the thread team ----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/device/cpu/ThreadPool.h"

#include "gtest/gtest.h"

#include <atomic>
#include <chrono>
#include <numeric>
#include <thread>
#include <vector>

#include <sys/resource.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

using namespace plait;

namespace {

TEST(ThreadPoolTest, RunsEveryThreadOnce) {
  for (unsigned threads = 1; threads <= 5; ++threads) {
    auto pool = ThreadPool::create(threads);
    ASSERT_TRUE(pool) << pool.status().message();
    std::vector<int> calls(threads);
    for (int repeat = 0; repeat < 200; ++repeat)
      (*pool)->run([&](unsigned thread) { ++calls[thread]; });
    for (int count : calls)
      EXPECT_EQ(count, 200);
  }
}

TEST(ThreadPoolTest, BarrierSeparatesPhases) {
  for (unsigned threads : {1u, 2u, 3u, 4u}) {
    auto pool = ThreadPool::create(threads);
    ASSERT_TRUE(pool);
    // Each phase reads what the neighbour wrote in the phase before.
    std::vector<int64_t> a(threads, 1), b(threads, 0);
    constexpr int phases = 300;
    (*pool)->run([&](unsigned thread) {
      for (int phase = 0; phase < phases; ++phase) {
        auto &from = phase % 2 ? b : a, &to = phase % 2 ? a : b;
        to[thread] = from[(thread + 1) % threads] + 1;
        (*pool)->barrier(thread);
      }
    });
    for (int64_t value : a)
      EXPECT_EQ(value, 1 + phases);
  }
}

TEST(ThreadPoolTest, WakesUpAfterIdling) {
  auto pool = ThreadPool::create(3, /*pin=*/true);
  ASSERT_TRUE(pool);
  std::atomic<int> calls{0};
  for (int repeat = 0; repeat < 5; ++repeat) {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    (*pool)->run([&](unsigned) { ++calls; });
  }
  EXPECT_EQ(calls, 15);
}

TEST(ThreadPoolTest, IdlePoolBurnsNoCpu) {
  auto pool = ThreadPool::create(2);
  ASSERT_TRUE(pool);
  (*pool)->run([](unsigned) {});
  std::this_thread::sleep_for(std::chrono::milliseconds(100)); // to fall asleep
  auto cpuSeconds = [] {
    rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           1e-6 * double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
  };
  double before = cpuSeconds();
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_LT(cpuSeconds() - before, 0.05);
}

TEST(ThreadPoolTest, RefusesSillySizes) {
  EXPECT_EQ(ThreadPool::create(0).status().code(), StatusCode::invalidArgument);
  EXPECT_EQ(ThreadPool::create(100000).status().code(), StatusCode::invalidArgument);
}

#if defined(__x86_64__)
TEST(ThreadPoolTest, FloatModeIsTheSameOnAllThreadsAndRestored) {
  unsigned host = _mm_getcsr();
  _mm_setcsr(host | 0x8040); // the host program flushes denormals to zero
  auto pool = ThreadPool::create(3);
  ASSERT_TRUE(pool);
  std::vector<unsigned> modes(3);
  (*pool)->run([&](unsigned thread) { modes[thread] = _mm_getcsr(); });
  for (unsigned mode : modes)
    EXPECT_EQ(mode & 0xFFC0, 0x1F80u);
  EXPECT_EQ(_mm_getcsr() & 0x8040, 0x8040u);
  _mm_setcsr(host);
}
#endif

} // namespace
