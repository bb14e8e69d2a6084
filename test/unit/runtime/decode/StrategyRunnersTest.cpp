//===- StrategyRunnersTest.cpp - Tests of strategies on instances ---------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Instance.h"
#include "runtime/decode/Dispatcher.h"

#include "test/unit/runtime/decode/StrategyFixture.h"

using namespace plait;
using namespace plait::programs;

namespace {

class StrategyRunnersTest : public StrategyFixture {};

/// The model behind the ABI, with pages and threads of its own.
TEST_F(StrategyRunnersTest, AnInstanceVerifies) {
  for (unsigned number = 1; number < 5; ++number)
    for (int64_t chunk : {0, 3}) {
      auto instance = Instance::create(
          described, {.threads = 2, .maxTokens = 64, .maxRows = 8, .maxLeaves = 40, .capacityPages = 100});
      ASSERT_TRUE(instance) << instance.status().message();
      StepLimits same = (*instance)->limits();
      auto model = std::make_shared<demo::TokenModel>(
          described, same, [](const std::vector<int32_t> &text, const StepLeaf &leaf) {
            demo::Next next = demo::next(text, leaf.sampling, leaf.edits);
            return demo::TokenChoice{text.size() % 5 ? next.token : 1, next.logprob, {}};
          });
      Scheduler scheduler(std::shared_ptr<Instance>(instance.take()), {.chunk = chunk}, {{"draft", model}});
      std::vector<std::pair<SequenceId, std::vector<int32_t>>> expected;
      for (int i = 0; i < 9; ++i) {
        Request r;
        r.prompt = demo::prompt(1 + i * 7 % 23, i);
        r.maxTokens = 1 + i * 11 % 30;
        if (i % 3)
          r.sampling = {0.5f + float(i), i, 0.9f, 0.05f, 1234u + uint64_t(i), uint64_t(i)};
        if (i % 2)
          r.rules = {.repetition = 1.5f, .presence = 0.5f, .bias = {{7, 2.0f}}};
        r.strategy = i % 4 ? strategy(number) : nullptr;
        auto id = scheduler.add(r);
        ASSERT_TRUE(id) << id.status().message();
        expected.emplace_back(*id, demo::generate(r.prompt, int(r.maxTokens), r.sampling, r.rules));
      }
      ASSERT_TRUE(scheduler.runAll());
      int64_t accepted = 0;
      for (auto &[id, tokens] : expected) {
        auto result = scheduler.take(id);
        EXPECT_EQ(result->tokens, tokens) << number;
        accepted += result->drafting.acceptedTokens;
      }
      if (number > 2)
        EXPECT_GT(accepted, 20);
      EXPECT_EQ(scheduler.freePages(), scheduler.totalPages());
    }
}

TEST_F(StrategyRunnersTest, ReplicasHaveDraftsOfTheirOwn) {
  std::vector<std::vector<DraftModel>> drafts;
  for (int i = 0; i < 2; ++i)
    drafts.push_back(draft(limits()));
  Dispatcher dispatcher({main(limits()), main(limits())}, {}, std::move(drafts));
  std::mt19937 random(8);
  std::vector<std::pair<SequenceId, Request>> added;
  for (unsigned i = 0; i < 20; ++i) {
    Request r = request(random);
    r.strategy = strategy(i);
    auto id = dispatcher.add(r);
    ASSERT_TRUE(id) << id.status().message();
    added.emplace_back(*id, r);
  }
  ASSERT_TRUE(dispatcher.runAll());
  for (auto &[id, r] : added)
    expectPlain(*dispatcher.take(id), r, r.strategy ? r.strategy->name : "");
}

} // namespace
