//===- SchedulerTest.cpp - Tests of the step loop -------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Instance.h"
#include "runtime/decode/Scheduler.h"

#include "test/unit/runtime/DemoModel.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <random>
#include <thread>

using namespace plait;

namespace {

class SchedulerTest : public testing::Test {
protected:
  void SetUp() override {
    auto opened = artifact.open();
    ASSERT_TRUE(opened) << opened.status().message();
    model = *opened;
  }
  std::shared_ptr<Instance> create(InstanceOptions options) {
    auto instance = Instance::create(model, options);
    EXPECT_TRUE(instance) << instance.status().message();
    return instance.take();
  }
  std::shared_ptr<Instance> create() {
    return create({.threads = 2, .maxTokens = 32, .maxRows = 8, .capacityPages = 64});
  }
  static Request request(std::vector<int32_t> prompt, int64_t maxTokens = 10) {
    Request r;
    r.prompt = std::move(prompt);
    r.maxTokens = maxTokens;
    return r;
  }
  /// Request number i of a mixed bag, and the tokens it must give.
  static Request mixed(int i) {
    Request r = request(demo::prompt(1 + i * 7 % 23, i), 1 + i * 5 % 12);
    if (i % 3) {
      r.sampling = {0.5f + float(i), i, 0.9f, 0.05f, 1234u + uint64_t(i), uint64_t(i)};
    }
    return r;
  }
  static std::vector<int32_t> expected(const Request &r) {
    return demo::generate(r.prompt, int(r.maxTokens), r.sampling);
  }

  demo::Artifact artifact;
  std::shared_ptr<const Model> model;
};

TEST_F(SchedulerTest, OneSequence) {
  Scheduler scheduler(create());
  std::vector<TokenEvent> events;
  Request r = request(demo::prompt(9), 12);
  r.onToken = [&](const TokenEvent &event) { events.push_back(event); };
  auto id = scheduler.add(r);
  ASSERT_TRUE(id) << id.status().message();
  ASSERT_TRUE(scheduler.runAll());
  auto result = scheduler.take(*id);
  ASSERT_TRUE(result) << result.status().message();
  EXPECT_EQ(result->tokens, expected(r));
  EXPECT_EQ(result->reason, FinishReason::length);
  EXPECT_EQ(result->promptTokens, 9);
  ASSERT_EQ(events.size(), 12u);
  for (size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(events[i].id, *id);
    EXPECT_EQ(events[i].index, int64_t(i));
    EXPECT_EQ(events[i].token, result->tokens[i]);
    EXPECT_EQ(events[i].logprob, result->logprobs[i]);
  }
  EXPECT_LE(result->started, result->firstToken);
  EXPECT_LE(result->firstToken, result->finished);
  EXPECT_EQ(scheduler.freePages(), scheduler.totalPages());
  EXPECT_FALSE(scheduler.take(*id)) << "taken once";
}

TEST_F(SchedulerTest, SameTokensForEveryChunkBatchAndThreadCount) {
  for (unsigned threads : {1u, 2u, 3u, 4u})
    for (int64_t chunk : {0, 1, 3, 5}) {
      auto instance = create({.threads = threads, .maxTokens = 20 + chunk, .maxRows = 6, .capacityPages = 64});
      Scheduler scheduler(instance, {.chunk = chunk});
      std::vector<SequenceId> ids;
      for (int i = 0; i < 10; ++i)
        ids.push_back(*scheduler.add(mixed(i)));
      ASSERT_TRUE(scheduler.runAll());
      for (int i = 0; i < 10; ++i)
        EXPECT_EQ(scheduler.take(ids[i])->tokens, expected(mixed(i))) << threads << " " << chunk;
      EXPECT_EQ(scheduler.freePages(), scheduler.totalPages());
    }
}

TEST_F(SchedulerTest, AnyPatternOfRowsGivesTheSameTokens) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    std::mt19937 random(seed);
    SchedulerOptions options;
    options.planHook = [&](std::vector<RowPlan> &rows) {
      std::shuffle(rows.begin(), rows.end(), random);
      if (rows.size() > 1)
        rows.resize(1 + random() % rows.size());
      for (RowPlan &row : rows)
        if (row.prompt)
          row.count = 1 + int64_t(random() % uint64_t(row.count));
    };
    Scheduler scheduler(create(), options);
    std::vector<std::pair<SequenceId, int>> ids;
    int next = 0;
    bool more = true;
    while (more || next < 12) {
      if (next < 12 && random() % 2) {
        ids.emplace_back(*scheduler.add(mixed(next)), next);
        ++next;
      }
      auto stepped = scheduler.step();
      ASSERT_TRUE(stepped) << stepped.status().message();
      more = *stepped;
    }
    for (auto [id, i] : ids)
      EXPECT_EQ(scheduler.take(id)->tokens, expected(mixed(i))) << seed;
    EXPECT_EQ(scheduler.freePages(), scheduler.totalPages());
  }
}

TEST_F(SchedulerTest, CancelFreesPagesAndLeavesOthersAlone) {
  Scheduler scheduler(create(), {.chunk = 4});
  auto a = scheduler.add(request(demo::prompt(10, 1), 20));
  auto b = scheduler.add(request(demo::prompt(10, 2), 20)); // cancelled while decoding
  auto c = scheduler.add(request(demo::prompt(30, 3), 20)); // cancelled in its prompt
  auto d = scheduler.add(request(demo::prompt(10, 4), 20)); // cancelled before it begins
  EXPECT_TRUE(scheduler.cancel(*d));
  for (int i = 0; i < 2; ++i)
    ASSERT_TRUE(scheduler.step());
  EXPECT_TRUE(scheduler.cancel(*c));
  for (int i = 0; i < 5; ++i)
    ASSERT_TRUE(scheduler.step());
  EXPECT_TRUE(scheduler.cancel(*b));
  ASSERT_TRUE(scheduler.runAll());
  EXPECT_FALSE(scheduler.cancel(*b));
  EXPECT_FALSE(scheduler.cancel(99));
  EXPECT_EQ(scheduler.take(*a)->tokens, demo::generate(demo::prompt(10, 1), 20));
  auto cut = scheduler.take(*b);
  EXPECT_EQ(cut->reason, FinishReason::cancelled);
  auto whole = demo::generate(demo::prompt(10, 2), 20);
  ASSERT_GT(cut->tokens.size(), 0u);
  ASSERT_LT(cut->tokens.size(), 20u);
  EXPECT_TRUE(std::equal(cut->tokens.begin(), cut->tokens.end(), whole.begin()));
  EXPECT_EQ(scheduler.take(*c)->reason, FinishReason::cancelled);
  EXPECT_TRUE(scheduler.take(*d)->tokens.empty());
  EXPECT_EQ(scheduler.freePages(), scheduler.totalPages());
}

TEST_F(SchedulerTest, StopIds) {
  auto whole = demo::generate(demo::prompt(8), 10);
  auto first = std::find(whole.begin(), whole.end(), whole[6]);
  std::vector<int32_t> before(whole.begin(), first);
  Scheduler scheduler(create());
  Request r = request(demo::prompt(8), 10);
  r.stops = {whole[6], 5000};
  EXPECT_FALSE(scheduler.add(r)) << "a stop id outside the vocabulary";
  r.stops = {whole[6]};
  auto id = scheduler.add(r);
  ASSERT_TRUE(scheduler.runAll());
  auto result = scheduler.take(*id);
  EXPECT_EQ(result->reason, FinishReason::stop);
  EXPECT_EQ(result->stopToken, whole[6]);
  EXPECT_EQ(result->tokens, before);
}

TEST_F(SchedulerTest, TheModelsOwnStopIds) {
  auto whole = demo::generate(demo::prompt(8), 10);
  artifact.edit([&](Json &m) { m["generation"]["eos"] = {whole[0], 1}; });
  SetUp();
  Scheduler scheduler(create());
  Request r = request(demo::prompt(8), 10);
  auto stopped = scheduler.add(r);
  r.ignoreEos = true;
  auto ignoring = scheduler.add(r);
  ASSERT_TRUE(scheduler.runAll());
  EXPECT_TRUE(scheduler.take(*stopped)->tokens.empty());
  EXPECT_EQ(scheduler.take(*ignoring)->tokens, whole);
}

TEST_F(SchedulerTest, NonfiniteLogitsEndOneSequenceOnly) {
  Scheduler scheduler(create());
  auto bad = scheduler.add(request({1, demo::kPoison, 3}));
  auto good = scheduler.add(request({1, 2, 3}));
  ASSERT_TRUE(scheduler.runAll());
  auto result = scheduler.take(*bad);
  EXPECT_EQ(result->reason, FinishReason::error);
  EXPECT_NE(result->error.message().find("NaN or infinity"), std::string::npos);
  EXPECT_EQ(scheduler.take(*good)->tokens, demo::generate({1, 2, 3}, 10));
  EXPECT_EQ(scheduler.freePages(), scheduler.totalPages());
}

TEST_F(SchedulerTest, ContextLimit) {
  Scheduler scheduler(create());
  auto tooLong = scheduler.add(request(demo::prompt(65)));
  ASSERT_FALSE(tooLong);
  EXPECT_NE(tooLong.status().message().find("found 65 tokens; expected at most 64"), std::string::npos)
      << tooLong.status().message();
  auto clipped = scheduler.add(request(demo::prompt(60), 1000000000000));
  auto full = scheduler.add(request(demo::prompt(64), 7));
  ASSERT_TRUE(scheduler.runAll());
  auto result = scheduler.take(*clipped);
  EXPECT_EQ(result->tokens, demo::generate(demo::prompt(60), 5));
  EXPECT_EQ(result->reason, FinishReason::length);
  EXPECT_NE(result->note.find("1000000000000 to 5"), std::string::npos) << result->note;
  EXPECT_EQ(scheduler.take(*full)->tokens.size(), 1u);
}

TEST_F(SchedulerTest, CacheLimit) {
  auto instance = create({.threads = 1, .maxTokens = 16, .maxRows = 4, .capacityPages = 5});
  Scheduler scheduler(instance);
  auto tooLong = scheduler.add(request(demo::prompt(21)));
  ASSERT_FALSE(tooLong);
  EXPECT_NE(tooLong.status().message().find("key/value cache"), std::string::npos);
  // Each fits alone, all together do not: they take turns.
  std::vector<SequenceId> ids;
  for (int i = 0; i < 5; ++i)
    ids.push_back(*scheduler.add(request(demo::prompt(6, i), 6)));
  bool more = true;
  while (more) {
    auto stepped = scheduler.step();
    ASSERT_TRUE(stepped) << stepped.status().message();
    EXPECT_LE(scheduler.running(), 1u);
    more = *stepped;
  }
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(scheduler.take(ids[i])->tokens, demo::generate(demo::prompt(6, i), 6));
  EXPECT_EQ(scheduler.freePages(), scheduler.totalPages());
}

TEST_F(SchedulerTest, BadRequests) {
  Scheduler scheduler(create());
  auto refused = [&](Request r, const char *part) {
    auto id = scheduler.add(std::move(r));
    ASSERT_FALSE(id) << part;
    EXPECT_NE(id.status().message().find(part), std::string::npos) << id.status().message();
  };
  refused(request({}), "no token");
  refused(request({1, 97}), "token id 97 at index 1");
  refused(request({-1}), "token id -1");
  refused(request({1}, -1), "max tokens");
  Request r = request({1});
  r.sampling.temperature = -2;
  refused(r, "temperature");
  r = request({1});
  r.wantLogits = true;
  refused(r, "ar.debug");
  r = request({1});
  r.stops.assign(100, 1);
  refused(r, "number of stop ids");
}

TEST_F(SchedulerTest, NoTokensWanted) {
  Scheduler scheduler(create());
  auto id = scheduler.add(request({1, 2}, 0));
  ASSERT_TRUE(scheduler.runAll());
  auto result = scheduler.take(*id);
  EXPECT_TRUE(result->tokens.empty());
  EXPECT_EQ(result->reason, FinishReason::length);
  EXPECT_EQ(scheduler.steps(), 0);
}

TEST_F(SchedulerTest, Logits) {
  for (int64_t chunk : {0, 2}) {
    auto instance = create({.threads = 2, .maxTokens = 16, .maxRows = 4, .variant = "ar.debug"});
    Scheduler scheduler(instance, {.chunk = chunk});
    for (int64_t maxTokens : {0, 3}) {
      Request r = request(demo::prompt(6), maxTokens);
      r.wantLogits = true;
      auto id = scheduler.add(r);
      ASSERT_TRUE(id) << id.status().message();
      ASSERT_TRUE(scheduler.runAll());
      auto result = scheduler.take(*id);
      auto all = r.prompt;
      for (int32_t token : demo::generate(r.prompt, int(maxTokens)))
        all.push_back(token);
      if (maxTokens)
        all.pop_back(); // chosen, not computed
      EXPECT_EQ(result->fed, all);
      ASSERT_EQ(result->logits.size(), all.size() * demo::kVocabulary);
      for (size_t t = 0; t < all.size(); ++t) {
        demo::Next expected = demo::next({all.begin(), all.begin() + ptrdiff_t(t) + 1});
        EXPECT_TRUE(std::equal(expected.logits.begin(), expected.logits.end(),
                               result->logits.begin() + ptrdiff_t(t) * demo::kVocabulary));
      }
    }
  }
}

TEST_F(SchedulerTest, ForksShareTheirPast) {
  Scheduler scheduler(create());
  auto parent = scheduler.add(request(demo::prompt(10), 12));
  EXPECT_FALSE(scheduler.fork(*parent, {})) << "nothing chosen yet";
  for (int i = 0; i < 4; ++i)
    ASSERT_TRUE(scheduler.step());
  int64_t before = scheduler.freePages();
  Sampling sampling = {.temperature = 1, .seed = 3, .sequence = 7};
  auto child = scheduler.fork(*parent, sampling);
  ASSERT_TRUE(child) << child.status().message();
  EXPECT_EQ(scheduler.freePages(), before) << "shared, not copied";
  ASSERT_TRUE(scheduler.runAll());
  auto whole = demo::generate(demo::prompt(10), 12);
  EXPECT_EQ(scheduler.take(*parent)->tokens, whole);
  // Four tokens are common, the rest follows the child's own sampling.
  auto past = demo::prompt(10);
  past.insert(past.end(), whole.begin(), whole.begin() + 4);
  std::vector<int32_t> expected(whole.begin(), whole.begin() + 4);
  for (int32_t token : demo::generate(past, 8, sampling))
    expected.push_back(token);
  EXPECT_EQ(scheduler.take(*child)->tokens, expected);
  EXPECT_EQ(scheduler.freePages(), scheduler.totalPages());
}

/// Pages in use after each step of a sequence that runs by itself.
static std::vector<int64_t> pagesInUse(Scheduler &scheduler) {
  std::vector<int64_t> used;
  for (bool more = true; more;) {
    auto stepped = scheduler.step();
    EXPECT_TRUE(stepped) << stepped.status().message();
    more = stepped && *stepped;
    used.push_back(scheduler.totalPages() - scheduler.freePages());
  }
  return used;
}

TEST_F(SchedulerTest, AWindowBoundsThePagesOfALongSequence) {
  for (int64_t chunk : {1, 3}) {
    auto instance = create({.threads = 2, .maxTokens = 4, .maxRows = 1, .capacityPages = 16});
    Scheduler scheduler(instance, {.chunk = chunk});
    auto id = scheduler.add(request(demo::prompt(20), 44));
    int64_t position = 0;
    for (int64_t used : pagesInUse(scheduler)) {
      position += position < 20 ? std::min(chunk, 20 - position) : 1;
      if (position < 63)
        EXPECT_LE(used, (position + 3) / 4 + (demo::kWindow + chunk + 3) / 4 + 1) << position;
    }
    EXPECT_EQ(scheduler.take(*id)->tokens, demo::generate(demo::prompt(20), 44));
    EXPECT_EQ(scheduler.freePages(), scheduler.totalPages());
  }
}

TEST_F(SchedulerTest, ForksShareTheirWindow) {
  // At every place of the window relative to the pages.
  for (int steps = 1; steps <= 14; ++steps) {
    Scheduler scheduler(create(), {.chunk = 5});
    auto parent = scheduler.add(request(demo::prompt(7), 30));
    for (int i = 0; i < steps + 1; ++i) // the prompt takes two
      ASSERT_TRUE(scheduler.step());
    int64_t before = scheduler.freePages();
    Sampling sampling = {.temperature = 1, .seed = 3, .sequence = uint64_t(steps)};
    auto child = scheduler.fork(*parent, sampling), grandchild = scheduler.fork(*child, {});
    ASSERT_TRUE(child && grandchild) << child.status().message();
    EXPECT_EQ(scheduler.freePages(), before) << "shared, not copied";
    ASSERT_TRUE(scheduler.runAll());
    auto whole = demo::generate(demo::prompt(7), 30);
    EXPECT_EQ(scheduler.take(*parent)->tokens, whole) << steps;
    EXPECT_EQ(scheduler.take(*grandchild)->tokens, whole) << steps;
    auto past = demo::prompt(7);
    past.insert(past.end(), whole.begin(), whole.begin() + steps);
    std::vector<int32_t> expected(whole.begin(), whole.begin() + steps);
    for (int32_t token : demo::generate(past, 30 - steps, sampling))
      expected.push_back(token);
    EXPECT_EQ(scheduler.take(*child)->tokens, expected) << steps;
    EXPECT_EQ(scheduler.freePages(), scheduler.totalPages());
  }
}

/// What comes after `past` of a request, once with and once without a past that
/// was kept.
TEST_F(SchedulerTest, KeptPrefixesAreTakenOver) {
  for (int64_t generated : {1, 2, 5, 9}) {
    Scheduler scheduler(create());
    Request first = request(demo::prompt(9), generated);
    first.keep = true;
    auto one = scheduler.add(first);
    ASSERT_TRUE(scheduler.runAll());
    auto answer = scheduler.take(*one);
    EXPECT_EQ(answer->reusedTokens, 0);
    EXPECT_LT(scheduler.freePages(), scheduler.totalPages()) << "kept";
    // The next turn: all of that, the last token included, and a new message.
    Request second = request(first.prompt, 7);
    second.prompt.insert(second.prompt.end(), answer->tokens.begin(), answer->tokens.end());
    for (int32_t token : demo::prompt(4, 3))
      second.prompt.push_back(token);
    auto two = scheduler.add(second);
    ASSERT_TRUE(scheduler.runAll());
    auto next = scheduler.take(*two);
    EXPECT_EQ(next->tokens, expected(second)) << generated;
    EXPECT_EQ(next->reusedTokens, 9 + generated - 1) << "the last token was chosen, not computed";
    EXPECT_EQ(scheduler.freePages(), scheduler.totalPages()) << "taken over, and not kept again";
  }
}

TEST_F(SchedulerTest, KeptPrefixesThatDifferAreCut) {
  for (int64_t common = 0; common <= 12; ++common) {
    Scheduler scheduler(create());
    Request first = request(demo::prompt(12), 1);
    first.keep = true;
    auto one = scheduler.add(first);
    ASSERT_TRUE(scheduler.runAll());
    ASSERT_TRUE(scheduler.take(*one));
    Request second = request(first.prompt, 6);
    second.prompt.resize(size_t(common));
    for (int i = 0; i < 3; ++i)
      second.prompt.push_back(common < 12 ? (first.prompt[size_t(common)] + 1) % 7 : 1);
    auto two = scheduler.add(second);
    ASSERT_TRUE(scheduler.runAll());
    auto result = scheduler.take(*two);
    EXPECT_EQ(result->tokens, expected(second)) << common;
    // Behind a window pages have gone: only the whole prefix, or one before
    // which nothing is missing, can be continued.
    EXPECT_LE(result->reusedTokens, common);
    if (common == 12) {
      EXPECT_EQ(result->reusedTokens, 12);
    }
  }
}

TEST_F(SchedulerTest, KeptPrefixesMakeRoom) {
  auto instance = create({.threads = 1, .maxTokens = 32, .maxRows = 2, .capacityPages = 6});
  Scheduler scheduler(instance);
  for (int i = 0; i < 5; ++i) {
    Request r = request(demo::prompt(6, i), 3);
    r.keep = true;
    auto id = scheduler.add(r);
    ASSERT_TRUE(id) << id.status().message();
    ASSERT_TRUE(scheduler.runAll());
    EXPECT_EQ(scheduler.take(*id)->tokens, expected(r)) << i;
  }
  // As long as the cache: all that was kept goes.
  Request r = request(demo::prompt(14, 9), 8);
  auto id = scheduler.add(r);
  ASSERT_TRUE(id) << id.status().message();
  ASSERT_TRUE(scheduler.runAll());
  EXPECT_EQ(scheduler.take(*id)->tokens, expected(r));
  EXPECT_EQ(scheduler.freePages(), scheduler.totalPages());
}

TEST_F(SchedulerTest, CallbacksMayAddAndCancel) {
  Scheduler scheduler(create());
  std::vector<SequenceResult> finished;
  Request second = request(demo::prompt(4, 2), 5);
  second.onFinish = [&](SequenceResult result) { finished.push_back(std::move(result)); };
  Request first = request(demo::prompt(4, 1), 9);
  first.onToken = [&](const TokenEvent &event) {
    if (event.index == 2)
      scheduler.cancel(event.id);
  };
  first.onFinish = [&](SequenceResult result) {
    finished.push_back(std::move(result));
    EXPECT_TRUE(scheduler.add(second));
  };
  ASSERT_TRUE(scheduler.add(first));
  ASSERT_TRUE(scheduler.runAll());
  ASSERT_EQ(finished.size(), 2u);
  EXPECT_EQ(finished[0].tokens.size(), 3u);
  EXPECT_EQ(finished[1].tokens, demo::generate(demo::prompt(4, 2), 5));
}

TEST_F(SchedulerTest, CancelFromAnotherThread) {
  Scheduler scheduler(create());
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < 6; ++i)
      ASSERT_TRUE(scheduler.add(request(demo::prompt(5, i), 50)));
    std::thread other([&] {
      std::this_thread::sleep_for(std::chrono::microseconds(200 * round));
      scheduler.cancelAll();
    });
    ASSERT_TRUE(scheduler.runAll());
    other.join();
    EXPECT_EQ(scheduler.freePages(), scheduler.totalPages());
  }
}

TEST_F(SchedulerTest, HookThatInventsRowsIsRefused) {
  SchedulerOptions options;
  options.planHook = [](std::vector<RowPlan> &rows) { rows[0].first += 1; };
  Scheduler scheduler(create(), options);
  auto id = scheduler.add(request({1, 2}));
  EXPECT_FALSE(scheduler.runAll());
  EXPECT_EQ(scheduler.take(*id)->reason, FinishReason::error);
  EXPECT_EQ(scheduler.freePages(), scheduler.totalPages());
}

} // namespace
