//===- StrategyTest.cpp - Tests of sequences with a strategy --------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Instance.h"

#include "test/unit/runtime/decode/StrategyFixture.h"

#include <thread>

using namespace plait;
using namespace plait::programs;

namespace {

class StrategyTest : public StrategyFixture {};

TEST_F(StrategyTest, EachGivesTheTokensOfPlainDecoding) {
  std::mt19937 random(1);
  for (unsigned number = 1; number < kStrategies; ++number)
    for (int batch : {1, 2, 7})
      for (int64_t chunk : {0, 1, 3, 16}) {
        Scheduler scheduler(main(limits()), {.chunk = chunk}, draft(limits()));
        std::vector<std::pair<SequenceId, Request>> added;
        for (int i = 0; i < batch; ++i) {
          Request r = request(random);
          r.strategy = strategy(number);
          auto id = scheduler.add(r);
          ASSERT_TRUE(id) << id.status().message();
          added.emplace_back(*id, r);
        }
        ASSERT_TRUE(scheduler.runAll());
        for (auto &[id, r] : added) {
          auto result = scheduler.take(id);
          ASSERT_TRUE(result) << result.status().message();
          expectPlain(*result, r, r.strategy->name);
        }
        EXPECT_EQ(scheduler.freePages(), scheduler.totalPages());
      }
}

/// Small steps and caches, sequences that come at any time, rows that are put off.
TEST_F(StrategyTest, InAnyCompany) {
  for (unsigned seed = 0; seed < 150; ++seed) {
    std::mt19937 random(seed);
    StepLimits most = limits(6 + int64_t(random() % 30), 1 + int64_t(random() % 7), 6 + int64_t(random() % 20),
                             60 + int64_t(random() % 150));
    StepLimits drafts = limits(6 + int64_t(random() % 30), 1 + int64_t(random() % 7), 6 + int64_t(random() % 20),
                               40 + int64_t(random() % 100));
    most.maxRows = std::min(most.maxRows, most.maxTokens);
    drafts.maxPositions = random() % 2 ? 96 : 30;
    SchedulerOptions options{.chunk = int64_t(random() % 6)};
    if (random() % 2)
      options.planHook = [&](std::vector<RowPlan> &rows) {
        std::shuffle(rows.begin(), rows.end(), random);
        if (rows.size() > 1)
          rows.resize(1 + random() % rows.size());
        for (RowPlan &row : rows)
          if (row.prompt)
            row.count = 1 + int64_t(random() % uint64_t(row.count));
      };
    Scheduler scheduler(main(most), options, draft(drafts));
    std::vector<std::pair<SequenceId, Request>> added;
    for (bool more = true; more || added.size() < 12;) {
      if (added.size() < 12 && random() % 2) {
        Request r = request(random);
        r.strategy = strategy(unsigned(random()));
        auto id = scheduler.add(r);
        ASSERT_TRUE(id) << seed << ": " << id.status().message();
        added.emplace_back(*id, r);
      }
      auto stepped = scheduler.step();
      ASSERT_TRUE(stepped) << seed << ": " << stepped.status().message();
      more = *stepped;
    }
    for (auto &[id, r] : added)
      expectPlain(*scheduler.take(id), r, std::to_string(seed) + (r.strategy ? " " + r.strategy->name : ""));
    EXPECT_EQ(scheduler.freePages(), scheduler.totalPages()) << seed;
  }
}

TEST_F(StrategyTest, EveryMaxTokensAndEveryStop) {
  std::mt19937 random(3);
  for (unsigned number = 1; number < kStrategies; ++number) {
    Request r;
    r.prompt = {4, 5, 6, 4, 5};
    r.strategy = strategy(number);
    for (r.maxTokens = 1; r.maxTokens <= 24; ++r.maxTokens) {
      Scheduler scheduler(main(limits()), {}, draft(limits()));
      auto id = scheduler.add(r);
      ASSERT_TRUE(scheduler.runAll());
      expectPlain(*scheduler.take(*id), r, r.strategy->name);
    }
    // Callbacks end the text after each of its tokens.
    for (int64_t last = 0; last < 24; ++last) {
      Scheduler scheduler(main(limits()), {}, draft(limits()));
      std::vector<int32_t> seen;
      Request stopped = r;
      stopped.onToken = [&](const TokenEvent &event) {
        EXPECT_EQ(event.index, int64_t(seen.size()));
        EXPECT_TRUE(event.top.empty()) << "what the strategy asks for is its own";
        seen.push_back(event.token);
        if (event.index == last)
          scheduler.stop(event.id);
      };
      auto id = scheduler.add(stopped);
      ASSERT_TRUE(scheduler.runAll());
      auto result = scheduler.take(*id);
      std::vector<int32_t> expected = plain(choose, r, 96).tokens;
      expected.resize(size_t(last) + 1);
      EXPECT_EQ(result->tokens, expected) << r.strategy->name;
      EXPECT_EQ(seen, expected) << r.strategy->name;
      EXPECT_EQ(scheduler.freePages(), scheduler.totalPages());
    }
  }
}

TEST_F(StrategyTest, LogitsThatAreNotFiniteEndOneSequenceAfterWhatWasAccepted) {
  for (unsigned number = 1; number < kStrategies; ++number)
    for (int64_t nanAt = 2; nanAt < 30; ++nanAt) {
      choose = [nanAt](const std::vector<int32_t> &text, const StepLeaf &leaf) {
        return demo::chooseByHash(text, leaf, kTokens, 0, leaf.sampling.sequence == 9 ? nanAt : INT64_MAX);
      };
      Scheduler scheduler(main(limits()), {}, draft(limits()));
      Request bad;
      bad.prompt = {1, 2, 3};
      bad.maxTokens = 50;
      bad.sampling.sequence = 9;
      bad.strategy = strategy(number);
      Request good = bad;
      good.sampling.sequence = 1;
      auto one = scheduler.add(bad), two = scheduler.add(good);
      ASSERT_TRUE(scheduler.runAll());
      auto result = scheduler.take(*one);
      expectPlain(*result, bad, bad.strategy->name);
      EXPECT_NE(result->error.message().find("after position " + std::to_string(nanAt)), std::string::npos)
          << result->error.message();
      expectPlain(*scheduler.take(*two), good, good.strategy->name);
      EXPECT_EQ(scheduler.freePages(), scheduler.totalPages());
    }
}

TEST_F(StrategyTest, CancelBetweenAnySteps) {
  for (unsigned number = 1; number < kStrategies; ++number)
    for (int steps = 0; steps < 14; ++steps) {
      Scheduler scheduler(main(limits()), {.chunk = 4}, draft(limits()));
      Request r;
      r.prompt = {1, 2, 3, 1, 2, 3, 1};
      r.maxTokens = 40;
      r.strategy = strategy(number);
      auto cut = scheduler.add(r), whole = scheduler.add(r);
      for (int i = 0; i < steps; ++i)
        ASSERT_TRUE(scheduler.step());
      EXPECT_TRUE(scheduler.cancel(*cut));
      ASSERT_TRUE(scheduler.runAll());
      auto result = scheduler.take(*cut);
      EXPECT_EQ(result->reason, FinishReason::cancelled);
      std::vector<int32_t> expected = plain(choose, r, 96).tokens;
      ASSERT_LE(result->tokens.size(), expected.size());
      EXPECT_TRUE(std::equal(result->tokens.begin(), result->tokens.end(), expected.begin()));
      expectPlain(*scheduler.take(*whole), r, r.strategy->name);
      EXPECT_EQ(scheduler.freePages(), scheduler.totalPages());
    }
}

TEST_F(StrategyTest, CancelFromAnotherThread) {
  Scheduler scheduler(main(limits()), {}, draft(limits()));
  std::mt19937 random(4);
  for (int round = 0; round < 10; ++round) {
    for (unsigned i = 0; i < 6; ++i) {
      Request r = request(random);
      r.strategy = strategy(i);
      ASSERT_TRUE(scheduler.add(r));
    }
    std::thread other([&] {
      std::this_thread::sleep_for(std::chrono::microseconds(100 * round));
      scheduler.cancelAll();
    });
    ASSERT_TRUE(scheduler.runAll());
    other.join();
    EXPECT_EQ(scheduler.freePages(), scheduler.totalPages());
  }
}

/// With room for one block at a time everybody comes to a turn.
TEST_F(StrategyTest, NobodyWaitsForOthersToEnd) {
  for (unsigned number : {1u, 2u, 3u, 4u}) {
    StepLimits small = limits(6, 6, 6);
    Scheduler scheduler(main(small), {}, draft(small));
    std::vector<int64_t> tokens(5, 0);
    for (size_t i = 0; i < tokens.size(); ++i) {
      Request r;
      r.prompt = {int32_t(i), 2, 3};
      r.maxTokens = 60;
      r.strategy = i % 2 ? strategy(number) : lookup(6);
      r.onToken = [&, i](const TokenEvent &) { ++tokens[i]; };
      ASSERT_TRUE(scheduler.add(r));
    }
    while (*std::max_element(tokens.begin(), tokens.end()) < 50)
      ASSERT_TRUE(scheduler.step());
    EXPECT_GT(*std::min_element(tokens.begin(), tokens.end()), 5) << number;
    scheduler.cancelAll();
    ASSERT_TRUE(scheduler.runAll());
  }
}

TEST_F(StrategyTest, Refusals) {
  Scheduler scheduler(main(limits(64, 8, 5)));
  auto refused = [&](Request r, std::shared_ptr<const RoundProgram> program, const char *part) {
    r.strategy = std::move(program);
    auto id = scheduler.add(std::move(r));
    ASSERT_FALSE(id) << part;
    EXPECT_NE(id.status().message().find(part), std::string::npos) << id.status().message();
  };
  Request r;
  r.prompt = {1, 2};
  refused(r, recycling(), "found blocks of up to 6 tokens; expected at most 5, as many as a step verifies");
  refused(r, spec(), "expected at most 5");
  refused(r, parse(kOther), "found a text of the model \"other\"; expected \"main\", there is no draft model");
  refused(r, lookup(6), "found blocks of up to 6 tokens; expected at most 5, as many as a step verifies");
  refused(r, parse(R"({"name": "s", "exact": "identical", "models": ["main"],
    "values": 7, "begin": [], "inits": [0], "arguments": [1], "round": {"ops": [
      {"op": "pending", "operands": [1], "results": [2]},
      {"op": "forward", "operands": [1, 2], "results": [3], "step": "half"},
      {"op": "walk", "operands": [2, 3], "results": [4]},
      {"op": "commit", "operands": [1, 4], "results": [5]},
      {"op": "stop", "operands": [5], "results": [6]}], "yield": [5], "stop": 6}})"),
          "found forwards that run \"half\"; expected \"ar\"");
  auto debug = Instance::create(described, {.threads = 1, .maxTokens = 16, .maxRows = 4, .variant = "ar.debug"});
  ASSERT_TRUE(debug) << debug.status().message();
  Scheduler logits(std::shared_ptr<Instance>(debug.take()));
  r.wantLogits = true;
  r.strategy = lookup();
  auto wanted = logits.add(r);
  ASSERT_FALSE(wanted);
  EXPECT_NE(wanted.status().message().find("logits: found the strategy prompt_lookup"), std::string::npos)
      << wanted.status().message();
  StepLimits other = limits();
  other.vocabulary = kTokens + 1;
  Scheduler mismatched(main(limits()), {}, draft(other));
  r.wantLogits = false;
  r.strategy = spec();
  auto id = mismatched.add(r);
  ASSERT_FALSE(id);
  EXPECT_NE(id.status().message().find("found a vocabulary of 14; expected the 13 tokens"), std::string::npos)
      << id.status().message();
}

} // namespace
