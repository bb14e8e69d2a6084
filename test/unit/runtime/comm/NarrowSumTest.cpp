//===- NarrowSumTest.cpp --------------------------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sums that are sent as bf16 against plain loops, with a rounding of their own.
//
//===----------------------------------------------------------------------===//

#include "runtime/comm/NarrowSum.h"

#include "runtime/comm/LocalGroup.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <functional>
#include <thread>

#include <unistd.h>

using namespace plait;

namespace {

/// The multiple of the last of 8 significant bits that is nearest, ties to even.
float rounded(float value) {
  if (value == 0)
    return value;
  int exponent = std::max(std::ilogb(value), -126);
  return float(std::ldexp(std::nearbyint(std::ldexp(double(value), 7 - exponent)), exponent - 7));
}

TEST(NarrowSum, IsRoundedToTheNearest) {
  EXPECT_EQ(rounded(1.00390625f), 1.0f);      // a tie, to even
  EXPECT_EQ(rounded(1.01171875f), 1.015625f); // likewise
  EXPECT_EQ(rounded(-3.1415927f), -3.140625f);
}

/// Element `i` of what a rank gives: of sizes that make the order of sums show.
float valueOf(int rank, size_t i) {
  uint64_t bits = (uint64_t(rank) * 7919 + i + 1) * 0x9E3779B97F4A7C15u;
  bits = (bits ^ (bits >> 29)) * 0xBF58476D1CE4E5B9u;
  return std::ldexp(float(int32_t(bits >> 32)), -int(bits >> 24 & 7) - 24);
}

float treeOf(int begin, int end, size_t i) {
  if (end - begin == 1)
    return rounded(valueOf(begin, i));
  int half = 1;
  while (2 * half < end - begin)
    half *= 2;
  return treeOf(begin, begin + half, i) + treeOf(begin + half, end, i);
}

float sumOf(int ranks, SumOrder order, size_t i) {
  if (order == SumOrder::tree)
    return rounded(treeOf(0, ranks, i));
  float sum = rounded(valueOf(0, i));
  for (int rank = 1; rank < ranks; ++rank)
    sum += rounded(valueOf(rank, i));
  return rounded(sum);
}

/// Runs `body` on ranks that are threads.
void runRanks(int ranks, const std::function<void(Communicator &)> &body) {
  LocalGroupOptions options;
  options.size = ranks;
  options.identity = "narrow";
  options.deadline = std::chrono::seconds(20);
  Expected<int> fd = LocalGroup::create(options);
  ASSERT_TRUE(fd.ok()) << fd.status().message();
  auto region = std::make_shared<const SharedRegion>(SharedRegion::map(*fd).take());
  std::vector<std::thread> threads;
  for (int rank = 0; rank < ranks; ++rank)
    threads.emplace_back([&, rank] {
      auto communicator = LocalGroup::join(region, rank, options);
      ASSERT_TRUE(communicator.ok()) << communicator.status().message();
      body(**communicator);
    });
  for (std::thread &thread : threads)
    thread.join();
  ::close(*fd);
}

std::vector<float> given(int rank, size_t count) {
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i)
    values[i] = valueOf(rank, i);
  return values;
}

class Sums : public testing::TestWithParam<std::tuple<int, SumOrder>> {};

// Few elements, which are sent to everybody, and so many that each rank adds up a part, in several pieces.
TEST_P(Sums, AllReduce) {
  auto [ranks, order] = GetParam();
  for (size_t count : {size_t(1), size_t(7), size_t(3000), size_t(70001)})
    runRanks(ranks, [&](Communicator &communicator) {
      std::vector<float> data = given(communicator.rank(), count);
      Status status = NarrowSum(communicator, order).allReduce(data, "sum");
      ASSERT_TRUE(status.ok()) << status.message();
      for (size_t i = 0; i < count; ++i)
        ASSERT_EQ(data[i], sumOf(ranks, order, i)) << count << " elements, " << i;
    });
}

TEST_P(Sums, ReduceScatter) {
  auto [ranks, order] = GetParam();
  std::vector<size_t> counts, begins = {0};
  for (int rank = 0; rank < ranks; ++rank) { // one of them has none
    counts.push_back(rank == 1 ? 0 : 2500 + 17 * size_t(rank));
    begins.push_back(begins.back() + counts.back());
  }
  runRanks(ranks, [&](Communicator &communicator) {
    std::vector<float> data = given(communicator.rank(), begins.back()), own(counts[size_t(communicator.rank())]);
    Status status = NarrowSum(communicator, order).reduceScatter(data, own, counts, "sum");
    ASSERT_TRUE(status.ok()) << status.message();
    for (size_t i = 0; i < own.size(); ++i)
      ASSERT_EQ(own[i], sumOf(ranks, order, begins[size_t(communicator.rank())] + i)) << i;
  });
}

TEST_P(Sums, ReduceGather) {
  auto [ranks, order] = GetParam();
  constexpr size_t columns = 40, rows = 101;
  std::vector<size_t> first;
  for (int rank = 0; rank <= ranks; ++rank)
    first.push_back(rows * size_t(rank) / size_t(ranks));
  runRanks(ranks, [&](Communicator &communicator) {
    std::vector<float> data = given(communicator.rank(), rows * columns), out(rows * columns, -1);
    size_t own = first[size_t(communicator.rank()) + 1] - first[size_t(communicator.rank())];
    std::vector<float> sum(own * columns), part(own * columns);
    RowExchange exchange = {data, sum.data(), part.data(), out, first, columns};
    Status status = NarrowSum(communicator, order)
                        .reduceGather(
                            exchange,
                            [&](size_t begin, size_t end) {
                              for (size_t i = begin * columns; i < end * columns; ++i)
                                part[i] = sum[i] / 3; // no bf16
                            },
                            "sum");
    ASSERT_TRUE(status.ok()) << status.message();
    for (size_t i = 0; i < out.size(); ++i)
      ASSERT_EQ(out[i], sumOf(ranks, order, i) / 3) << i;
  });
}

// Half of what a sum in f32 moves.
TEST_P(Sums, BytesAreHalved) {
  auto [ranks, order] = GetParam();
  constexpr size_t count = 100000;
  runRanks(ranks, [&](Communicator &communicator) {
    std::vector<float> data = given(communicator.rank(), count);
    ASSERT_TRUE(NarrowSum(communicator, order).allReduce(data, "sum").ok());
    EXPECT_EQ(communicator.count(CollectiveKind::allReduce).calls, 0u);
    EXPECT_EQ(communicator.count(CollectiveKind::allGather).bytes, 2 * count);
    EXPECT_EQ(communicator.count(CollectiveKind::allToAll).calls, 1u);
  });
}

INSTANTIATE_TEST_SUITE_P(Ranks, Sums,
                         testing::Combine(testing::Values(1, 2, 3, 5),
                                          testing::Values(SumOrder::rank, SumOrder::tree)));

} // namespace
