//===- PaceTest.cpp - Tests of how much is drafted ------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Time is that of a table, and drafts are right as often as a test says, so what a choice of
// lengths is worth is known exactly.
//
//===----------------------------------------------------------------------===//

#include "runtime/decode/Scheduler.h"
#include "runtime/decode/rounds/Course.h"

#include "test/unit/runtime/DemoModel.h"
#include "test/unit/runtime/StrategyPrograms.h"
#include "test/unit/runtime/TokenModel.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <cmath>
#include <future>
#include <random>

using namespace plait;

namespace {

constexpr int32_t kVocabulary = 101;

int32_t tokenAt(int64_t position) { return int32_t((position * 2654435761u >> 7) % kVocabulary); }

using Table = std::vector<std::pair<int64_t, double>>;

/// A target and a draft model.
struct Machine {
  const char *name;
  Table main, draft;
};

// One that reads its weights for every step, as models of a billion parameters on a CPU do, one
// whose steps cost more the more tokens they have, and a draft model that is hardly smaller.
const Machine kMachines[] = {
    {"memory",
     {{1, 100}, {2, 101}, {4, 103}, {8, 108}, {16, 120}, {32, 150}, {64, 260}},
     {{1, 6}, {2, 6}, {4, 6.2}, {8, 6.5}, {16, 7.2}, {32, 9}, {64, 15}}},
    {"both",
     {{1, 100}, {2, 108}, {4, 124}, {8, 160}, {16, 240}, {32, 420}, {64, 800}},
     {{1, 10}, {2, 11}, {4, 12}, {8, 16}, {16, 24}, {32, 42}, {64, 80}}},
    {"large draft",
     {{1, 100}, {2, 101}, {4, 103}, {8, 108}, {16, 120}, {32, 150}, {64, 260}},
     {{1, 60}, {2, 60}, {4, 62}, {8, 65}, {16, 72}, {32, 90}, {64, 150}}},
};

/// As strategies/spec.mlir is compiled.
std::shared_ptr<const RoundProgram> spec(const std::string &lengths) {
  return programs::parse(programs::replaced(
      R"({"name": "spec", "exact": "distribution", "models": ["main", "draft"], "values": 24,
    "begin": [{"op": "new_acceptance", "operands": [], "results": [22]}],
    "inits": [0, 1, 22], "arguments": [2, 3, 4], "round": {"ops": [
      {"op": "choose_length", "operands": [4], "results": [5], "lengths": LENGTHS},
      {"op": "pending", "operands": [2], "results": [6]},
      {"op": "repeat", "count": 8, "times": 5, "operands": [6, 3], "arguments": [7, 8], "results": [9, 10],
       "body": {"ops": [
        {"op": "pending", "operands": [8], "results": [11]},
        {"op": "forward", "operands": [8, 11], "results": [12], "step": "ar"},
        {"op": "walk", "operands": [11, 12], "results": [13]},
        {"op": "commit", "operands": [8, 13], "results": [14]},
        {"op": "append", "operands": [7, 13], "results": [15], "size": 9}], "yield": [15, 14]}},
      {"op": "forward", "operands": [2, 9], "results": [16], "step": "ar"},
      {"op": "walk", "operands": [9, 16], "results": [17]},
      {"op": "observe", "operands": [4, 9, 17], "results": [18]},
      {"op": "commit", "operands": [2, 17], "results": [19]},
      {"op": "follow", "operands": [10, 19], "results": [20]},
      {"op": "stop", "operands": [19], "results": [21]}], "yield": [19, 20, 18], "stop": 21}})",
      "LENGTHS", lengths));
}

TEST(RoundForwards, WhatIsStaged) {
  using Staged = std::map<std::string, int64_t>;
  EXPECT_EQ(stagedTokens(*programs::lookup(5)), (Staged{{"main", 5}}));
  EXPECT_EQ(stagedTokens(*programs::recycling("[-1, 0, 0, 1]")), (Staged{{"main", 4}}));
  EXPECT_EQ(stagedTokens(*programs::spec()), (Staged{{"main", 6}, {"draft", 5}}));
  EXPECT_EQ(stagedTokens(*programs::spec("main")), (Staged{{"main", 11}})); // two texts
  // A fork stages where its text does: four tokens, then a block of five; two trees of five, then one of six.
  EXPECT_EQ(stagedTokens(*programs::forks(4)), (Staged{{"main", 5}}));
  EXPECT_EQ(stagedTokens(*programs::treesOfDrafts("main")), (Staged{{"main", 10}}));
  EXPECT_EQ(stagedTokens(*programs::treesOfDrafts("draft")), (Staged{{"main", 6}, {"draft", 10}}));
  EXPECT_EQ(stagedTokens(*programs::heads()), (Staged{{"main", 3}}));
}

/// Time per token of `batch` sequences of `count` tokens whose forwards meet in steps: those
/// of the draft model first.
double timePerToken(const Machine &machine, const std::string &lengths, double right, int64_t batch, int64_t count) {
  auto program = spec(lengths);
  StepCosts main(machine.main), draft(machine.draft);
  std::vector<RoundForward> forwards = forwardsOf(*program);
  auto pace = std::make_shared<Pace>();
  pace->sequences = batch;
  pace->seconds = [&](int64_t length, int64_t drafting, int64_t behind) {
    return roundSeconds(forwards, {&draft, &main}, length, drafting, pace->sequences, behind);
  };
  std::vector<int32_t> text;
  for (int64_t position = 0; position < count + 64; ++position)
    text.push_back(tokenAt(position));
  std::vector<Course> courses;
  std::vector<const Course::Forward *> waiting;
  for (int64_t i = 0; i < batch; ++i) {
    courses.emplace_back(program, std::vector<int32_t>{tokenAt(0)}, count, std::vector<int64_t>{1 << 20, 1 << 20},
                         kVocabulary);
    courses.back().setPace(pace);
    courses.back().setOracle(std::make_shared<DraftOracle>(DraftOracle{text, right, 7, uint64_t(i)}));
  }
  for (Course &course : courses)
    waiting.push_back(course.advance());
  double seconds = 0;
  while (std::any_of(waiting.begin(), waiting.end(), [](auto *forward) { return forward; })) {
    bool drafts = std::any_of(waiting.begin(), waiting.end(), [](auto *forward) { return forward && forward->text; });
    int64_t tokens = 0;
    for (size_t i = 0; i < courses.size(); ++i) {
      const Course::Forward *forward = waiting[i];
      if (!forward || bool(forward->text) != drafts)
        continue;
      RoundText &own = courses[i].texts()[size_t(forward->text)];
      tokens += own.root() - own.published + forward->block.size();
      own.published = own.root();
      NodeChoices choices;
      for (int32_t node = 0; node < forward->block.size(); ++node) {
        LeafResult leaf;
        leaf.token = tokenAt(own.root() + forward->block.depth(node) + 1);
        choices.nodes.push_back(leaf);
      }
      courses[i].supply(std::move(choices));
      waiting[i] = courses[i].advance();
    }
    seconds += (drafts ? draft : main).seconds(tokens);
    pace->sequences = std::max<int64_t>(
        1, std::count_if(waiting.begin(), waiting.end(), [](auto *forward) { return forward != nullptr; }));
  }
  for (const Course &course : courses) {
    EXPECT_TRUE(course.status()) << course.status().message();
    EXPECT_TRUE(std::equal(course.text().tokens.begin(), course.text().tokens.end(), text.begin()));
    EXPECT_EQ(int64_t(course.text().tokens.size()), count + 1);
  }
  return seconds / double(batch * count);
}

void expectThatOfTheBestLength(const Machine &machine) {
  for (int64_t batch : {1, 2, 4, 8, 16}) {
    double none = timePerToken(machine, "[0]", 0, batch, 2000); // however often drafts would be right
    for (int percent = 10; percent <= 90; percent += 10) {
      double right = percent / 100.0, best = none;
      for (const char *length : {"[2]", "[4]", "[8]"})
        best = std::min(best, timePerToken(machine, length, right, batch, 2000));
      double time = timePerToken(machine, "[0, 2, 4, 8]", right, batch, 2000);
      EXPECT_GE(best / time, 0.97) << machine.name << ", batch " << batch << ", " << percent << " %";
      EXPECT_GE(none / time, 0.97) << machine.name << ", batch " << batch << ", " << percent << " %";
    }
  }
}

TEST(Pace, IsThatOfTheBestLength) {
  std::vector<std::future<void>> all; // side by side, as it takes a while
  for (const Machine &machine : kMachines)
    all.push_back(std::async(std::launch::async, [&machine] { expectThatOfTheBestLength(machine); }));
  for (std::future<void> &one : all)
    one.get();
}

/// Also of texts that are soon over: what is tried first costs a few rounds.
TEST(Pace, IsNotSlowAtFirst) {
  for (const Machine &machine : kMachines)
    for (int64_t batch : {1, 4, 16})
      for (double right : {0.0, 0.1, 0.3}) {
        double none = timePerToken(machine, "[0]", right, batch, 256);
        double time = timePerToken(machine, "[0, 2, 4, 8]", right, batch, 256);
        EXPECT_GE(none / time, 0.95) << machine.name << ", batch " << batch << ", " << right;
      }
}

TEST(Pace, CostsAreThoseOfTheForwards) {
  StepCosts main(kMachines[0].main), draft(kMachines[0].draft);
  std::vector<RoundForward> forwards = forwardsOf(*spec("[0, 2, 4, 8]"));
  ASSERT_EQ(forwards.size(), 2u);
  EXPECT_EQ(forwards[0].model, 1u);
  EXPECT_TRUE(forwards[0].perToken);
  EXPECT_EQ(forwards[0].times, 8);
  EXPECT_EQ(forwards[1].model, 0u);
  EXPECT_EQ(forwards[1].nodes, 9);
  auto micros = [&](int64_t length, int64_t drafting, int64_t sequences) {
    return 1e6 * roundSeconds(forwards, {&draft, &main}, length, drafting, sequences);
  };
  EXPECT_NEAR(micros(0, 1, 1), 100, 1e-9);
  EXPECT_NEAR(micros(3, 1, 1), 3 * 6 + 103, 1e-9);
  EXPECT_NEAR(micros(3, 4, 4), 3 * 6.2 + 120, 1e-9);
  EXPECT_NEAR(micros(4, 1, 4), 4 * 6 + 108, 1e-9);
  EXPECT_NEAR(micros(8, 16, 16), 8 * 7.2 + 260 + 80 * 110.0 / 32, 1e-9);
}

/// A tree of 2, 1 and 1 nodes by depth is verified, and a head computed if there is something to draft.
static const char *const kTreeWithHead = R"({"name": "tree", "exact": "identical", "models": ["main"], "values": 20,
    "begin": [{"op": "new_candidates", "operands": [], "results": [1]},
              {"op": "new_acceptance", "operands": [], "results": [2]}],
    "inits": [0, 1, 2], "arguments": [3, 4, 5], "round": {"ops": [
      {"op": "choose_length", "operands": [5], "results": [6], "lengths": [0, 1, 3]},
      {"op": "expand", "operands": [3, 4, 4, 4], "results": [7], "parents": [-1, 0, 0, 1, 3]},
      {"op": "shorten", "operands": [7, 6], "results": [8], "parents": [-1, 0, 0, 1, 3]},
      {"op": "forward", "operands": [3, 8], "results": [9, 10], "step": "ar_hidden"},
      {"op": "walk", "operands": [8, 9], "results": [11]},
      {"op": "leaf", "operands": [10, 11], "results": [12]},
      {"op": "observe", "operands": [5, 8, 11], "results": [13]},
      {"op": "commit", "operands": [3, 11], "results": [14]},
      {"op": "repeat", "count": 1, "times": 6, "operands": [1], "arguments": [15], "results": [16],
       "body": {"ops": [{"op": "head", "operands": [12], "results": [17], "step": "head_h", "count": 2}], "yield": [17]}},
      {"op": "stop", "operands": [14], "results": [18]}], "yield": [14, 16, 13], "stop": 18}})";

TEST(Pace, CostsOfATreeAreThoseOfItsDepth) {
  std::vector<RoundForward> forwards = forwardsOf(*programs::parse(kTreeWithHead));
  ASSERT_EQ(forwards.size(), 2u);
  EXPECT_EQ(forwards[0].step, "ar_hidden");
  EXPECT_EQ(forwards[0].nodes, 5);
  EXPECT_EQ(forwards[0].within, (std::vector<int64_t>{1, 3, 4, 5}));
  EXPECT_EQ(forwards[1].step, "head_h");
  EXPECT_TRUE(forwards[1].isHead && forwards[1].perToken);
  StepCosts tree({{1, 100}, {64, 163}}), head({{1, 10}, {64, 73}});
  auto micros = [&](int64_t length, int64_t drafting, int64_t sequences) {
    return 1e6 * roundSeconds(forwards, {&tree, &head}, length, drafting, sequences, /*behind=*/50);
  };
  EXPECT_NEAR(micros(0, 1, 1), 100, 1e-9);
  EXPECT_NEAR(micros(1, 1, 1), 102 + 10, 1e-9);
  EXPECT_NEAR(micros(2, 1, 1), 103 + 10, 1e-9);
  EXPECT_NEAR(micros(3, 1, 1), 104 + 10, 1e-9);
  EXPECT_NEAR(micros(9, 1, 1), 104 + 10, 1e-9);
  EXPECT_NEAR(micros(3, 2, 3), 110 + 11, 1e-9);
}

TEST(Pace, KindsOfStepsShareASpeed) {
  auto speed = std::make_shared<StepCosts::Speed>();
  StepCosts seen({{1, 100}, {2, 100}}, speed), unseen({{1, 10}, {2, 20}}, speed);
  for (int i = 0; i < 20; ++i)
    seen.observe(1, 250e-6);
  EXPECT_NEAR(unseen.seconds(2), 50e-6, 2e-6);
  EXPECT_NEAR(StepCosts({{1, 10}, {2, 20}}).seconds(2), 20e-6, 1e-12);
}

TEST(Pace, CostsAreLearned) {
  StepCosts costs({{1, 100}, {2, 200}, {4, 400}, {8, 800}});
  EXPECT_NEAR(costs.seconds(3), 300e-6, 1e-12);
  costs.observe(1, 50e-6); // everything is twice as fast
  EXPECT_NEAR(costs.seconds(8), 400e-6, 1e-12);
  for (int i = 0; i < 200; ++i) { // and larger steps cost no more than the smallest
    costs.observe(1, 50e-6);
    costs.observe(8, 50e-6);
  }
  EXPECT_NEAR(costs.seconds(1), 50e-6, 1e-6);
  EXPECT_NEAR(costs.seconds(8), 50e-6, 1e-6);
  costs.observe(8, 10); // somebody else has had the machine
  EXPECT_LT(costs.seconds(8), 70e-6);
  StepCosts unknown;
  EXPECT_NEAR(unknown.seconds(8) / unknown.seconds(1), 8, 1e-9);
}

/// A clock that other programs share: each step takes a little more or less, one of twelve much
/// longer, and for some time all do.
class SharedClock {
public:
  explicit SharedClock(uint64_t seed) : random(seed) {}

  double timeOf(double seconds) {
    std::uniform_real_distribution<double> uniform(0, 1);
    if (steps-- <= 0) {
      slowness = uniform(random) < 0.4 ? 1.5 + 2 * uniform(random) : 1;
      steps = int(20 + 400 * uniform(random));
    }
    seconds *= slowness * std::exp(0.05 * std::normal_distribution<double>()(random));
    if (uniform(random) < 1 / 12.0)
      seconds *= 1 + 0.5 * (std::pow(std::max(uniform(random), 1e-4), -0.8) - 1); // of infinite variance
    return seconds;
  }

private:
  std::mt19937_64 random;
  double slowness = 1;
  int steps = 0;
};

/// As strategies/jacobi.mlir is compiled.
std::shared_ptr<const RoundProgram> jacobiOfEight() {
  return programs::parse(R"({"name": "jacobi", "exact": "distribution", "models": ["main"], "values": 15,
    "begin": [{"op": "new_guesses", "operands": [], "results": [1]},
              {"op": "new_acceptance", "operands": [], "results": [2]}],
    "inits": [0, 1, 2], "arguments": [3, 4, 5], "round": {"ops": [
      {"op": "choose_length", "operands": [5], "results": [6], "lengths": [0, 8]},
      {"op": "carry", "operands": [3, 4], "results": [7], "size": 9},
      {"op": "shorten", "operands": [7, 6], "results": [8], "size": 9},
      {"op": "forward", "operands": [3, 8], "results": [9], "step": "ar"},
      {"op": "walk_guesses", "operands": [8, 9], "results": [10, 11]},
      {"op": "commit", "operands": [3, 10], "results": [12]},
      {"op": "observe", "operands": [5, 8, 10], "results": [13]},
      {"op": "stop", "operands": [12], "results": [14]}], "yield": [12, 11, 13], "stop": 14}})");
}

/// How fast each of some texts of `count` tokens is beside plain decoding, one after the other, by
/// the true times of the steps, where what is known of them comes from a shared clock.
std::vector<double> speedsOnSharedClock(const Table &truth, const Table &predicted, double right, int64_t count,
                                        uint64_t seed, int texts) {
  auto program = jacobiOfEight();
  StepCosts real(truth), known(predicted);
  SharedClock clock(seed);
  std::vector<RoundForward> forwards = forwardsOf(*program);
  auto pace = std::make_shared<Pace>();
  pace->seconds = [&](int64_t length, int64_t drafting, int64_t behind) {
    return roundSeconds(forwards, {&known}, length, drafting, pace->sequences, behind);
  };
  std::vector<int32_t> text;
  for (int64_t position = 0; position < count + 64; ++position)
    text.push_back(tokenAt(position));
  std::vector<double> speeds;
  for (int i = 0; i < texts; ++i) {
    Course course(program, {tokenAt(0)}, count, {1 << 20}, kVocabulary);
    course.setPace(pace);
    course.setOracle(std::make_shared<DraftOracle>(DraftOracle{text, right, seed, uint64_t(i)}));
    double seconds = 0;
    while (const Course::Forward *forward = course.advance()) {
      RoundText &own = course.texts()[0];
      own.published = own.root();
      NodeChoices choices;
      for (int32_t node = 0; node < forward->block.size(); ++node) {
        LeafResult leaf;
        leaf.token = tokenAt(own.root() + forward->block.depth(node) + 1);
        choices.nodes.push_back(leaf);
      }
      double took = real.seconds(forward->block.size());
      seconds += took;
      known.observe(forward->block.size(), clock.timeOf(took));
      course.supply(std::move(choices));
    }
    speeds.push_back(double(count) * real.seconds(1) / seconds);
  }
  return speeds;
}

/// Whatever was predicted of steps, and however long some of them take by chance.
TEST(Pace, IsNotMisledByASharedClock) {
  for (double ratio : {1.1, 1.6, 2.5}) // of a step of 9 tokens to one of 1
    for (double expected : {1.1, 1.6, 2.5})
      for (double right : {0.0, 0.05, 0.3, 0.5, 0.8}) {
        Table truth = {{1, 200}, {9, 200 * ratio}, {64, 800 * ratio}};
        Table predicted = {
            {1, 100}, {2, 100 + 12.5 * (expected - 1)}, {8, 100 + 87.5 * (expected - 1)}, {64, 400 * expected}};
        double first = 0, later = 0, best = 1;
        for (int i = 1; i <= 8; ++i)
          best += std::pow(right, i);
        best = std::max(1.0, best / ratio);
        for (uint64_t seed = 1; seed <= 8; ++seed) {
          std::vector<double> speeds = speedsOnSharedClock(truth, predicted, right, 256, seed, 6);
          first += speeds[0] / 8;
          for (size_t i = 1; i < speeds.size(); ++i)
            later += speeds[i] / double(8 * (speeds.size() - 1));
        }
        std::string where =
            std::to_string(ratio) + ", predicted " + std::to_string(expected) + ", " + std::to_string(right);
        EXPECT_GE(first, 0.96) << where;
        EXPECT_GE(later, 0.98) << where;
        EXPECT_GE(later, 0.9 * best) << where;
      }
}

/// A scheduler learns from its clock that drafts do not pay, whatever was predicted.
TEST(Pace, IsLearnedFromTheClock) {
  demo::Artifact artifact;
  auto described = artifact.open();
  ASSERT_TRUE(described) << described.status().message();
  StepLimits limits;
  limits.maxTokens = limits.maxLeaves = 64;
  limits.maxRows = 8;
  limits.maxStops = 8;
  limits.maxEdits = limits.vocabulary = kVocabulary;
  limits.maxPositions = 2048;
  limits.pageTokens = 16;
  limits.tables = {{0, 400}};
  double seconds = 0, draftTime = 0;
  auto timed = [&](double perToken, double *extra) {
    return [&seconds, perToken, extra](const std::vector<int32_t> &text, const StepLeaf &) {
      seconds += extra ? *extra : perToken;
      return demo::TokenChoice{tokenAt(int64_t(text.size())), 0, {}};
    };
  };
  for (double cost : {0.01, 3.0}) { // of a drafted token, where one of the text costs 1
    draftTime = cost;
    auto main = std::make_shared<demo::TokenModel>(*described, limits, timed(1, nullptr));
    auto draft = std::make_shared<demo::TokenModel>(*described, limits, timed(0, &draftTime));
    Scheduler scheduler(main, {.clock = [&] { return seconds; }}, {{"draft", draft}});
    Request request;
    request.prompt = {tokenAt(0)};
    request.maxTokens = 400;
    request.ignoreEos = true;
    request.strategy = spec("[0, 2, 4, 8]");
    auto id = scheduler.add(request);
    ASSERT_TRUE(id) << id.status().message();
    seconds = 0;
    ASSERT_TRUE(scheduler.runAll());
    auto result = scheduler.take(*id);
    ASSERT_TRUE(result);
    EXPECT_EQ(result->tokens.size(), 400u);
    // Each leaf costs the same, so tokens that are verified together save nothing.
    EXPECT_LE(seconds, cost < 1 ? 1.1 * 400 : 1.2 * 400) << cost;
  }
}

} // namespace
