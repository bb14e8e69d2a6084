//===- StrategyDraftsTest.cpp - Tests of what drafts save -----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/unit/runtime/decode/StrategyFixture.h"

using namespace plait;
using namespace plait::programs;

namespace {

class StrategyDraftsTest : public StrategyFixture {};

TEST_F(StrategyDraftsTest, DraftsThatAreRightSaveSteps) {
  for (unsigned number = 1; number < 5; ++number) {
    Scheduler scheduler(main(limits()), {}, draft(limits(), 0));
    Request r;
    r.prompt = {1, 2, 3};
    r.maxTokens = 60;
    r.strategy = strategy(number);
    auto id = scheduler.add(r);
    ASSERT_TRUE(scheduler.runAll());
    auto result = scheduler.take(*id);
    expectPlain(*result, r, r.strategy->name);
    EXPECT_EQ(result->drafting.rounds + result->drafting.acceptedTokens, 60) << r.strategy->name;
    EXPECT_GE(result->drafting.draftedTokens, result->drafting.acceptedTokens);
    // Of Jacobi's guesses few are right where one token depends on two others.
    EXPECT_LT(result->drafting.rounds, number == 2 ? 60 : number == 1 ? 40 : 25) << r.strategy->name;
  }
}

/// Of a chain or a fork nothing is moved.
TEST_F(StrategyDraftsTest, OnlyTreesMoveWhatTheyHaveComputed) {
  for (unsigned number = 1; number < kStrategies; ++number) {
    auto runner = main(limits());
    Scheduler scheduler(runner, {}, draft(limits()));
    Request r;
    r.prompt = {1, 2, 3};
    r.maxTokens = 80;
    r.sampling = {.temperature = 0.3f, .seed = 2};
    r.strategy = strategy(number);
    auto id = scheduler.add(r);
    ASSERT_TRUE(scheduler.runAll());
    auto result = scheduler.take(*id);
    expectPlain(*result, r, r.strategy->name);
    int64_t moves = runner->numMoves + draftModel->numMoves;
    EXPECT_EQ(moves > 0, number >= kTrees) << number << " " << r.strategy->name;
    EXPECT_EQ(moves, 2 * result->drafting.movedTokens) << "of each page table";
  }
}

/// Nothing is drawn, and the heads know what follows: every round has three tokens but the first,
/// which has no candidates yet.
TEST_F(StrategyDraftsTest, HeadsThatAreRightSaveSteps) {
  auto runner = main(limits());
  Scheduler scheduler(runner);
  std::vector<std::pair<SequenceId, Request>> added;
  for (int32_t token = 0; token < 5; ++token) {
    Request r;
    r.prompt = {token, 3};
    r.maxTokens = 61;
    r.strategy = strategy(kHeads);
    added.emplace_back(*scheduler.add(r), r);
  }
  ASSERT_TRUE(scheduler.runAll());
  for (auto &[id, r] : added) {
    auto result = scheduler.take(id);
    expectPlain(*result, r, "heads");
    EXPECT_EQ(result->drafting.rounds, 21);
    EXPECT_EQ(result->drafting.acceptedTokens, 40);
  }
  // Two heads of all sequences in a step each, once a round but the last.
  EXPECT_EQ(runner->numHeads, 5 * 2 * 20);
  EXPECT_EQ(runner->numSteps, 21 + 2 * 20);
}

/// What was drafted without some layers is written again for all.
TEST_F(StrategyDraftsTest, DraftsWithoutSomeLayersSaveSteps) {
  Scheduler scheduler(main(limits()));
  Request r;
  r.prompt = {1, 2, 3};
  r.maxTokens = 60;
  r.strategy = strategy(kSkipping);
  auto id = scheduler.add(r);
  ASSERT_TRUE(scheduler.runAll());
  auto result = scheduler.take(*id);
  expectPlain(*result, r, "skipping");
  EXPECT_LT(result->drafting.rounds, 40);
}

TEST_F(StrategyDraftsTest, RowsOfHeadsAreHiddenStatesAlone) {
  StepLimits all = limits();
  auto refusal = [&](int32_t step, std::vector<float> hidden, auto change) {
    StepRow row;
    row.leaves.emplace_back().hidden = std::make_shared<const std::vector<float>>(std::move(hidden));
    change(row);
    return checkBatch({{row}, step}, all).message();
  };
  auto nothing = [](StepRow &) {};
  EXPECT_EQ(refusal(3, {1, 2}, nothing), "");
  EXPECT_NE(refusal(3, {1}, nothing).find("columns of the hidden state: found 1; expected 2"), std::string::npos);
  EXPECT_NE(refusal(0, {1, 2}, nothing).find("number of tokens: found 0"), std::string::npos);
  EXPECT_NE(refusal(5, {1, 2}, nothing).find("number of the step: found 5; expected 0 to 4"), std::string::npos);
  EXPECT_NE(refusal(3, {1, 2}, [](StepRow &row) { row.tokens = {1}; }).find("expected one leaf alone"),
            std::string::npos);
  EXPECT_NE(refusal(3, {1, 2}, [](StepRow &row) { row.leaves[0].hidden = nullptr; }).find("found 0"),
            std::string::npos);
  EXPECT_NE(refusal(3, {1, 2}, [](StepRow &row) { row.leaves[0].topLogprobs = 6; }).find("found 6"), std::string::npos);
}

TEST_F(StrategyDraftsTest, StepsThatTheModelLacksAreRefused) {
  for (const auto &program : {forks(3, "ar_skip_2"), forks(3, "head_first")}) {
    Scheduler scheduler(main(limits()));
    Request r;
    r.prompt = {1};
    r.strategy = program;
    Status status = scheduler.add(r).status();
    EXPECT_NE(status.message().find("found forwards that run \"" + program->steps[0] + "\""), std::string::npos)
        << status.message();
  }
}

/// Drafts see the penalties and the random numbers that decide on them.
TEST_F(StrategyDraftsTest, ADraftByTheSameModelIsAlwaysRight) {
  for (unsigned number : {3u, 4u, 8u}) {
    auto runner = main(limits());
    Scheduler scheduler(runner, {}, draft(limits(), 0));
    Request r;
    for (int i = 0; i < 30; ++i)
      r.prompt.push_back(i % 7);
    r.maxTokens = 50;
    r.sampling = {.temperature = 1, .seed = 3};
    r.rules = {.repetition = 1.5f, .presence = 0.7f, .frequency = 0.3f};
    r.strategy = strategy(number);
    auto id = scheduler.add(r);
    ASSERT_TRUE(scheduler.runAll());
    auto result = scheduler.take(*id);
    expectPlain(*result, r, r.strategy->name);
    EXPECT_EQ(result->drafting.acceptedTokens, result->drafting.draftedTokens) << r.strategy->name;
    if (number == 3) // four tokens are drafted and five verified; the prompt is computed once
      EXPECT_LE(runner->numTokens, 30 + result->drafting.rounds * (4 + 5));
  }
}

} // namespace
