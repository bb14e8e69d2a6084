//===- EventListTest.cpp - Programs of ranks as one list ------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Timeline/EventList.h"

#include <gtest/gtest.h>

using namespace plait;
using namespace plait::timeline;

namespace {

Event compute(int rank, const char *name) {
  Event event;
  event.name = name;
  event.kind = EventKind::product;
  event.ranks = {rank};
  return event;
}

Event exchange(std::vector<int> ranks, EventKind kind = EventKind::allReduce, double bytes = 8) {
  Event event;
  event.name = "x";
  event.kind = kind;
  event.ranks = std::move(ranks);
  event.bytes.constant = bytes;
  return event;
}

std::string errorOf(const std::vector<std::vector<Event>> &programs) {
  auto list = joinRanks(programs);
  return list ? "" : list.status().message();
}

TEST(JoinRanks, MeetsInOrder) {
  // Ranks 0 and 1 meet twice, 2 and 3 once in between, then all.
  auto list = joinRanks({{compute(0, "a"), exchange({0, 1}), compute(0, "b"), exchange({0, 1}), exchange({0, 1, 2, 3})},
                         {exchange({0, 1}), exchange({0, 1}), exchange({0, 1, 2, 3})},
                         {compute(2, "c"), exchange({2, 3}), exchange({0, 1, 2, 3})},
                         {exchange({2, 3}), compute(3, "d"), exchange({0, 1, 2, 3})}});
  ASSERT_TRUE(list) << list.status().message();
  EXPECT_EQ(list->ranks, 4);
  EXPECT_EQ(list->events.size(), 8u);
  auto programs = list->getPrograms();
  auto nameOf = [&](int rank, size_t i) { return list->events[size_t(programs[size_t(rank)][i])].name; };
  EXPECT_EQ(nameOf(0, 0), "a");
  EXPECT_EQ(nameOf(0, 2), "b");
  EXPECT_EQ(nameOf(3, 1), "d");
  for (const auto &program : programs)
    EXPECT_EQ(program.back(), programs[0].back());
  // Each waits for what is before it on its ranks, and stands behind it.
  EXPECT_EQ(list->events[size_t(programs[0].back())].after.size(), 4u);
  for (size_t i = 0; i < list->events.size(); ++i)
    for (int before : list->events[i].after)
      EXPECT_LT(before, int(i));
}

TEST(JoinRanks, Errors) {
  EXPECT_EQ(errorOf({{exchange({0, 1})}, {exchange({0, 1}, EventKind::allGather)}}),
            "rank 1: found all_gather of 8 bytes; expected all_reduce of 8 bytes, as rank 0 has there");
  EXPECT_EQ(errorOf({{exchange({0, 1})}, {exchange({0, 1}, EventKind::allReduce, 16)}}),
            "rank 1: found all_reduce of 16 bytes; expected all_reduce of 8 bytes, as rank 0 has there");
  EXPECT_EQ(errorOf({{exchange({0, 1})}, {}}),
            "rank 0: found that it waits in all_reduce 'x' for ranks that do not come there; expected all of its ranks "
            "to exchange in one order");
  EXPECT_EQ(errorOf({{exchange({0, 2})}, {}}), "rank 0: found an exchange with rank 2; expected one of 2 ranks");
  // 0 waits for 1, 1 for 2, and 2 for 0.
  EXPECT_NE(errorOf({{exchange({0, 1}), exchange({0, 2})},
                     {exchange({1, 2}), exchange({0, 1})},
                     {exchange({0, 2}), exchange({1, 2})}}),
            "");
}

TEST(Classify, ByCost) {
  auto kindOf = [](double perToken, double perPosition, double stored, double moved) {
    Work work;
    work.flops.tokens = perToken;
    work.flops.positions = perPosition;
    work.storedBytes.constant = stored;
    work.activationBytes.tokens = moved;
    return classify(work);
  };
  EXPECT_EQ(kindOf(2 * 192 * 64, 0, 2 * 192 * 64, 4 * 256), EventKind::product);
  EXPECT_EQ(kindOf(4 * 192, 0, 4 * 192, 8 * 192), EventKind::rowwise); // a norm reads a vector
  EXPECT_EQ(kindOf(10, 256, 0, 8 * 192), EventKind::attention);
  EXPECT_EQ(kindOf(0, 0, 1e6, 0), EventKind::other); // a head computes rows of leaves
}

} // namespace
