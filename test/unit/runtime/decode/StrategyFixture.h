//===- StrategyFixture.h - What tests of strategies share -------*- C++ -*-===//
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

#ifndef PLAIT_TEST_UNIT_RUNTIME_DECODE_STRATEGYFIXTURE_H
#define PLAIT_TEST_UNIT_RUNTIME_DECODE_STRATEGYFIXTURE_H

#include "runtime/decode/Scheduler.h"

#include "test/unit/runtime/DemoModel.h"
#include "test/unit/runtime/StrategyPrograms.h"
#include "test/unit/runtime/TokenModel.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <random>

namespace plait::programs {

inline constexpr int32_t kTokens = 13; ///< of the vocabulary of token models

inline const char *const kOther = R"({"name": "other", "exact": "identical", "models": ["main", "other"], "values": 8,
  "begin": [], "inits": [0], "arguments": [2], "round": {"ops": [
    {"op": "pending", "operands": [2], "results": [3]},
    {"op": "forward", "operands": [2, 3], "results": [4], "step": "ar"},
    {"op": "walk", "operands": [3, 4], "results": [5]},
    {"op": "commit", "operands": [2, 5], "results": [6]},
    {"op": "stop", "operands": [6], "results": [7]}], "yield": [6], "stop": 7}})";

/// The text goes on by itself for some tokens before the draft model follows, perhaps to where
/// its pages have been given back.
inline const char *const kLate = R"({"name": "late", "exact": "identical", "models": ["main", "draft"], "values": 32,
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
inline demo::TokenChoice nextOf(const demo::ChooseToken &choose, const std::vector<int32_t> &text, size_t promptLength,
                                const Request &request) {
  StepLeaf leaf{0, request.sampling, request.stops, {}, request.topLogprobs};
  std::vector<LogitEdit> all = demo::edits(text, promptLength, request.rules, request.stops);
  for (const LogitEdit &edit : all)
    if (edit.token < kTokens)
      leaf.edits.push_back(edit);
  return choose(text, leaf);
}

/// What plain decoding gives for `request`, in a context of `positions`.
inline SequenceResult plain(const demo::ChooseToken &choose, const Request &request, int64_t positions) {
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

class StrategyFixture : public testing::Test {
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

} // namespace plait::programs

#endif // PLAIT_TEST_UNIT_RUNTIME_DECODE_STRATEGYFIXTURE_H
