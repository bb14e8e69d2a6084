//===- CompletionsTest.cpp - Tests of several completions of a prompt -----===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Instance.h"
#include "runtime/decode/Scheduler.h"

#include "test/unit/runtime/DemoModel.h"

#include "gtest/gtest.h"

#include <map>

using namespace plait;

namespace {

class CompletionsTest : public testing::Test {
protected:
  void SetUp() override {
    auto opened = artifact.open();
    ASSERT_TRUE(opened) << opened.status().message();
    model = *opened;
  }
  std::shared_ptr<Instance> create(InstanceOptions options = {
                                       .threads = 2, .maxTokens = 40, .maxRows = 8, .capacityPages = 64}) {
    auto instance = Instance::create(model, options);
    EXPECT_TRUE(instance) << instance.status().message();
    return instance.take();
  }
  static Request request(int promptLength, int64_t completions, int64_t maxTokens = 9) {
    Request r;
    r.prompt = demo::prompt(promptLength, promptLength);
    r.maxTokens = maxTokens;
    r.sampling = {.temperature = 1, .seed = 5, .sequence = 3};
    r.rules = {.repetition = 1.5f, .frequency = 0.5f, .minTokens = 2};
    r.completions = completions;
    return r;
  }
  static std::vector<int32_t> expected(Request r, int64_t completion) {
    r.sampling.sequence += uint64_t(completion) << 32;
    return demo::generate(r.prompt, int(r.maxTokens), r.sampling, r.rules, r.stops);
  }
  /// Tokens of prompts in all steps: what a shared prompt saves.
  SchedulerOptions countPrompts(int64_t chunk = 0) {
    SchedulerOptions options;
    options.chunk = chunk;
    options.planHook = [this](std::vector<RowPlan> &rows) {
      for (const RowPlan &row : rows)
        promptTokens += row.prompt ? row.count : 0;
    };
    return options;
  }

  demo::Artifact artifact;
  std::shared_ptr<const Model> model;
  int64_t promptTokens = 0;
};

/// Around the borders of pages, which hold 4 positions here.
TEST_F(CompletionsTest, EqualSeparateRequests) {
  for (int length : {1, 2, 3, 4, 5, 6, 8, 9, 13})
    for (int64_t chunk : {0, 1, 3}) {
      promptTokens = 0;
      Scheduler scheduler(create(), countPrompts(chunk));
      Request r = request(length, 5);
      auto first = scheduler.add(r);
      ASSERT_TRUE(first) << first.status().message();
      ASSERT_TRUE(scheduler.runAll());
      for (int64_t c = 0; c < 5; ++c) {
        auto result = scheduler.take(*first + SequenceId(c));
        ASSERT_TRUE(result) << result.status().message();
        EXPECT_EQ(result->completion, c);
        EXPECT_EQ(result->tokens, expected(r, c)) << length << " " << c;
        EXPECT_EQ(result->promptTokens, length);
      }
      EXPECT_EQ(promptTokens, length + 4) << "the prompt once, and its last token for each of the others";
      EXPECT_EQ(scheduler.freePages(), scheduler.totalPages());
    }
}

TEST_F(CompletionsTest, TheFirstIsThatOfOne) {
  Scheduler scheduler(create());
  auto many = scheduler.add(request(7, 4)), one = scheduler.add(request(7, 1));
  ASSERT_TRUE(many && one);
  ASSERT_TRUE(scheduler.runAll());
  auto a = scheduler.take(*many), b = scheduler.take(*one);
  EXPECT_EQ(a->tokens, b->tokens);
  EXPECT_EQ(a->logprobs, b->logprobs);
}

TEST_F(CompletionsTest, EventsSayWhichOne) {
  Scheduler scheduler(create());
  std::map<int64_t, std::vector<int32_t>> streamed, finished;
  Request r = request(5, 3);
  r.onToken = [&](const TokenEvent &event) { streamed[event.completion].push_back(event.token); };
  r.onFinish = [&](SequenceResult result) { finished[result.completion] = result.tokens; };
  ASSERT_TRUE(scheduler.add(r));
  ASSERT_TRUE(scheduler.runAll());
  ASSERT_EQ(finished.size(), 3u);
  EXPECT_EQ(streamed, finished);
  EXPECT_NE(finished[0], finished[1]);
}

/// More than a step has rows: those that wait take the prompt from those that run.
TEST_F(CompletionsTest, MoreThanRows) {
  for (int64_t rows : {1, 2, 3}) {
    promptTokens = 0;
    Scheduler scheduler(create({.threads = 1, .maxTokens = 40, .maxRows = rows, .capacityPages = 64}), countPrompts());
    Request r = request(10, 7, 3);
    r.rules = {};
    r.stops = {expected(r, 1)[1]}; // some end before others
    auto first = scheduler.add(r);
    auto other = scheduler.add(request(6, 1));
    ASSERT_TRUE(scheduler.runAll());
    for (int64_t c = 0; c < 7; ++c)
      EXPECT_EQ(scheduler.take(*first + SequenceId(c))->tokens, expected(r, c)) << rows << " " << c;
    EXPECT_EQ(scheduler.take(*other)->tokens, expected(request(6, 1), 0));
    EXPECT_EQ(scheduler.freePages(), scheduler.totalPages());
  }
}

/// The whole pages of the prompt count once: 8 sequences of 5 pages fit in 2 + 8 * 3.
/// Steps of one token keep what lies behind the window out of the way.
TEST_F(CompletionsTest, SharedPagesAreReservedOnce) {
  for (int64_t pages : {5, 8, 11, 25, 26}) {
    promptTokens = 0;
    Scheduler scheduler(create({.threads = 2, .maxTokens = 40, .maxRows = 8, .capacityPages = pages}), countPrompts(1));
    Request r = request(9, 8, 12);
    auto first = scheduler.add(r);
    ASSERT_TRUE(first) << first.status().message();
    size_t most = 0;
    for (bool more = true; more;) {
      auto stepped = scheduler.step();
      ASSERT_TRUE(stepped) << stepped.status().message();
      most = std::max(most, scheduler.running());
      more = *stepped;
    }
    EXPECT_EQ(int64_t(most), std::min<int64_t>(8, (pages - 2) / 3)) << pages;
    for (int64_t c = 0; c < 8; ++c)
      EXPECT_EQ(scheduler.take(*first + SequenceId(c))->tokens, expected(r, c)) << pages << " " << c;
    EXPECT_EQ(scheduler.freePages(), scheduler.totalPages());
    if (most == 8)
      EXPECT_EQ(promptTokens, 9 + 7);
    else // those that come when the window has moved on compute the prompt themselves
      EXPECT_GT(promptTokens, 9 + 7);
  }
}

TEST_F(CompletionsTest, CancelLeavesTheOthersAlone) {
  for (int cancelled : {0, 1, 3})
    for (int64_t after : {0, 1, 2, 3, 6}) {
      Scheduler scheduler(create(), {.chunk = 4});
      Request r = request(11, 4);
      auto first = scheduler.add(r);
      for (int64_t i = 0; i < after; ++i)
        ASSERT_TRUE(scheduler.step());
      EXPECT_TRUE(scheduler.cancel(*first + SequenceId(cancelled)));
      ASSERT_TRUE(scheduler.runAll());
      for (int c = 0; c < 4; ++c) {
        auto result = scheduler.take(*first + SequenceId(c));
        if (c == cancelled)
          EXPECT_EQ(result->reason, FinishReason::cancelled);
        else
          EXPECT_EQ(result->tokens, expected(r, c)) << cancelled << " " << after << " " << c;
      }
      EXPECT_EQ(scheduler.freePages(), scheduler.totalPages());
    }
}

TEST_F(CompletionsTest, ForkOfACompletion) {
  Scheduler scheduler(create());
  Request r = request(10, 2, 12);
  auto first = scheduler.add(r);
  for (int i = 0; i < 5; ++i)
    ASSERT_TRUE(scheduler.step());
  Sampling second = r.sampling;
  second.sequence += uint64_t(1) << 32;
  auto child = scheduler.fork(*first + 1, second);
  ASSERT_TRUE(child) << child.status().message();
  scheduler.cancel(*first);
  scheduler.cancel(*first + 1);
  ASSERT_TRUE(scheduler.runAll());
  EXPECT_EQ(scheduler.take(*child)->tokens, expected(r, 1));
  EXPECT_EQ(scheduler.freePages(), scheduler.totalPages());
}

/// The end that a caller asks for who has found a stop string.
TEST_F(CompletionsTest, StopOnRequest) {
  Scheduler scheduler(create());
  Request r = request(6, 3);
  r.onToken = [&](const TokenEvent &event) {
    if (event.completion == 1 && event.index == 2)
      EXPECT_TRUE(scheduler.stop(event.id));
  };
  auto first = scheduler.add(r);
  ASSERT_TRUE(scheduler.runAll());
  EXPECT_EQ(scheduler.take(*first)->reason, FinishReason::length);
  auto stopped = scheduler.take(*first + 1);
  EXPECT_EQ(stopped->reason, FinishReason::stop);
  EXPECT_EQ(stopped->stopToken, -1);
  std::vector<int32_t> whole = expected(r, 1);
  EXPECT_EQ(stopped->tokens, std::vector<int32_t>(whole.begin(), whole.begin() + 3));
  EXPECT_FALSE(scheduler.stop(*first + 1));
}

TEST_F(CompletionsTest, NoTokensWanted) {
  Scheduler scheduler(create());
  Request r = request(6, 3, 0);
  r.rules = {};
  auto first = scheduler.add(r);
  ASSERT_TRUE(scheduler.runAll());
  for (SequenceId c = 0; c < 3; ++c)
    EXPECT_TRUE(scheduler.take(*first + c)->tokens.empty());
  EXPECT_EQ(scheduler.steps(), 0);
  EXPECT_EQ(scheduler.freePages(), scheduler.totalPages());
}

TEST_F(CompletionsTest, Refused) {
  Scheduler scheduler(create({.threads = 1, .maxTokens = 16, .maxRows = 4, .variant = "ar.debug"}));
  auto refused = [&](Request r, const char *part) {
    auto id = scheduler.add(std::move(r));
    ASSERT_FALSE(id) << part;
    EXPECT_NE(id.status().message().find(part), std::string::npos) << id.status().message();
  };
  refused(request(3, 0), "completions: found 0; expected 1 to 1024");
  refused(request(3, 1025), "completions: found 1025; expected 1 to 1024");
  Request r = request(3, 2);
  r.wantLogits = true;
  refused(r, "logits: found 2 completions; expected 1");
}

} // namespace
