//===- RowInvarianceTest.cpp - Compiled models in changing company --------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sequences of a compiled model join, leave, are cancelled and fork at random
// while others run. Each must choose the tokens, with the very bits of their
// logprobs, that it chooses alone. PLAIT_ARTIFACT names the artifacts to test,
// separated by colons.
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Instance.h"
#include "runtime/decode/Scheduler.h"

#include "test/unit/runtime/StrategyPrograms.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

using namespace plait;

namespace {

std::vector<std::string> artifacts() {
  const char *list = std::getenv("PLAIT_ARTIFACT");
  std::istringstream text(list ? list : "");
  std::vector<std::string> paths;
  for (std::string path; std::getline(text, path, ':');)
    paths.push_back(path);
  return paths.empty() ? std::vector<std::string>{""} : paths;
}

class Random {
public:
  explicit Random(uint64_t seed) : engine(seed) {}
  /// 0 to n - 1.
  int64_t below(int64_t n) { return int64_t(engine() % uint64_t(n)); }
  bool chance(int64_t percent) { return below(100) < percent; }
  int64_t pick(std::initializer_list<int64_t> values) { return values.begin()[below(int64_t(values.size()))]; }
  template <typename T> void shuffle(std::vector<T> &values) { std::shuffle(values.begin(), values.end(), engine); }

private:
  std::mt19937_64 engine;
};

/// What a sequence chooses and how it ends.
struct Course {
  std::vector<int32_t> tokens;
  std::vector<float> logprobs;
  FinishReason reason = FinishReason::none;
  int32_t stopToken = -1;
};

struct Case {
  Request request;
  Course alone;
};

/// A sequence in a schedule.
struct Member {
  Request request;
  Course want;
  Course sofar; ///< by onToken
  bool cancelled = false;
};

/// What the schedules came to, so that a test cannot pass for want of trying.
struct Coverage {
  std::mutex mutex;
  int64_t steps = 0, rows = 0, sequences = 0, cancelled = 0, stopped = 0;
  int64_t forks = 0;
  int64_t accepted = 0; ///< of drafted tokens
  size_t widest = 0;
};

/// How often things happen, in percent of the steps.
struct Habits {
  int64_t sequences = 8, join = 50, cancel = 5, fork = 0;
  bool disturb = false; ///< rows in any order, some left out, prompts cut anywhere
  bool draft = false;   ///< sequences with strategies, with any or none
  int64_t chunk = 0;
};

std::string describe(const SequenceResult &got, const Course &want, size_t i) {
  std::ostringstream text;
  text.precision(10);
  text << "after a prompt of " << got.promptTokens << " tokens, at index " << i << " of " << got.tokens.size() << ": ";
  if (i < got.tokens.size())
    text << "token " << got.tokens[i] << " (" << got.logprobs[i] << ")";
  else
    text << finishReasonName(got.reason) << " " << got.stopToken << " " << got.error.message();
  text << "; alone: ";
  if (i < want.tokens.size())
    text << "token " << want.tokens[i] << " (" << want.logprobs[i] << ")";
  else
    text << finishReasonName(want.reason) << " " << want.stopToken;
  return text.str();
}

testing::AssertionResult agrees(const SequenceResult &got, const Course &want, bool mayBeCancelled) {
  for (size_t i = 0; i < got.tokens.size(); ++i)
    if (i >= want.tokens.size() || got.tokens[i] != want.tokens[i] ||
        std::memcmp(&got.logprobs[i], &want.logprobs[i], sizeof(float)))
      return testing::AssertionFailure() << describe(got, want, i);
  if (mayBeCancelled && got.reason == FinishReason::cancelled)
    return testing::AssertionSuccess();
  if (got.tokens.size() != want.tokens.size() || got.reason != want.reason || got.stopToken != want.stopToken)
    return testing::AssertionFailure() << describe(got, want, got.tokens.size());
  return testing::AssertionSuccess();
}

class RowInvarianceTest : public testing::TestWithParam<std::string> {
protected:
  static constexpr int64_t kMostTokens = 16; // to generate

  void SetUp() override {
    ASSERT_FALSE(GetParam().empty()) << "PLAIT_ARTIFACT: not set; expected the path of an artifact";
    auto opened = Model::open(GetParam());
    ASSERT_TRUE(opened) << opened.status().message();
    model = *opened;
    ASSERT_EQ(model->manifest().numerics, "row_invariant");
    reference = instance({.threads = 1, .maxTokens = 512, .maxRows = 1});
    makeCases();
  }

  std::shared_ptr<Instance> instance(InstanceOptions options) {
    auto created = Instance::create(model, options);
    EXPECT_TRUE(created) << created.status().message();
    return created.take();
  }

  /// By itself: one thread, the prompt as a whole.
  Course alone(Request request) {
    Scheduler scheduler(reference);
    auto id = scheduler.add(std::move(request));
    EXPECT_TRUE(id) << id.status().message();
    Status status = scheduler.runAll();
    EXPECT_TRUE(status) << status.message();
    auto result = scheduler.take(*id);
    return {result->tokens, result->logprobs, result->reason, result->stopToken};
  }

  Sampling sampling(Random &random) {
    Sampling s;
    s.seed = uint64_t(random.below(1000));
    s.sequence = uint64_t(random.below(1000));
    int64_t kind = random.below(5);
    if (kind == 0)
      return s; // greedy
    s.temperature = 0.5f + 0.25f * float(random.below(8));
    if (kind == 2)
      s.topK = int32_t(1 + random.below(50));
    else if (kind == 3)
      s.topP = 0.3f + 0.1f * float(random.below(7));
    else if (kind == 4)
      s.minP = 0.02f * float(1 + random.below(5));
    return s;
  }

  void makeCases() {
    Random random(11);
    int64_t context = reference->limits().maxPositions;
    // Decoding after 50 to 63 tokens runs over the border of the first page.
    std::vector<int64_t> lengths = {1,  1,  2,  2,  3,  4,  5,  6,  7,  8,  9,  10, 12, 15, 16, 17, 18, 24, 31,
                                    32, 33, 47, 50, 55, 58, 60, 61, 62, 63, 63, 64, 64, 65, 65, 66, 72, 80, 90};
    lengths.push_back(std::min<int64_t>(context - kMostTokens, 200)); // a wider page table
    longestPages = (lengths.back() + kMostTokens) / reference->limits().pageTokens + 1;
    for (size_t i = 0; i < lengths.size(); ++i) {
      Case c;
      for (int64_t n = 0; n < lengths[i]; ++n)
        c.request.prompt.push_back(int32_t(random.below(reference->limits().vocabulary)));
      c.request.maxTokens = 1 + random.below(kMostTokens);
      c.request.sampling = sampling(random);
      c.request.ignoreEos = i % 3 == 0;
      c.request.topLogprobs = int32_t(i % 3 * 4);
      if (i % 3 == 1)
        c.request.rules = {.repetition = 1.5f, .presence = 0.5f, .frequency = 0.25f};
      if (i % 6 == 4) {
        c.request.rules.bias = {{int32_t(i), 5}, {c.request.prompt[0], -3}};
        c.request.rules.minTokens = i % 4 == 0 ? c.request.maxTokens / 2 : 0;
      }
      c.alone = alone(c.request);
      if (i % 4 == 1 && c.alone.tokens.size() > 1) { // stops half way, among ids that never come
        for (int64_t n = random.below(8); n-- > 0;)
          c.request.stops.push_back(int32_t(random.below(reference->limits().vocabulary)));
        c.request.stops.push_back(c.alone.tokens[c.alone.tokens.size() / 2]);
        c.alone = alone(c.request);
        EXPECT_EQ(c.alone.reason, FinishReason::stop);
      }
      cases.push_back(std::move(c));
    }
  }

  /// An instance that takes a few or many rows, with few or many pages.
  std::shared_ptr<Instance> randomInstance(Random &random, unsigned threads) {
    InstanceOptions options;
    options.threads = threads;
    options.maxRows = random.pick({1, 2, 3, 5, 8, 13, 32, 32});
    options.maxTokens = std::max(options.maxRows, random.pick({16, 33, 70, 200, 512}));
    options.capacityPages = std::max(longestPages, random.pick({5, 12, 40, 80}));
    return instance(options);
  }

  void play(std::shared_ptr<Instance> instance, uint64_t seed, const Habits &habits);
  void fork(Scheduler &scheduler, std::map<SequenceId, Member> &runs, Random &random);

  std::shared_ptr<const Model> model;
  std::shared_ptr<Instance> reference;
  std::vector<Case> cases;
  int64_t longestPages = 1;
  Coverage coverage;
};

/// Forks some sequence that generates. With its parent's sampling the child
/// goes the parent's way, else that of a new sequence with the same tokens.
void RowInvarianceTest::fork(Scheduler &scheduler, std::map<SequenceId, Member> &runs, Random &random) {
  std::vector<SequenceId> parents;
  for (const auto &[id, member] : runs)
    if (!member.cancelled && !member.sofar.tokens.empty() && member.sofar.tokens.size() < member.want.tokens.size())
      parents.push_back(id);
  if (parents.empty())
    return;
  SequenceId parent = parents[size_t(random.below(int64_t(parents.size())))];
  Member child = runs.at(parent);
  int64_t left = child.request.maxTokens - int64_t(child.sofar.tokens.size());
  // The counts of a text are not those of a new sequence with the same tokens.
  bool same = random.chance(40) || child.request.rules.repetition != 1;
  if (!same)
    child.request.sampling = sampling(random);
  int64_t before = scheduler.freePages();
  auto id = scheduler.fork(parent, child.request.sampling);
  if (!id) {
    EXPECT_EQ(id.status().code(), StatusCode::resource) << id.status().message();
    return;
  }
  EXPECT_EQ(scheduler.freePages(), before) << "shared, not copied";
  ++coverage.forks;
  if (!same) {
    Request rest = child.request;
    rest.onToken = nullptr;
    rest.prompt.insert(rest.prompt.end(), child.sofar.tokens.begin(), child.sofar.tokens.end());
    rest.maxTokens = left;
    Course want = alone(std::move(rest));
    want.tokens.insert(want.tokens.begin(), child.sofar.tokens.begin(), child.sofar.tokens.end());
    want.logprobs.insert(want.logprobs.begin(), child.sofar.logprobs.begin(), child.sofar.logprobs.end());
    child.want = std::move(want);
  }
  runs.emplace(*id, std::move(child));
}

void RowInvarianceTest::play(std::shared_ptr<Instance> instance, uint64_t seed, const Habits &habits) {
  Random random(seed);
  Coverage mine;
  SchedulerOptions options;
  options.chunk = habits.chunk;
  options.planHook = [&](std::vector<RowPlan> &rows) {
    if (habits.disturb && !rows.empty()) {
      random.shuffle(rows);
      if (random.chance(50))
        rows.resize(size_t(1 + random.below(int64_t(rows.size()))));
      for (RowPlan &row : rows)
        if (row.prompt && random.chance(30))
          row.count = 1 + random.below(row.count);
    }
    mine.widest = std::max(mine.widest, rows.size());
    mine.rows += int64_t(rows.size());
  };
  static const std::vector<std::shared_ptr<const RoundProgram>> strategies = {
      nullptr, programs::lookup(), programs::jacobi(3), programs::forks(2), programs::forks(4), programs::spec()};
  // The model drafts for itself, in an instance of its own.
  const StepLimits &limits = instance->limits();
  Scheduler scheduler(instance, options,
                      habits.draft
                          ? std::vector<DraftModel>{{"draft", this->instance({.threads = 1,
                                                                              .maxTokens = limits.maxTokens,
                                                                              .maxRows = limits.maxRows,
                                                                              .maxLeaves = limits.maxLeaves,
                                                                              .capacityPages = longestPages * 4})}}
                          : std::vector<DraftModel>());
  std::map<SequenceId, Member> runs;
  int64_t left = habits.sequences;
  auto join = [&] {
    const Case &c = cases[size_t(random.below(int64_t(cases.size())))];
    Member run{c.request, c.alone, {}, false};
    Request request = c.request;
    if (habits.draft)
      request.strategy = strategies[size_t(random.below(int64_t(strategies.size())))];
    request.onToken = [&](const TokenEvent &event) {
      Course &sofar = runs.at(event.id).sofar;
      ASSERT_EQ(event.index, int64_t(sofar.tokens.size()));
      sofar.tokens.push_back(event.token);
      sofar.logprobs.push_back(event.logprob);
    };
    auto id = scheduler.add(std::move(request));
    ASSERT_TRUE(id) << id.status().message();
    runs.emplace(*id, std::move(run));
    --left;
  };
  for (bool more = true; more || left > 0;) {
    while (left > 0 && random.chance(habits.join))
      join();
    if (!runs.empty() && random.chance(habits.cancel)) {
      auto it = std::next(runs.begin(), random.below(int64_t(runs.size())));
      it->second.cancelled |= scheduler.cancel(it->first);
    }
    // With drafts a text takes more steps, in which it might be forked more than once.
    if (!runs.empty() && (!habits.draft || runs.size() < 30) && random.chance(habits.fork))
      fork(scheduler, runs, random);
    auto stepped = scheduler.step();
    ASSERT_TRUE(stepped) << stepped.status().message();
    more = *stepped;
  }
  for (auto &[id, run] : runs) {
    auto result = scheduler.take(id);
    ASSERT_TRUE(result) << result.status().message();
    EXPECT_TRUE(agrees(*result, run.want, run.cancelled))
        << "seed " << seed << ", sequence " << id << ", " << instance->threads() << " threads, batch "
        << instance->limits().maxRows << ", chunk " << habits.chunk;
    EXPECT_EQ(result->tokens, run.sofar.tokens);
    mine.accepted += result->drafting.acceptedTokens;
    mine.cancelled += result->reason == FinishReason::cancelled;
    mine.stopped += result->reason == FinishReason::stop;
  }
  EXPECT_EQ(scheduler.running() + scheduler.waiting(), 0u);
  EXPECT_EQ(scheduler.freePages(), scheduler.totalPages());

  std::lock_guard<std::mutex> lock(coverage.mutex);
  coverage.steps += scheduler.steps();
  coverage.sequences += int64_t(runs.size());
  coverage.rows += mine.rows;
  coverage.accepted += mine.accepted;
  coverage.cancelled += mine.cancelled;
  coverage.stopped += mine.stopped;
  coverage.widest = std::max(coverage.widest, mine.widest);
}

TEST_P(RowInvarianceTest, RandomSchedules) {
  Random random(1);
  for (uint64_t group = 0; group < 25; ++group) {
    // One instance for many schedules: its pages hold what others left in them.
    auto shared = randomInstance(random, group % 10 == 9 ? 4 : unsigned(1 + group % 2));
    for (uint64_t i = 0; i < 10 && !HasFailure(); ++i)
      play(shared, group * 100 + i,
           {.sequences = random.pick({2, 4, 8, 12}),
            .join = random.pick({10, 30, 60, 90}),
            .cancel = random.pick({0, 2, 10}),
            .disturb = random.chance(60),
            .chunk = random.pick({0, 1, 2, 5, 16, 63, 64})});
  }
  EXPECT_GT(coverage.cancelled, 50);
  EXPECT_GT(coverage.stopped, 50);
}

TEST_P(RowInvarianceTest, FullBatches) {
  for (unsigned threads : {1u, 2u, 3u}) {
    auto shared = instance({.threads = threads, .maxTokens = 300, .maxRows = 32, .capacityPages = 100});
    for (int64_t chunk : {0, 7})
      play(shared, 5000 + threads * 10 + uint64_t(chunk), {.sequences = 50, .join = 97, .cancel = 4, .chunk = chunk});
  }
  EXPECT_EQ(coverage.widest, 32u);
  EXPECT_GT(coverage.rows, coverage.steps * 8);
}

/// Whatever drafts, and in whatever company.
TEST_P(RowInvarianceTest, Strategies) {
  Random random(4);
  for (uint64_t group = 0; group < 10; ++group) {
    int64_t rows = random.pick({1, 2, 4, 8});
    auto shared = instance({.threads = unsigned(1 + group % 2),
                            .maxTokens = random.pick({16, 40, 100}),
                            .maxRows = rows,
                            .maxLeaves = random.pick({6, 10, 40}),
                            .capacityPages = std::max(longestPages, random.pick({12, 40, 80}))});
    for (uint64_t i = 0; i < 6 && !HasFailure(); ++i)
      play(shared, 20000 + group * 100 + i,
           {.sequences = random.pick({2, 4, 8}),
            .join = random.pick({10, 30, 60}),
            .cancel = random.pick({0, 5}),
            .fork = random.pick({0, 0, 20}),
            .disturb = random.chance(50),
            .draft = true,
            .chunk = random.pick({0, 1, 5, 16})});
  }
  EXPECT_GT(coverage.accepted, 300);
}

TEST_P(RowInvarianceTest, Forks) {
  Random random(2);
  for (uint64_t group = 0; group < 10; ++group) {
    auto shared = instance({.threads = unsigned(1 + group % 2),
                            .maxTokens = 100,
                            .maxRows = random.pick({4, 8, 32}),
                            .capacityPages = random.pick({12, 40, 80})});
    for (uint64_t i = 0; i < 6 && !HasFailure(); ++i)
      play(shared, 9000 + group * 100 + i,
           {.sequences = random.pick({2, 4, 6}),
            .join = random.pick({30, 60}),
            .cancel = random.pick({0, 5}),
            .fork = random.pick({10, 40, 80}),
            .disturb = random.chance(50),
            .chunk = random.pick({0, 5, 16})});
  }
  EXPECT_GT(coverage.forks, 200);
}

/// A child at every place around the border of a page, and children of it.
TEST_P(RowInvarianceTest, ForksAtThePageBorder) {
  auto shared = instance({.threads = 2, .maxTokens = 128, .maxRows = 8, .capacityPages = 24});
  int64_t page = shared->limits().pageTokens;
  Random random(3);
  for (int64_t length = page - 3; length <= page + 1; ++length) {
    Request request;
    for (int64_t n = 0; n < length; ++n)
      request.prompt.push_back(int32_t(random.below(shared->limits().vocabulary)));
    request.maxTokens = 10;
    request.ignoreEos = true;
    request.sampling = {.temperature = 1, .seed = 5, .sequence = uint64_t(length)};
    Course parent = alone(request);
    for (int64_t steps = 1; steps <= 4; ++steps) {
      Scheduler scheduler(shared);
      auto first = scheduler.add(request);
      for (int64_t i = 0; i < steps; ++i)
        ASSERT_TRUE(scheduler.step());
      Sampling other = {.temperature = 1.5f, .seed = 6, .sequence = uint64_t(steps)};
      auto second = scheduler.fork(*first, other);
      auto third = scheduler.fork(*second, request.sampling);
      ASSERT_TRUE(second && third);
      Request rest = request;
      rest.prompt.insert(rest.prompt.end(), parent.tokens.begin(), parent.tokens.begin() + steps);
      rest.maxTokens -= steps;
      rest.sampling = other;
      Course want = alone(rest);
      want.tokens.insert(want.tokens.begin(), parent.tokens.begin(), parent.tokens.begin() + steps);
      want.logprobs.insert(want.logprobs.begin(), parent.logprobs.begin(), parent.logprobs.begin() + steps);
      ASSERT_TRUE(scheduler.runAll());
      SCOPED_TRACE(std::to_string(length) + " tokens, forked after " + std::to_string(steps));
      EXPECT_TRUE(agrees(*scheduler.take(*first), parent, false));
      EXPECT_TRUE(agrees(*scheduler.take(*second), want, false));
      EXPECT_TRUE(agrees(*scheduler.take(*third), parent, false));
      EXPECT_EQ(scheduler.freePages(), scheduler.totalPages());
    }
  }
}

TEST_P(RowInvarianceTest, InstancesSideBySide) {
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 3; ++t)
    threads.emplace_back([&, t] {
      Random random(40 + t);
      for (uint64_t i = 0; i < 5; ++i)
        play(randomInstance(random, 1 + t % 2), 20000 + t * 100 + i, {.chunk = random.pick({0, 3, 20})});
    });
  for (std::thread &thread : threads)
    thread.join();
}

TEST_P(RowInvarianceTest, JoinAndLeaveFromOtherThreads) {
  for (uint64_t round = 0; round < 6; ++round) {
    Random random(60 + round);
    Scheduler scheduler(randomInstance(random, unsigned(1 + round % 3)), {.chunk = random.pick({0, 4, 30})});
    struct Added {
      SequenceId id;
      const Case *what;
      bool cancelled;
    };
    std::vector<Added> added[3];
    std::vector<std::thread> threads;
    std::atomic<int> busy = 3;
    for (uint64_t t = 0; t < 3; ++t)
      threads.emplace_back([&, t] {
        Random random(round * 10 + t);
        for (int i = 0; i < 5; ++i) {
          std::this_thread::sleep_for(std::chrono::microseconds(random.below(3000)));
          const Case &c = cases[size_t(random.below(int64_t(cases.size())))];
          auto id = scheduler.add(c.request);
          EXPECT_TRUE(id) << id.status().message();
          added[t].push_back({*id, &c, false});
          if (Added &victim = added[t][size_t(random.below(i + 1))]; random.chance(20))
            victim.cancelled |= scheduler.cancel(victim.id);
        }
        --busy;
      });
    while (busy || scheduler.waiting() + scheduler.running())
      EXPECT_TRUE(scheduler.step());
    for (std::thread &thread : threads)
      thread.join();
    for (const auto &list : added)
      for (const Added &one : list)
        EXPECT_TRUE(agrees(*scheduler.take(one.id), one.what->alone, one.cancelled)) << round;
    EXPECT_EQ(scheduler.freePages(), scheduler.totalPages());
  }
}

INSTANTIATE_TEST_SUITE_P(Models, RowInvarianceTest, testing::ValuesIn(artifacts()),
                         [](const auto &info) { return std::to_string(info.index); });

} // namespace
