//===- StrategyTest.cpp - Tests of sequences with a strategy --------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Whatever drafts, the tokens are those of plain decoding: of the model itself, without a
// scheduler (`plain`).
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Instance.h"
#include "runtime/decode/Dispatcher.h"
#include "runtime/decode/Scheduler.h"

#include "test/unit/runtime/DemoModel.h"
#include "test/unit/runtime/StrategyPrograms.h"
#include "test/unit/runtime/TokenModel.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <random>
#include <thread>

using namespace plait;
using namespace plait::programs;

namespace {

constexpr int32_t kTokens = 13; ///< of the vocabulary of token models

const char *kOther = R"({"name": "other", "exact": "identical", "models": ["main", "other"], "values": 8,
  "begin": [], "inits": [0], "arguments": [2], "round": {"ops": [
    {"op": "pending", "operands": [2], "results": [3]},
    {"op": "forward", "operands": [2, 3], "results": [4], "step": "ar"},
    {"op": "walk", "operands": [3, 4], "results": [5]},
    {"op": "commit", "operands": [2, 5], "results": [6]},
    {"op": "stop", "operands": [6], "results": [7]}], "yield": [6], "stop": 7}})";

/// The text goes on by itself for some tokens before the draft model follows, perhaps to where
/// its pages have been given back.
const char *kLate = R"({"name": "late", "exact": "identical", "models": ["main", "draft"], "values": 32,
  "begin": [], "inits": [0, 1], "arguments": [2, 3], "round": {"ops": [
    {"op": "pending", "operands": [2], "results": [6]},
    {"op": "repeat", "count": 4, "operands": [6, 3], "arguments": [7, 8], "results": [9, 10],
     "body": {"ops": [
      {"op": "pending", "operands": [8], "results": [11]},
      {"op": "forward", "operands": [8, 11], "results": [12], "step": "ar"},
      {"op": "walk", "operands": [11, 12], "results": [13]},
      {"op": "commit", "operands": [8, 13], "results": [14]},
      {"op": "append", "operands": [7, 13], "results": [15], "size": 5}], "yield": [15, 14]}},
    {"op": "forward", "operands": [2, 9], "results": [16], "step": "ar"},
    {"op": "walk", "operands": [9, 16], "results": [17]},
    {"op": "commit", "operands": [2, 17], "results": [19]},
    {"op": "repeat", "count": 6, "operands": [19], "arguments": [22], "results": [23], "body": {"ops": [
      {"op": "pending", "operands": [22], "results": [24]},
      {"op": "forward", "operands": [22, 24], "results": [25], "step": "ar"},
      {"op": "walk", "operands": [24, 25], "results": [26]},
      {"op": "commit", "operands": [22, 26], "results": [27]}], "yield": [27]}},
    {"op": "follow", "operands": [10, 23], "results": [20]},
    {"op": "stop", "operands": [23], "results": [21]}], "yield": [23, 20], "stop": 21}})";

/// The next token of `text` by `choose`, for a request whose prompt has `promptLength` tokens.
demo::TokenChoice nextOf(const demo::ChooseToken &choose, const std::vector<int32_t> &text, size_t promptLength,
                         const Request &request) {
  StepLeaf leaf{0, request.sampling, request.stops, {}, request.topLogprobs};
  std::vector<LogitEdit> all = demo::edits(text, promptLength, request.rules, request.stops);
  for (const LogitEdit &edit : all)
    if (edit.token < kTokens)
      leaf.edits.push_back(edit);
  return choose(text, leaf);
}

/// What plain decoding gives for `request`, in a context of `positions`.
SequenceResult plain(const demo::ChooseToken &choose, const Request &request, int64_t positions) {
  SequenceResult result;
  std::vector<int32_t> text = request.prompt;
  int64_t most = std::min(request.maxTokens, positions - int64_t(text.size()) + 1);
  while (result.reason == FinishReason::none) {
    demo::TokenChoice choice = nextOf(choose, text, request.prompt.size(), request);
    if (choice.token < 0) {
      result.reason = FinishReason::error;
    } else if (std::count(request.stops.begin(), request.stops.end(), choice.token)) {
      result.stopToken = choice.token;
      result.reason = FinishReason::stop;
    } else {
      result.tokens.push_back(choice.token);
      result.logprobs.push_back(choice.logprob);
      if (request.topLogprobs)
        result.top.push_back(choice.top);
      text.push_back(choice.token);
      if (int64_t(result.tokens.size()) >= most)
        result.reason = FinishReason::length;
    }
  }
  return result;
}

class StrategyTest : public testing::Test {
protected:
  void SetUp() override {
    auto opened = artifact.open();
    ASSERT_TRUE(opened) << opened.status().message();
    described = *opened;
  }

  static StepLimits limits(int64_t tokens = 64, int64_t rows = 8, int64_t leaves = 64, int64_t pages = 200) {
    StepLimits limits;
    limits.maxTokens = tokens;
    limits.maxRows = rows;
    limits.maxLeaves = leaves;
    limits.maxStops = 8;
    limits.maxEdits = limits.vocabulary = kTokens;
    limits.maxTopLogprobs = 5;
    limits.maxPositions = 96;
    limits.pageTokens = 4;
    limits.tables = {{0, pages}, {7, pages}};
    limits.steps = {{"ar"}, {"ar_skip_1"}, {"ar_hidden", 2}, {"head_first", 2, true}, {"head_second", 2, true}};
    return limits;
  }
  std::shared_ptr<demo::TokenModel> main(StepLimits limits) {
    auto model = std::make_shared<demo::TokenModel>(described, std::move(limits), choose);
    model->chooseSkipping = [](const std::vector<int32_t> &text, const StepLeaf &leaf) {
      return demo::chooseByHash(text, leaf, kTokens, 4);
    };
    // What greedy decoding would choose after one more token, or two.
    model->chooseHead = [](const std::vector<float> &hidden, const StepLeaf &leaf, int32_t step) {
      std::vector<int32_t> text;
      for (float token : hidden)
        if (token >= 0)
          text.push_back(int32_t(token));
      StepLeaf plain{0, {}, {}, {}, leaf.topLogprobs};
      for (int32_t i = 3; i <= step; ++i)
        text.push_back(demo::chooseByHash(text, plain, kTokens).token);
      return demo::chooseByHash(text, plain, kTokens);
    };
    return model;
  }
  /// One that is wrong after one context of `wrongOf`.
  std::vector<DraftModel> draft(StepLimits limits, int wrongOf = 4) {
    draftModel = std::make_shared<demo::TokenModel>(described, std::move(limits),
                                                    [wrongOf](const std::vector<int32_t> &text, const StepLeaf &leaf) {
                                                      return demo::chooseByHash(text, leaf, kTokens, wrongOf);
                                                    });
    return {{"draft", draftModel}};
  }

  Request request(std::mt19937 &random, int64_t most = 40) {
    Request r;
    r.prompt.resize(1 + random() % 20);
    for (int32_t &token : r.prompt)
      token = int32_t(random() % kTokens);
    r.maxTokens = 1 + int64_t(random() % uint64_t(most));
    if (random() % 2)
      r.sampling = {.temperature = 0.5f, .seed = random(), .sequence = random()};
    if (random() % 3 == 0)
      r.rules = {.repetition = 1.2f, .presence = 0.3f, .frequency = 0.1f, .bias = {{3, 1.5f}}};
    if (random() % 2)
      r.stops = {int32_t(random() % kTokens)};
    if (random() % 4 == 0)
      r.rules.minTokens = std::min<int64_t>(r.maxTokens, int64_t(random() % 9));
    if (random() % 3 == 0)
      r.topLogprobs = 2;
    return r;
  }
  /// 0: none.
  static std::shared_ptr<const RoundProgram> strategy(unsigned number) {
    static const std::vector<std::shared_ptr<const RoundProgram>> all = {nullptr,
                                                                         lookup(),
                                                                         jacobi(),
                                                                         forks(),
                                                                         spec(),
                                                                         lookup(3),
                                                                         jacobi(2),
                                                                         forks(2),
                                                                         spec("main"),
                                                                         forks(3, "ar_skip_1"),
                                                                         heads(),
                                                                         recycling(),
                                                                         recycling("[-1, 0, 1, 0, 3, 1]"),
                                                                         treesOfDrafts("main"),
                                                                         treesOfDrafts("draft")};
    return all[number % all.size()];
  }
  static constexpr unsigned kStrategies = 15, kSkipping = 9, kHeads = 10, kTrees = 11; ///< the first with trees

  void expectPlain(const SequenceResult &found, const Request &request, const std::string &what) {
    SequenceResult expected = plain(choose, request, 96);
    EXPECT_EQ(found.tokens, expected.tokens) << what;
    EXPECT_EQ(found.logprobs, expected.logprobs) << what;
    EXPECT_EQ(found.top, expected.top) << what;
    EXPECT_EQ(found.reason, expected.reason) << what << " " << found.error.message();
    EXPECT_EQ(found.stopToken, expected.stopToken) << what;
  }

  demo::ChooseToken choose = [](const std::vector<int32_t> &text, const StepLeaf &leaf) {
    return demo::chooseByHash(text, leaf, kTokens);
  };
  demo::Artifact artifact;
  std::shared_ptr<const Model> described;
  std::shared_ptr<demo::TokenModel> draftModel;
};

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

TEST_F(StrategyTest, DraftsThatAreRightSaveSteps) {
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
    EXPECT_EQ(result->rounds + result->acceptedTokens, 60) << r.strategy->name;
    EXPECT_GE(result->draftedTokens, result->acceptedTokens);
    // Of Jacobi's guesses few are right where one token depends on two others.
    EXPECT_LT(result->rounds, number == 2 ? 60 : number == 1 ? 40 : 25) << r.strategy->name;
  }
}

/// Of a chain or a fork nothing is moved.
TEST_F(StrategyTest, OnlyTreesMoveWhatTheyHaveComputed) {
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
    EXPECT_EQ(moves, 2 * result->movedTokens) << "of each page table";
  }
}

/// Nothing is drawn, and the heads know what follows: every round has three tokens but the first,
/// which has no candidates yet.
TEST_F(StrategyTest, HeadsThatAreRightSaveSteps) {
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
    EXPECT_EQ(result->rounds, 21);
    EXPECT_EQ(result->acceptedTokens, 40);
  }
  // Two heads of all sequences in a step each, once a round but the last.
  EXPECT_EQ(runner->numHeads, 5 * 2 * 20);
  EXPECT_EQ(runner->numSteps, 21 + 2 * 20);
}

/// What was drafted without some layers is written again for all.
TEST_F(StrategyTest, DraftsWithoutSomeLayersSaveSteps) {
  Scheduler scheduler(main(limits()));
  Request r;
  r.prompt = {1, 2, 3};
  r.maxTokens = 60;
  r.strategy = strategy(kSkipping);
  auto id = scheduler.add(r);
  ASSERT_TRUE(scheduler.runAll());
  auto result = scheduler.take(*id);
  expectPlain(*result, r, "skipping");
  EXPECT_LT(result->rounds, 40);
}

TEST_F(StrategyTest, RowsOfHeadsAreHiddenStatesAlone) {
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

TEST_F(StrategyTest, StepsThatTheModelLacksAreRefused) {
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
TEST_F(StrategyTest, ADraftByTheSameModelIsAlwaysRight) {
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
    EXPECT_EQ(result->acceptedTokens, result->draftedTokens) << r.strategy->name;
    if (number == 3) // four tokens are drafted and five verified; the prompt is computed once
      EXPECT_LE(runner->numTokens, 30 + result->rounds * (4 + 5));
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

TEST_F(StrategyTest, CompletionsShareThePrompt) {
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

TEST_F(StrategyTest, WhatWasComputedIsKept) {
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

TEST_F(StrategyTest, ForksOfSequencesGoOn) {
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

TEST_F(StrategyTest, LongTextsBehindWindows) {
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

TEST_F(StrategyTest, ADraftThatFellFarBehindBeginsAnew) {
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

TEST_F(StrategyTest, SmallCaches) {
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

TEST_F(StrategyTest, PagesOfDraftsAreReserved) {
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
TEST_F(StrategyTest, SmallRings) {
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

/// The model behind the ABI, with pages and threads of its own.
TEST_F(StrategyTest, AnInstanceVerifies) {
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
        accepted += result->acceptedTokens;
      }
      if (number > 2)
        EXPECT_GT(accepted, 20);
      EXPECT_EQ(scheduler.freePages(), scheduler.totalPages());
    }
}

TEST_F(StrategyTest, ReplicasHaveDraftsOfTheirOwn) {
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
