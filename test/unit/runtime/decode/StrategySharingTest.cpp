//===- StrategySharingTest.cpp - Tests of texts that share pages ----------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/unit/runtime/decode/StrategyFixture.h"

using namespace plait;
using namespace plait::programs;

namespace {

class StrategySharingTest : public StrategyFixture {};

TEST_F(StrategySharingTest, CompletionsShareThePrompt) {
  for (unsigned number = 1; number < kStrategies; ++number)
    for (int64_t chunk : {0, 3}) {
      auto runner = main(limits());
      Scheduler scheduler(runner, {.chunk = chunk}, draft(limits()));
      Request r;
      for (int i = 0; i < 19; ++i)
        r.prompt.push_back(i % 5);
      r.maxTokens = 12;
      r.sampling = {.temperature = 0.7f, .seed = 5};
      r.completions = 3;
      r.strategy = strategy(number);
      auto id = scheduler.add(r);
      ASSERT_TRUE(id) << id.status().message();
      ASSERT_TRUE(scheduler.runAll());
      for (uint64_t completion = 0; completion < 3; ++completion) {
        Request one = r;
        one.sampling.sequence = completion << 32;
        expectPlain(*scheduler.take(*id + completion), one, r.strategy->name);
      }
      EXPECT_EQ(scheduler.freePages(), scheduler.totalPages());
    }
}

TEST_F(StrategySharingTest, WhatWasComputedIsKept) {
  for (unsigned number = 1; number < kStrategies; ++number)
    for (int64_t last : {0, 3, 8, 20}) {
      Scheduler scheduler(main(limits()), {}, draft(limits()));
      Request first;
      first.prompt = {1, 2, 3, 4, 5, 1, 2};
      first.maxTokens = 20;
      first.keep = true;
      first.strategy = strategy(number);
      first.onToken = [&](const TokenEvent &event) {
        if (event.index == last)
          scheduler.stop(event.id);
      };
      auto one = scheduler.add(first);
      ASSERT_TRUE(scheduler.runAll());
      auto answer = scheduler.take(*one);
      Request second = first;
      second.keep = false;
      second.onToken = nullptr;
      second.prompt.insert(second.prompt.end(), answer->tokens.begin(), answer->tokens.end());
      second.prompt.push_back(7);
      auto two = scheduler.add(second);
      ASSERT_TRUE(scheduler.runAll());
      auto result = scheduler.take(*two);
      expectPlain(*result, second, second.strategy->name);
      EXPECT_GE(result->reusedTokens, int64_t(first.prompt.size() + answer->tokens.size()) - 1);
      EXPECT_EQ(scheduler.freePages(), scheduler.totalPages());
    }
}

TEST_F(StrategySharingTest, ForksOfSequencesGoOn) {
  for (unsigned number = 1; number < kStrategies; ++number)
    for (int steps = 3; steps < 12; ++steps) {
      Scheduler scheduler(main(limits()), {}, draft(limits()));
      std::vector<int32_t> seen;
      Request r;
      r.prompt = {3, 2, 1};
      r.maxTokens = 40;
      r.strategy = strategy(number);
      r.onToken = [&](const TokenEvent &event) {
        if (event.id == 1)
          seen.push_back(event.token);
      };
      auto parent = scheduler.add(r);
      for (int i = 0; i < steps || seen.empty(); ++i)
        ASSERT_TRUE(scheduler.step());
      std::vector<int32_t> past = seen;
      Sampling sampling = {.temperature = 0.8f, .seed = 3, .sequence = 7};
      auto child = scheduler.fork(*parent, sampling);
      ASSERT_TRUE(child) << child.status().message();
      ASSERT_TRUE(scheduler.runAll());
      expectPlain(*scheduler.take(*parent), r, r.strategy->name);
      Request rest = r;
      rest.prompt.insert(rest.prompt.end(), past.begin(), past.end());
      rest.maxTokens -= int64_t(past.size());
      rest.sampling = sampling;
      std::vector<int32_t> expected = past;
      for (int32_t token : plain(choose, rest, 96).tokens)
        expected.push_back(token);
      EXPECT_EQ(scheduler.take(*child)->tokens, expected) << r.strategy->name;
      EXPECT_EQ(scheduler.freePages(), scheduler.totalPages());
    }
}

} // namespace
