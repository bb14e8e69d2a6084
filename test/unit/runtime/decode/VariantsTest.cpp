//===- VariantsTest.cpp - Tests of which variant drafts -------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Variants of a forward take as long as a table says and are right as often as a test says, so what each is
// worth is known exactly.
//
//===----------------------------------------------------------------------===//

#include "runtime/decode/StepCosts.h"
#include "runtime/decode/rounds/Course.h"

#include "test/unit/runtime/StrategyPrograms.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <random>

using namespace plait;

namespace {

constexpr int32_t kVocabulary = 101;

int32_t tokenAt(int64_t position) { return int32_t((position * 2654435761u >> 7) % kVocabulary); }

/// As strategies/swift.mlir is compiled, with the steps that `others` lists, such as `, "others": ["b"]`.
std::shared_ptr<const RoundProgram> swift(const std::string &lengths, const std::string &count,
                                          const std::string &others) {
  std::string program = R"({"name": "swift", "exact": "identical", "models": ["main"], "values": 22,
    "begin": [{"op": "new_acceptance", "operands": [], "results": [1]}],
    "inits": [0, 1], "arguments": [2, 3], "round": {"ops": [
      {"op": "choose_variant", "operands": [3], "results": [4], "count": COUNT, "lengths": LENGTHS},
      {"op": "choose_length", "operands": [3, 4], "results": [5], "lengths": LENGTHS},
      {"op": "pending", "operands": [2], "results": [6]},
      {"op": "fork", "operands": [2], "results": [7]},
      {"op": "repeat", "count": 8, "times": 5, "operands": [6, 7], "arguments": [8, 9], "results": [10, 11], "body": {"ops": [
        {"op": "pending", "operands": [9], "results": [12]},
        {"op": "forward", "operands": [9, 12, 4], "results": [13], "step": "a"OTHERS},
        {"op": "walk", "operands": [12, 13], "results": [14]},
        {"op": "commit", "operands": [9, 14], "results": [15]},
        {"op": "append", "operands": [8, 14], "results": [16], "size": 9}], "yield": [16, 15]}},
      {"op": "drop", "operands": [11], "results": []},
      {"op": "forward", "operands": [2, 10], "results": [17], "step": "ar"},
      {"op": "walk", "operands": [10, 17], "results": [18]},
      {"op": "commit", "operands": [2, 18], "results": [19]},
      {"op": "observe", "operands": [3, 10, 18, 4], "results": [20]},
      {"op": "stop", "operands": [19], "results": [21]}], "yield": [19, 20], "stop": 21}})";
  for (auto [name, text] :
       {std::pair<std::string, std::string>{"COUNT", count}, {"LENGTHS", lengths}, {"OTHERS", others}})
    while (program.find(name) != std::string::npos)
      program = programs::replaced(program, name, text);
  return programs::parse(program);
}

/// What a drafted token takes of a step of plain decoding, and how often it is right.
struct Variant {
  double cost, right;
};

/// Time per token of one sequence whose variants are `before` and, in the second half of its `count` tokens, `after`.
double timePerToken(const std::vector<Variant> &before, const std::vector<Variant> &after, int64_t count,
                    const std::string &lengths = "[0, 2, 4]") {
  std::string others = before.size() > 1 ? R"(, "others": [)" : "";
  for (size_t i = 1; i < before.size(); ++i)
    others += (i > 1 ? ", \"" : "\"") + std::string(1, char('a' + i)) + "\"" + (i + 1 == before.size() ? "]" : "");
  auto program = swift(lengths, std::to_string(before.size()), others);
  std::vector<RoundForward> forwards = forwardsOf(*program);
  StepCosts main({{1, 100}, {2, 101}, {4, 103}, {8, 108}});
  std::vector<std::shared_ptr<Pace>> paces;
  std::vector<StepCosts> costs;
  for (const Variant &variant : before)
    costs.push_back(StepCosts({{1, 100 * variant.cost}, {2, 101 * variant.cost}}));
  for (size_t i = 0; i < before.size(); ++i) {
    EXPECT_EQ(forwards[0].stepOf(i), std::string(1, char('a' + i)));
    paces.push_back(std::make_shared<Pace>());
    paces[i]->seconds = [&, i](int64_t length, int64_t drafting, int64_t behind) {
      return roundSeconds(forwards, {&costs[i], &main}, length, drafting, 1, behind);
    };
  }
  paces[0]->further.assign(paces.begin() + 1, paces.end());
  Course course(program, {tokenAt(0)}, count, {1 << 20}, kVocabulary);
  course.setPace(paces[0]);
  std::mt19937_64 random(5);
  std::uniform_real_distribution<double> uniform(0, 1);
  double seconds = 0;
  while (const Course::Forward *forward = course.advance()) {
    RoundText &own = course.texts()[size_t(forward->text)];
    own.published = own.root();
    // Steps are numbered in the order in which the program names them.
    bool drafts = program->steps[size_t(forward->step)] != "ar";
    size_t variant = drafts ? size_t(program->steps[size_t(forward->step)][0] - 'a') : 0;
    seconds += (drafts ? costs[variant] : main).seconds(forward->block.size());
    NodeChoices choices;
    for (int32_t node = 0; node < forward->block.size(); ++node) {
      int64_t position = own.root() + forward->block.depth(node) + 1;
      LeafResult leaf;
      leaf.token = tokenAt(position);
      if (drafts && uniform(random) > (position < count / 2 ? before : after)[variant].right)
        leaf.token = (leaf.token + 1) % kVocabulary;
      choices.nodes.push_back(leaf);
    }
    course.supply(std::move(choices));
  }
  EXPECT_TRUE(course.status()) << course.status().message();
  EXPECT_EQ(int64_t(course.text().tokens.size()), count + 1);
  return seconds / double(count);
}

TEST(Variants, TheBestOneDrafts) {
  const std::vector<std::vector<Variant>> machines = {
      {{0.6, 0.95}, {0.3, 0.9}, {0.2, 0.3}},
      {{0.3, 0.3}, {0.6, 0.98}},
      {{0.15, 0.5}, {0.3, 0.9}, {0.5, 0.97}},
      {{0.9, 0.5}, {0.8, 0.4}}, // none pays
  };
  for (const std::vector<Variant> &variants : machines) {
    double best = timePerToken({variants[0]}, {variants[0]}, 2000, "[0]"); // none of them
    for (const Variant &variant : variants)
      for (const char *lengths : {"[2]", "[4]"})
        best = std::min(best, timePerToken({variant}, {variant}, 2000, lengths));
    EXPECT_GE(best / timePerToken(variants, variants, 2000), 0.93) << variants[0].cost << " " << variants[0].right;
  }
}

TEST(Variants, AreTriedAgain) {
  std::vector<Variant> before = {{0.3, 0.95}, {0.3, 0.2}}, after = {{0.3, 0.2}, {0.3, 0.95}};
  double first = timePerToken({before[0]}, {before[0]}, 4000), changed = timePerToken(before, after, 4000);
  EXPECT_GE(first / changed, 0.85);
}

TEST(Variants, WithoutTimeTheMostTokens) {
  auto program = swift("[0, 2]", "3", R"(, "others": ["b", "c"])");
  Course course(program, {tokenAt(0)}, 100, {1 << 20}, kVocabulary);
  std::vector<int> counts(3, 0);
  while (const Course::Forward *forward = course.advance()) {
    RoundText &own = course.texts()[size_t(forward->text)];
    own.published = own.root();
    const std::string &step = program->steps[size_t(forward->step)];
    NodeChoices choices;
    for (int32_t node = 0; node < forward->block.size(); ++node) {
      LeafResult leaf;
      leaf.token = tokenAt(own.root() + forward->block.depth(node) + 1);
      if (step == "a" || step == "c") // never right
        leaf.token = (leaf.token + 1) % kVocabulary;
      choices.nodes.push_back(leaf);
    }
    if (step != "ar")
      ++counts[size_t(step[0] - 'a')];
    course.supply(std::move(choices));
  }
  EXPECT_EQ(counts[0], 2); // one round
  EXPECT_EQ(counts[2], 0); // what is before it is always right
  EXPECT_GT(counts[1], 50);
}

TEST(Variants, ProgramsThatCouldGoWrongAreRefused) {
  const std::string program =
      R"({"name": "s", "exact": "identical", "models": ["main"], "values": 8, "begin": [], "inits": [0],
    "arguments": [1], "round": {"ops": [{"op": "pending", "operands": [1], "results": [2]},
      {"op": "forward", "operands": OPERANDS, "results": [3], "step": "ar", "others": OTHERS},
      {"op": "walk", "operands": [2, 3], "results": [4]}, {"op": "commit", "operands": [1, 4], "results": [5]},
      {"op": "stop", "operands": [5], "results": [6]}], "yield": [5], "stop": 6}})";
  for (auto [operands, others] :
       {std::pair("[1, 2]", "[\"b\"]"), std::pair("[1, 2, 2]", "[\"b\"]"), std::pair("[1, 2]", "[3]")}) {
    Json json = Json::parse(programs::replaced(programs::replaced(program, "OPERANDS", operands), "OTHERS", others));
    EXPECT_FALSE(RoundProgram::read(JsonView(json, "program"))) << operands << " " << others;
  }
}

} // namespace
