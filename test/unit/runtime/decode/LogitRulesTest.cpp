//===- LogitRulesTest.cpp - Tests of penalties, biases, min tokens --------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/decode/LogitRules.h"
#include "runtime/core/Instance.h"
#include "runtime/decode/Scheduler.h"

#include "test/unit/runtime/DemoModel.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <cmath>
#include <random>

using namespace plait;

namespace {

/// The edits that change something, in order of tokens.
std::vector<std::tuple<int32_t, float, float, float>> effective(const std::vector<LogitEdit> &edits) {
  std::vector<std::tuple<int32_t, float, float, float>> result;
  for (const LogitEdit &edit : edits)
    if (edit.bias != 0 || edit.scale != 1 || edit.offset != 0)
      result.emplace_back(edit.token, edit.bias, edit.scale, edit.offset);
  std::sort(result.begin(), result.end());
  return result;
}

TEST(LogitRulesTest, NoRulesNoEdits) {
  SequenceEdits edits({}, std::vector<int32_t>{1, 2, 1}, std::vector<int32_t>{3});
  for (int32_t token : {5, 5, 1})
    edits.accept(token);
  EXPECT_TRUE(edits.edits().empty());
  EXPECT_TRUE(SequenceEdits().edits().empty());
}

/// Token by token as from the whole text.
TEST(LogitRulesTest, EditsFollowTheText) {
  std::mt19937 random(1);
  for (int round = 0; round < 60; ++round) {
    LogitRules rules;
    if (round % 2)
      rules.repetition = 1.25f;
    if (round % 3)
      rules.presence = -0.5f;
    if (round % 5)
      rules.frequency = 0.125f;
    if (round % 4)
      rules.bias = {{int32_t(random() % 10), 3.5f}, {20, -100}};
    rules.minTokens = round % 7;
    std::vector<int32_t> text, stops = {int32_t(random() % 10), 20, 41};
    for (int i = 0; i < 1 + round % 9; ++i)
      text.push_back(int32_t(random() % 12));
    size_t promptLength = text.size();
    SequenceEdits edits(rules, text, stops);
    for (int i = 0; i < 12; ++i) {
      EXPECT_EQ(effective(edits.edits()), effective(demo::edits(text, promptLength, rules, stops))) << round;
      text.push_back(int32_t(random() % 12));
      edits.accept(text.back());
    }
    EXPECT_LE(edits.edits().size(), 24u) << "an entry for each token";
  }
}

TEST(LogitRulesTest, Ranges) {
  auto refused = [](const LogitRules &rules, const char *text) {
    Status status = checkLogitRules(rules, 97);
    EXPECT_EQ(status.code(), StatusCode::invalidArgument) << text;
    EXPECT_EQ(status.message(), text);
  };
  EXPECT_TRUE(checkLogitRules({}, 97));
  EXPECT_TRUE(checkLogitRules({.repetition = 1000, .presence = -2, .frequency = 2, .bias = {{96, -100}}}, 97));
  refused({.repetition = 0}, "repetition penalty: found 0; expected 0.001 to 1000");
  refused({.repetition = -1}, "repetition penalty: found -1; expected 0.001 to 1000");
  refused({.repetition = NAN}, "repetition penalty: found nan; expected 0.001 to 1000");
  refused({.presence = 2.5f}, "presence penalty: found 2.5; expected -2 to 2");
  refused({.frequency = -3}, "frequency penalty: found -3; expected -2 to 2");
  refused({.bias = {{97, 0}}}, "logit bias: found token id 97; expected 0 to 96");
  refused({.bias = {{-1, 0}}}, "logit bias: found token id -1; expected 0 to 96");
  refused({.bias = {{4, 100.5f}}}, "logit bias of token 4: found 100.5; expected -100 to 100");
  refused({.bias = {{4, 1}, {5, 1}, {4, 2}}}, "logit bias: found token id 4 twice; expected each id once");
  refused({.minTokens = -1}, "min tokens: found -1; expected at least 0");
}

class RulesInScheduler : public testing::Test {
protected:
  void SetUp() override {
    auto opened = artifact.open();
    ASSERT_TRUE(opened) << opened.status().message();
    model = *opened;
  }
  std::shared_ptr<Instance> create(unsigned threads = 2) {
    auto instance = Instance::create(model, {.threads = threads, .maxTokens = 32, .maxRows = 8, .capacityPages = 64});
    EXPECT_TRUE(instance) << instance.status().message();
    return instance.take();
  }
  static Request mixed(int i) {
    Request r;
    r.prompt = demo::prompt(1 + i * 7 % 23, i);
    r.maxTokens = 4 + i * 5 % 12;
    if (i % 3)
      r.sampling = {0.5f + float(i), i, 0.9f, 0.05f, 1234u + uint64_t(i), uint64_t(i)};
    if (i % 4)
      r.rules = {1.0f + 0.1f * float(i), 0.25f * float(i % 3), -0.5f, {{i, 2.5f}}, i % 4};
    r.stops = {int32_t(i * 31 % 96), int32_t(i * 17 % 96)};
    return r;
  }
  static std::vector<int32_t> expected(const Request &r) {
    return demo::generate(r.prompt, int(r.maxTokens), r.sampling, r.rules, r.stops);
  }

  demo::Artifact artifact;
  std::shared_ptr<const Model> model;
};

TEST_F(RulesInScheduler, SameTokensForEveryChunkBatchAndThreadCount) {
  for (unsigned threads : {1u, 3u})
    for (int64_t chunk : {0, 1, 5}) {
      Scheduler scheduler(create(threads), {.chunk = chunk});
      std::vector<SequenceId> ids;
      for (int i = 0; i < 16; ++i)
        ids.push_back(*scheduler.add(mixed(i)));
      ASSERT_TRUE(scheduler.runAll());
      for (int i = 0; i < 16; ++i)
        EXPECT_EQ(scheduler.take(ids[i])->tokens, expected(mixed(i))) << threads << " " << chunk << " " << i;
    }
}

TEST_F(RulesInScheduler, NoStopBeforeMinTokens) {
  std::vector<int32_t> prompt = demo::prompt(8), free = demo::generate(prompt, 6);
  Request r;
  r.prompt = prompt;
  r.maxTokens = 12;
  r.stops = {free[0], free[3]};
  for (int64_t least : {0, 1, 4, 12}) {
    r.rules.minTokens = least;
    Scheduler scheduler(create());
    auto id = scheduler.add(r);
    ASSERT_TRUE(id) << id.status().message();
    ASSERT_TRUE(scheduler.runAll());
    auto result = scheduler.take(*id);
    EXPECT_EQ(result->tokens, expected(r));
    EXPECT_GE(int64_t(result->tokens.size()), least);
    for (int32_t token : result->tokens)
      EXPECT_FALSE(std::count(r.stops.begin(), r.stops.end(), token));
  }
}

TEST_F(RulesInScheduler, ForkGoesOnWithTheCounts) {
  Scheduler scheduler(create());
  Request r = mixed(7);
  r.maxTokens = 14;
  r.stops.clear();
  auto parent = scheduler.add(r);
  for (int i = 0; i < 5; ++i)
    ASSERT_TRUE(scheduler.step());
  auto child = scheduler.fork(*parent, r.sampling);
  ASSERT_TRUE(child) << child.status().message();
  ASSERT_TRUE(scheduler.runAll());
  EXPECT_EQ(scheduler.take(*parent)->tokens, expected(r));
  EXPECT_EQ(scheduler.take(*child)->tokens, expected(r));
}

TEST_F(RulesInScheduler, TopLogprobs) {
  Scheduler scheduler(create());
  Request r = mixed(2);
  r.topLogprobs = 3;
  std::vector<TokenEvent> events;
  r.onToken = [&](const TokenEvent &event) { events.push_back(event); };
  auto id = scheduler.add(r);
  Request without = mixed(5);
  auto other = scheduler.add(without);
  ASSERT_TRUE(scheduler.runAll());
  auto result = scheduler.take(*id);
  ASSERT_EQ(result->tokens, expected(r));
  ASSERT_EQ(result->top.size(), result->tokens.size());
  for (size_t i = 0; i < result->tokens.size(); ++i) {
    ASSERT_EQ(result->top[i].size(), 3u);
    EXPECT_EQ(result->top[i][0], (TokenLogprob{result->tokens[i], result->logprobs[i]}));
    EXPECT_EQ(events[i].top, result->top[i]);
  }
  EXPECT_TRUE(scheduler.take(*other)->top.empty());
}

TEST_F(RulesInScheduler, BadRequests) {
  Scheduler scheduler(create());
  auto refused = [&](const std::function<void(Request &)> &change, const char *part) {
    Request r = mixed(1);
    change(r);
    auto id = scheduler.add(std::move(r));
    ASSERT_FALSE(id) << part;
    EXPECT_NE(id.status().message().find(part), std::string::npos) << id.status().message();
  };
  refused([](Request &r) { r.rules.repetition = 0; }, "repetition penalty: found 0");
  refused([](Request &r) { r.rules.bias = {{97, 1}}; }, "logit bias: found token id 97");
  refused([](Request &r) { r.rules.minTokens = r.maxTokens + 1; }, "min tokens: found 10; expected at most 9");
  refused([](Request &r) { r.topLogprobs = 21; }, "number of top logprobs: found 21; expected 0 to 20");
}

/// If every token is a stop id, none is left before min tokens.
TEST_F(RulesInScheduler, EverythingMasked) {
  auto instance = Instance::create(model, {.threads = 1, .maxStops = 97});
  ASSERT_TRUE(instance);
  Scheduler scheduler(instance.take());
  Request r = mixed(1);
  r.stops.clear();
  for (int32_t token = 0; token < demo::kVocabulary; ++token)
    r.stops.push_back(token);
  r.rules.minTokens = 1;
  auto id = scheduler.add(r);
  ASSERT_FALSE(id);
  EXPECT_NE(id.status().message().find("found all 97 tokens masked"), std::string::npos) << id.status().message();
}

} // namespace
