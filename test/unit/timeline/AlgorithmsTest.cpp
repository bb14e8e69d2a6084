//===- AlgorithmsTest.cpp - What a sum over ranks takes, by algorithm -----===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Timeline/Algorithms.h"

#include <gtest/gtest.h>

#include <array>

using namespace plait;
using namespace plait::timeline;

namespace {

constexpr std::array kAll = {SumAlgorithm::oneShot, SumAlgorithm::lamport, SumAlgorithm::twoShot,
                             SumAlgorithm::multimem, SumAlgorithm::ring};
constexpr std::array kInOrder = {SumAlgorithm::oneShot, SumAlgorithm::lamport, SumAlgorithm::twoShot};

Machine makeMachine(LinkKind kind, double latency, double bandwidth, bool multicast = false) {
  Machine machine;
  machine.devices = {{1e12, {{"f32", 1e12}}, 0}};
  machine.link.kind = kind;
  machine.link.latency = latency;
  machine.link.bandwidth = bandwidth;
  machine.link.multicast = multicast;
  return machine;
}

/// The bytes from which on it is no longer `algorithm`, between two powers of two.
double endOf(SumAlgorithm algorithm, const Machine &machine, int ranks) {
  double low = 1, high = 1e12;
  while (high - low > 1) {
    double middle = (low + high) / 2;
    (chooseSum(kInOrder, machine, middle, ranks)->algorithm == algorithm ? low : high) = middle;
  }
  return high;
}

} // namespace

TEST(Algorithms, HopsAndTraffic) {
  Machine gpus = makeMachine(LinkKind::crossbar, 1, 10, /*multicast=*/true);
  EXPECT_DOUBLE_EQ(*predictSum(SumAlgorithm::lamport, gpus, 40, 4), 1 + 3 * 4);
  EXPECT_DOUBLE_EQ(*predictSum(SumAlgorithm::oneShot, gpus, 40, 4), 3 + 3 * 4);
  EXPECT_DOUBLE_EQ(*predictSum(SumAlgorithm::twoShot, gpus, 40, 4), 6 + 1.5 * 4);
  EXPECT_DOUBLE_EQ(*predictSum(SumAlgorithm::ring, gpus, 40, 4), 6 + 1.5 * 4);
  EXPECT_DOUBLE_EQ(*predictSum(SumAlgorithm::multimem, gpus, 40, 4), 4 + 1.25 * 4);
  gpus.link.multicast = false;
  EXPECT_FALSE(predictSum(SumAlgorithm::multimem, gpus, 40, 4));
  gpus.activationScale = 0.5;
  EXPECT_DOUBLE_EQ(*predictSum(SumAlgorithm::lamport, gpus, 40, 4), 1 + 3 * 2);
}

/// What the runtime takes is docs/parallel.md's, and the formulas are those that plans are compared by.
TEST(Algorithms, OtherLinksHaveWhatTheRuntimeHas) {
  Machine shared = makeMachine(LinkKind::sharedMemory, 1e-6, 1e10);
  for (SumAlgorithm algorithm : {SumAlgorithm::lamport, SumAlgorithm::ring, SumAlgorithm::multimem})
    EXPECT_FALSE(predictSum(algorithm, shared, 1000, 4)) << getName(algorithm);
  EXPECT_DOUBLE_EQ(*predictSum(SumAlgorithm::twoShot, shared, 600 << 10, 3), 6e-6 + 4.0 / 3 * (600 << 10) / 1e10);
  EXPECT_EQ(chooseSum(kAll, shared, 1 << 20, 2)->algorithm, SumAlgorithm::oneShot);
  EXPECT_EQ(chooseSum(kAll, shared, (1 << 20) + 1, 2)->algorithm, SumAlgorithm::twoShot);
  EXPECT_EQ(chooseSum(kAll, shared, 64 << 10, 5)->algorithm, SumAlgorithm::oneShot);
  EXPECT_EQ(chooseSum(kAll, shared, (64 << 10) + 1, 5)->algorithm, SumAlgorithm::twoShot);
  Machine network = makeMachine(LinkKind::network, 1e-5, 1e9);
  EXPECT_FALSE(predictSum(SumAlgorithm::lamport, network, 1000, 4));
  EXPECT_EQ(chooseSum(kAll, network, 8 << 10, 4)->algorithm, SumAlgorithm::oneShot);
  EXPECT_EQ(chooseSum(kAll, network, 8 << 11, 4)->algorithm, SumAlgorithm::twoShot);
  Machine ring = makeMachine(LinkKind::ring, 1e-6, 1e10);
  EXPECT_EQ(chooseSum(kAll, ring, 1000, 4)->algorithm, SumAlgorithm::ring);
  EXPECT_FALSE(chooseSum(kInOrder, ring, 1000, 4));
}

/// A program may say what nobody would choose, and is predicted to take what that takes.
TEST(Algorithms, OfAProgramThatSaysIt) {
  Event sum;
  sum.kind = EventKind::allReduce;
  sum.ranks = {0, 1, 2, 3};
  sum.bytes.tokens = 40;
  sum.extents = Extents::prefill(1);
  for (LinkKind kind : {LinkKind::sharedMemory, LinkKind::network}) {
    Machine machine = makeMachine(kind, 1, 10);
    auto exchange = [&](std::optional<SumAlgorithm> algorithm) {
      sum.algorithms.clear();
      if (algorithm)
        sum.algorithms = {{1, *algorithm}, {2, SumAlgorithm::multimem}};
      Machine::Exchange found = machine.getExchange(sum);
      return std::pair(found.latency, found.transfer);
    };
    EXPECT_EQ(exchange(std::nullopt), std::pair(1.0, 12.0));
    EXPECT_EQ(exchange(SumAlgorithm::oneShot), std::pair(1.0, 12.0));
    EXPECT_EQ(exchange(SumAlgorithm::lamport), std::pair(1.0, 12.0));
    EXPECT_EQ(exchange(SumAlgorithm::twoShot), std::pair(2.0, 6.0));
    EXPECT_EQ(exchange(SumAlgorithm::ring), std::pair(6.0, 6.0));
  }
  // By the rows of a part, where a step is split.
  sum.algorithms = {{1, SumAlgorithm::oneShot}, {24, SumAlgorithm::ring}};
  for (auto [tokens, algorithm] : {std::pair(23, SumAlgorithm::oneShot), {24, SumAlgorithm::ring}}) {
    sum.extents = Extents::prefill(tokens);
    EXPECT_EQ(sum.getAlgorithm(), algorithm);
  }
}

/// Without a table the formula comes near what vLLM measured on H100: 1 MiB for 8 ranks, 2 MiB for 4, 32 MiB for 2.
TEST(Algorithms, EndsOfLamportAreNearMeasuredOnes) {
  Machine h100 = makeMachine(LinkKind::crossbar, 2e-6, 4.5e11);
  EXPECT_NEAR(endOf(SumAlgorithm::lamport, h100, 8), 857143, 2);
  EXPECT_NEAR(endOf(SumAlgorithm::lamport, h100, 4), 3000000, 2);
  EXPECT_GT(endOf(SumAlgorithm::lamport, h100, 2), 32 << 20);
}

TEST(Algorithms, TablesComeFirst) {
  auto table = loadMachine("dgx-h100");
  ASSERT_TRUE(table) << table.status().message();
  // In f32, of which half is sent.
  EXPECT_DOUBLE_EQ(*getMostBytes(SumAlgorithm::lamport, *table, 8), 2 << 20);
  EXPECT_FALSE(getMostBytes(SumAlgorithm::lamport, *table, 6)); // nobody has measured it
  EXPECT_NEAR(endOf(SumAlgorithm::lamport, *table, 8), (2 << 20) + 1, 2);
  EXPECT_NEAR(endOf(SumAlgorithm::lamport, *table, 4), (4 << 20) + 1, 2);
  // 1 KiB and 32 KiB of bf16: 5.75 and 6.70 us.
  EXPECT_NEAR(*predictSum(SumAlgorithm::oneShot, *table, 2048, 8), 5.75e-6, 1e-8);
  EXPECT_NEAR(*predictSum(SumAlgorithm::oneShot, *table, 65536, 8), 6.70e-6, 1e-8);
  // 16384 rows of 8192 bf16 in 986 us (TokenWeave, figure 5).
  EXPECT_NEAR(*predictSum(SumAlgorithm::multimem, *table, 4.0 * 8192 * 16384, 8), 986e-6, 0.01 * 986e-6);
  SumChoice few = *chooseSum(kAll, *table, 4 * 8192, 8);
  EXPECT_EQ(few.algorithm, SumAlgorithm::lamport);
  EXPECT_NE(few.reason.find("known to be the one up to these bytes; one_shot "), std::string::npos) << few.reason;
}
