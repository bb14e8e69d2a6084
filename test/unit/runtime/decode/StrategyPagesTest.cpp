//===- StrategyPagesTest.cpp - Tests of strategies in little room ---------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/unit/runtime/decode/StrategyFixture.h"

using namespace plait;
using namespace plait::programs;

namespace {

class StrategyPagesTest : public StrategyFixture {};

TEST_F(StrategyPagesTest, LongTextsBehindWindows) {
  StepLimits wide = limits(20, 2, 12, 60);
  wide.maxPositions = 96;
  for (unsigned number = 1; number < kStrategies; ++number) {
    Scheduler scheduler(main(wide), {.chunk = 3}, draft(wide, 3));
    Request r;
    r.prompt = {1, 2, 3, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2};
    r.maxTokens = 1000;
    r.strategy = strategy(number);
    auto id = scheduler.add(r);
    ASSERT_TRUE(scheduler.runAll());
    auto result = scheduler.take(*id);
    expectPlain(*result, r, r.strategy->name);
    EXPECT_EQ(result->tokens.size(), 84u) << result->note;
    // What follows from a draft that was wrong is not computed anew from the beginning.
    EXPECT_LE(draftModel->numTokens, number < kTrees ? 3 * 96 : 10 * 96) << r.strategy->name;
    EXPECT_EQ(scheduler.freePages(), scheduler.totalPages());
  }
}

TEST_F(StrategyPagesTest, ADraftThatFellFarBehindBeginsAnew) {
  auto late = parse(kLate);
  for (int length = 1; length <= 8; ++length) {
    Scheduler scheduler(main(limits()), {.chunk = 5}, draft(limits(), 2));
    Request r;
    for (int i = 0; i < length; ++i)
      r.prompt.push_back(i * 5 % kTokens);
    r.maxTokens = 80;
    r.strategy = late;
    auto id = scheduler.add(r);
    ASSERT_TRUE(scheduler.runAll());
    expectPlain(*scheduler.take(*id), r, std::to_string(length));
    EXPECT_EQ(scheduler.freePages(), scheduler.totalPages());
  }
}

TEST_F(StrategyPagesTest, SmallCaches) {
  for (unsigned number = 1; number < kStrategies; ++number)
    for (int64_t pages = 3; pages < 16; ++pages) {
      StepLimits small = limits(16, 4, 12, pages);
      small.tables[1].capacityPages = 60;
      Scheduler scheduler(main(small), {}, draft(small));
      std::vector<std::pair<SequenceId, Request>> added;
      std::mt19937 random{unsigned(pages)};
      for (int i = 0; i < 5; ++i) {
        Request r = request(random, 60);
        r.prompt.resize(std::min<size_t>(r.prompt.size(), 3));
        r.rules.minTokens = 0;
        r.strategy = strategy(number);
        auto id = scheduler.add(r);
        ASSERT_TRUE(id) << id.status().message();
        // A second text of a model has as many positions as the first.
        int64_t context = std::min<int64_t>(96, pages / (number == 8 ? 2 : 1) * 4);
        r.maxTokens = std::min(r.maxTokens, context - int64_t(r.prompt.size()) + 1);
        added.emplace_back(*id, r);
      }
      ASSERT_TRUE(scheduler.runAll());
      for (auto &[id, r] : added)
        expectPlain(*scheduler.take(id), r, r.strategy->name + " " + std::to_string(pages));
      EXPECT_EQ(scheduler.freePages(), scheduler.totalPages());
    }
}

TEST_F(StrategyPagesTest, PagesOfDraftsAreReserved) {
  for (int64_t pages : {15, 16, 20, 31}) {
    Scheduler scheduler(main(limits()), {}, draft(limits(64, 8, 64, pages)));
    std::vector<std::pair<SequenceId, Request>> added;
    for (int i = 0; i < 6; ++i) {
      Request r;
      r.prompt = {i, 2, 3};
      r.maxTokens = 56;
      r.strategy = spec();
      auto id = scheduler.add(r);
      ASSERT_TRUE(id) << id.status().message();
      added.emplace_back(*id, r);
    }
    ASSERT_TRUE(scheduler.runAll());
    for (auto &[id, r] : added)
      expectPlain(*scheduler.take(id), r, std::to_string(pages));
  }
}

/// Windows whose pages are just enough, or make the context shorter.
TEST_F(StrategyPagesTest, SmallRings) {
  for (unsigned number = 1; number < kStrategies; ++number)
    for (int64_t pages = 3; pages < 30; ++pages)
      for (int64_t chunk : {1, 4}) {
        StepLimits small = limits(16, 4, 12);
        small.tables[1].capacityPages = pages;
        Scheduler scheduler(main(small), {.chunk = chunk}, draft(small));
        std::vector<std::pair<SequenceId, Request>> added;
        for (int i = 0; i < 4; ++i) {
          Request r;
          r.prompt = {i, 2, 3};
          r.maxTokens = 70;
          r.strategy = strategy(number);
          auto id = scheduler.add(r);
          ASSERT_TRUE(id) << id.status().message();
          added.emplace_back(*id, r);
        }
        ASSERT_TRUE(scheduler.runAll());
        for (auto &[id, r] : added) {
          auto result = scheduler.take(id);
          r.maxTokens = int64_t(result->tokens.size());
          EXPECT_GE(r.maxTokens, std::min<int64_t>(70, pages / (number == 8 ? 2 : 1) * 4 - 2)) << result->note;
          expectPlain(*result, r, r.strategy->name + " " + std::to_string(pages));
        }
        EXPECT_EQ(scheduler.freePages(), scheduler.totalPages());
      }
}

} // namespace
