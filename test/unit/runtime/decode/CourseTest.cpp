//===- CourseTest.cpp - Round programs over a model of our own ------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/decode/rounds/Course.h"
#include "runtime/decode/rounds/RoundOp.h"

#include "test/unit/runtime/StrategyPrograms.h"

#include <gtest/gtest.h>

#include <random>

using namespace plait;

namespace {

constexpr int32_t kVocabulary = 11, kStop = 0;

/// A model that knows the last three tokens: its choice is a hash of them. Drafts may be
/// wrong now and then.
int32_t chooseAfter(const std::vector<int32_t> &text, int wrongOf = 0) {
  uint64_t hash = 1469598103934665603ull;
  for (size_t i = text.size() < 3 ? 0 : text.size() - 3; i < text.size(); ++i)
    hash = (hash ^ uint64_t(text[i] + 1)) * 1099511628211ull;
  int32_t token = int32_t((hash >> 20) % kVocabulary);
  if (wrongOf && (hash >> 40) % uint64_t(wrongOf) == 0)
    token = (token + 1) % kVocabulary;
  return token;
}

std::vector<int32_t> autoregressive(std::vector<int32_t> prompt, int64_t count, bool stops) {
  std::vector<int32_t> text = std::move(prompt), chosen;
  while (int64_t(chosen.size()) < count) {
    chosen.push_back(chooseAfter(text));
    text.push_back(chosen.back());
    if (stops && chosen.back() == kStop)
      break;
  }
  return chosen;
}

/// Computes forwards as a step would, with pages of its own: what is published must be what
/// the text says, whatever was drafted in between.
class Model {
public:
  bool stops = false;
  int wrongOf = 0; ///< of drafts
  int64_t nanAfter = INT64_MAX, positions = 4096;

  NodeChoices run(Course &course, const Course::Forward &forward) {
    RoundText &text = course.texts()[size_t(forward.text)];
    std::vector<int32_t> &cells = pages[text.base >= 0 ? text.base : forward.text];
    // Pages hold what was forwarded: the published part must be the text's.
    EXPECT_LE(text.published, int64_t(cells.size()));
    EXPECT_TRUE(std::equal(cells.begin(), cells.begin() + text.published, text.tokens.begin()));
    cells.resize(size_t(text.published));
    cells.insert(cells.end(), text.tokens.begin() + text.published, text.tokens.end() - 1);
    NodeChoices choices;
    for (int32_t node = 0; node < forward.block.size(); ++node) {
      std::vector<int32_t> path;
      for (int32_t at = node; at > 0; at = forward.block.parents[size_t(at)])
        path.insert(path.begin(), forward.block.tokens[size_t(at)]);
      std::vector<int32_t> seen = text.tokens;
      seen.insert(seen.end(), path.begin(), path.end());
      bool isDraft = text.base >= 0 || text.model > 0;
      EXPECT_LT(text.root() + forward.block.depth(node), positions);
      LeafResult leaf;
      leaf.token = chooseAfter(seen, isDraft ? wrongOf : 0);
      leaf.status = stops && leaf.token == kStop ? PLAIT_LEAF_STOPPED : PLAIT_LEAF_OK;
      if (int64_t(seen.size()) > nanAfter)
        leaf = {.token = -1, .status = PLAIT_LEAF_NONFINITE};
      for (int32_t i = 0; i < forward.instruction->top; ++i)
        leaf.top.push_back({(leaf.token + i) % kVocabulary, float(-i)});
      choices.nodes.push_back(std::move(leaf));
    }
    // A chain's cells are where its tokens will be; a commit of a tree moves them there.
    cells.push_back(text.tokens.back());
    for (int32_t node = 1; node < forward.block.size(); ++node)
      cells.push_back(forward.block.tokens[size_t(node)]);
    numTokens += forward.block.size();
    ++numForwards;
    return choices;
  }

  /// After a commit, for trees.
  void settle(Course &course) {
    for (auto &[number, cells] : pages) {
      const RoundText &text = course.texts()[size_t(number)];
      cells.assign(text.tokens.begin(), text.tokens.begin() + text.published);
    }
  }

  int64_t numTokens = 0, numForwards = 0;

private:
  std::map<int, std::vector<int32_t>> pages;
};

std::shared_ptr<const RoundProgram> parse(const std::string &text) {
  auto json = parseJson(text, "program");
  EXPECT_TRUE(bool(json)) << json.status().message();
  auto program = RoundProgram::read(JsonView(*json, "program"));
  EXPECT_TRUE(bool(program)) << program.status().message();
  return program ? *program : nullptr;
}

std::string refusal(const std::string &text) {
  auto json = parseJson(text, "program");
  EXPECT_TRUE(bool(json)) << json.status().message();
  auto program = RoundProgram::read(JsonView(*json, "program"));
  return program ? "" : program.status().message();
}

const char *kTail = R"({"op": "commit", "operands": [1, 4], "results": [5]},
    {"op": "stop", "operands": [5], "results": [6]}], "yield": [5], "stop": 6}})";

const std::string kLookup = std::string(R"({"name": "prompt_lookup", "exact": "identical", "models": ["main"],
  "values": 7, "begin": [], "inits": [0], "arguments": [1], "round": {"ops": [
    {"op": "lookup", "operands": [1], "results": [2], "size": 5, "longest": 3, "shortest": 1},
    {"op": "forward", "operands": [1, 2], "results": [3], "step": "ar"},
    {"op": "walk", "operands": [2, 3], "results": [4]}, )") +
                            kTail;

const std::string kRecycling = R"({"name": "token_recycling", "exact": "identical", "models": ["main"], "values": 10,
  "begin": [{"op": "new_successors", "operands": [], "results": [7]}], "inits": [0, 7], "arguments": [1, 8],
  "round": {"ops": [
    {"op": "recall", "operands": [1, 8], "results": [2], "parents": [-1, 0, 0, 1, 1, 2, 3]},
    {"op": "forward", "operands": [1, 2], "results": [3], "step": "ar", "top": 2},
    {"op": "walk", "operands": [2, 3], "results": [4]},
    {"op": "learn", "operands": [8, 2, 3], "results": [9], "count": 2},
    {"op": "commit", "operands": [1, 4], "results": [5]},
    {"op": "stop", "operands": [5], "results": [6]}], "yield": [5, 9], "stop": 6}})";

const std::string kJacobi = R"({"name": "jacobi", "exact": "identical", "models": ["main"], "values": 10,
  "begin": [{"op": "new_guesses", "operands": [], "results": [7]}], "inits": [0, 7], "arguments": [1, 8],
  "round": {"ops": [
    {"op": "carry", "operands": [1, 8], "results": [2], "size": 6},
    {"op": "forward", "operands": [1, 2], "results": [3], "step": "ar"},
    {"op": "walk_guesses", "operands": [2, 3], "results": [4, 9]},
    {"op": "commit", "operands": [1, 4], "results": [5]},
    {"op": "stop", "operands": [5], "results": [6]}], "yield": [5, 9], "stop": 6}})";

/// A draft in a loop; `fork` drafts with the text's own model, else with another one.
std::string draftProgram(bool fork) {
  std::string begin = fork ? R"({"op": "fork", "operands": [2], "results": [5]},)" : "";
  std::string end = fork ? R"({"op": "drop", "operands": [15], "results": []},)" : "";
  std::string after = fork ? "" : R"({"op": "follow", "operands": [15, 18], "results": [19]},)";
  std::string inits = fork ? "[0, 22]" : "[0, 22, 1]", yield = fork ? "[18, 20]" : "[18, 20, 19]";
  std::string arguments = fork ? "[2, 3]" : "[2, 3, 5]", models = fork ? R"(["main", "main"])" : R"(["main", "draft"])";
  return R"({"name": "spec", "exact": "identical", "models": )" + models + R"(, "values": 24,
    "begin": [{"op": "new_acceptance", "operands": [], "results": [22]}], "inits": )" +
         inits + R"(, "arguments": )" + arguments + R"(, "round": {"ops": [
    {"op": "choose_length", "operands": [3], "results": [4], "lengths": [0, 2, 4], "costs": [1, 1.2, 1.5]}, )" +
         begin + R"(
    {"op": "pending", "operands": [2], "results": [6]},
    {"op": "repeat", "count": 4, "times": 4, "operands": [6, 5], "arguments": [7, 8], "results": [14, 15], "body": {"ops": [
      {"op": "pending", "operands": [8], "results": [9]},
      {"op": "forward", "operands": [8, 9], "results": [10], "step": "draft"},
      {"op": "walk", "operands": [9, 10], "results": [11]},
      {"op": "commit", "operands": [8, 11], "results": [12]},
      {"op": "append", "operands": [7, 11], "results": [13], "size": 5}], "yield": [13, 12]}}, )" +
         end + R"(
    {"op": "forward", "operands": [2, 14], "results": [16], "step": "ar"},
    {"op": "walk", "operands": [14, 16], "results": [17]},
    {"op": "observe", "operands": [3, 14, 17], "results": [20]},
    {"op": "commit", "operands": [2, 17], "results": [18]}, )" +
         after + R"(
    {"op": "stop", "operands": [18], "results": [21]}], "yield": )" +
         yield + R"(, "stop": 21}})";
}

std::vector<int32_t> run(const std::string &text, std::vector<int32_t> prompt, int64_t count, Model &model,
                         int64_t positions = 4096) {
  auto program = parse(text);
  model.positions = positions;
  Course course(program, std::move(prompt), count, std::vector<int64_t>(program->models.size(), positions),
                kVocabulary);
  size_t begin = course.text().tokens.size();
  int64_t rounds = 0;
  while (const Course::Forward *forward = course.advance()) {
    if (std::exchange(rounds, course.rounds()) != course.rounds())
      model.settle(course);
    course.supply(model.run(course, *forward));
  }
  std::vector<int32_t> chosen;
  for (const LeafResult &leaf : course.text().chosen)
    chosen.push_back(leaf.token);
  EXPECT_EQ(int64_t(begin + chosen.size()) - (course.text().chosen.back().status != PLAIT_LEAF_OK),
            int64_t(course.text().tokens.size()));
  return chosen;
}

TEST(Course, GivesTheTextOfAutoregressiveDecoding) {
  std::mt19937 random(7);
  for (const std::string &text : {kLookup, kRecycling, kJacobi, draftProgram(true), draftProgram(false)})
    for (bool stops : {false, true})
      for (int wrongOf : {0, 2, 5})
        for (int trial = 0; trial < 20; ++trial) {
          std::vector<int32_t> prompt(1 + random() % 9);
          for (int32_t &token : prompt)
            token = 1 + int32_t(random() % (kVocabulary - 1));
          int64_t count = 1 + int64_t(random() % 40);
          Model model;
          model.stops = stops;
          model.wrongOf = wrongOf;
          EXPECT_EQ(run(text, prompt, count, model), autoregressive(prompt, count, stops)) << text;
        }
}

TEST(Course, AcceptsDraftsThatAreRight) {
  Model model;
  run(draftProgram(false), {1, 2, 3}, 60, model);
  // With four right tokens drafted a round has five: 12 rounds of 1 + 4 forwards, but for the
  // first ones, which draft fewer.
  EXPECT_LE(model.numForwards, 80);
  Model autoregressive;
  run(kLookup, {1, 2, 3}, 60, autoregressive);
  EXPECT_LE(autoregressive.numForwards, 60);
}

TEST(Course, EndsWhereTheModelHasNoPosition) {
  for (const std::string &text : {kLookup, kRecycling, kJacobi, draftProgram(true), draftProgram(false)}) {
    Model model;
    // A prompt of 3 and 14 tokens: the last one needs no position.
    EXPECT_EQ(run(text, {1, 2, 3}, 14, model, /*positions=*/16), autoregressive({1, 2, 3}, 14, false));
  }
}

TEST(Course, CommitsWhatWasAcceptedBeforeLogitsThatAreNotFinite) {
  for (const std::string &text : {kLookup, kRecycling, kJacobi, draftProgram(true), draftProgram(false)})
    for (int64_t nanAfter = 3; nanAfter < 40; ++nanAfter) {
      Model model;
      model.nanAfter = nanAfter;
      std::vector<int32_t> expected = autoregressive({1, 2, 3}, nanAfter - 2, false);
      expected.push_back(-1);
      EXPECT_EQ(run(text, {1, 2, 3}, 60, model), expected);
    }
}

TEST(Course, DraftsAsFarAsThereArePositions) {
  auto program = parse(draftProgram(false));
  Course course(program, std::vector<int32_t>(14, 1), 99, {15, 15}, kVocabulary);
  std::vector<int32_t> sizes;
  Model model;
  model.positions = 15;
  for (const Course::Forward *forward; (forward = course.advance()) && sizes.size() < 4;) {
    sizes.push_back(forward->text == 0 ? forward->block.size() : -1);
    NodeChoices choices = model.run(course, *forward);
    for (LeafResult &leaf : choices.nodes)
      leaf.token = 1;
    course.supply(std::move(choices));
  }
  // Two drafts, whose pending tokens are at positions 13 and 14, where the last one is; what
  // was drafted there would be at 15.
  EXPECT_EQ(sizes, (std::vector<int32_t>{-1, -1, 2}));
}

TEST(Course, DraftsAreBoundedByTheBudget) {
  auto program = parse(kLookup);
  Course course(program, {1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4}, 3, {4096}, kVocabulary);
  EXPECT_EQ(course.advance()->block.size(), 3); // the third one's successor ends the text
}

TEST(Course, GuessesWhereNothingIsKnown) {
  Sampling sampling{.seed = 3, .sequence = 4};
  std::vector<std::vector<int32_t>> blocks;
  for (int trial = 0; trial < 2; ++trial) {
    Course course(parse(kJacobi), {1, 2, 3}, 60, {4096}, kVocabulary, sampling);
    blocks.push_back(course.advance()->block.tokens);
    EXPECT_EQ(blocks.back().size(), 6u);
  }
  EXPECT_EQ(blocks[0], blocks[1]);
  for (int32_t token : blocks[0])
    EXPECT_TRUE(token >= 0 && token < kVocabulary);
}

TEST(Course, ARoundThatChoosesNothingIsAnError) {
  std::string program = R"({"name": "idle", "exact": "identical", "models": ["main", "main"], "values": 10,
    "begin": [], "inits": [0, 1], "arguments": [2, 3], "round": {"ops": [
    {"op": "pending", "operands": [3], "results": [4]},
    {"op": "forward", "operands": [3, 4], "results": [5], "step": "ar"},
    {"op": "walk", "operands": [4, 5], "results": [6]},
    {"op": "commit", "operands": [3, 6], "results": [7]},
    {"op": "stop", "operands": [2], "results": [8]}], "yield": [2, 7], "stop": 8}})";
  Course course(parse(program), {1, 2}, 9, {64, 64}, kVocabulary);
  Model model;
  int64_t forwards = 0;
  for (; const Course::Forward *forward = course.advance(); ++forwards)
    course.supply(model.run(course, *forward));
  EXPECT_EQ(forwards, 1);
  EXPECT_NE(course.status().message().find("strategy idle: found a round that chose no token"), std::string::npos)
      << course.status().message();
}

TEST(Course, KnowsWhatItAsksOfAnEngine) {
  auto lookup = parse(kLookup), recycling = parse(kRecycling), spec = parse(draftProgram(false));
  EXPECT_EQ(lookup->mostNodes, 5);
  EXPECT_FALSE(lookup->hasTrees);
  EXPECT_EQ(lookup->steps, std::vector<std::string>{"ar"});
  EXPECT_EQ(recycling->mostNodes, 7);
  EXPECT_TRUE(recycling->hasTrees);
  EXPECT_EQ(recycling->mostTop, 2);
  EXPECT_EQ(spec->mostNodes, 5);
  EXPECT_EQ(spec->mostAhead, 5 * (4 + 1));
  EXPECT_EQ(spec->steps, (std::vector<std::string>{"draft", "ar"}));
}

/// What recurs waits for one token after a hidden state: the one that was chosen, then the best that it
/// found itself. Nothing is asked of it beyond the last token that may be chosen.
TEST(Course, RecursFromTheAcceptedLeaf) {
  auto parsed = parse(R"({"name": "mtp", "exact": "identical", "models": ["main"], "values": 16,
    "begin": [{"op": "new_candidates", "operands": [], "results": [7]}], "inits": [0, 7, 7], "arguments": [1, 8, 9],
    "round": {"ops": [
      {"op": "expand", "operands": [1, 8, 9], "results": [2], "parents": [-1, 0, 1]},
      {"op": "forward", "operands": [1, 2], "results": [3, 10], "step": "ar_hidden"},
      {"op": "walk", "operands": [2, 3], "results": [4]},
      {"op": "leaf", "operands": [10, 4], "results": [11]},
      {"op": "commit", "operands": [1, 4], "results": [5]},
      {"op": "stop", "operands": [5], "results": [6]},
      {"op": "recur", "operands": [11, 4, 5], "results": [12, 13], "step": "recur_mtp", "count": 1},
      {"op": "recur", "operands": [13, 12, 5], "results": [14, 15], "step": "recur_mtp", "count": 1}],
      "yield": [5, 12, 14], "stop": 6}})");
  EXPECT_EQ(parsed->steps, (std::vector<std::string>{"ar_hidden", "recur_mtp"}));
  EXPECT_EQ(parsed->recurs, (std::vector<bool>{false, true}));
  Course course(parsed, {1, 2, 3}, 4, {4096}, kVocabulary);
  std::vector<int64_t> asked; // of what recurs: its hidden state, token and position
  std::vector<int32_t> sizes;
  int32_t chosen = 10;
  while (const Course::Forward *forward = course.advance()) {
    NodeChoices choices;
    if (forward->instruction->recurs) {
      asked.insert(asked.end(), {int64_t(forward->hidden->at(0)), forward->block.tokens.at(0), forward->position});
      LeafResult &leaf = choices.nodes.emplace_back();
      leaf.top = {{forward->block.tokens[0] + 100, 0.f}};
      leaf.hidden = std::make_shared<const std::vector<float>>(1, forward->hidden->at(0) + 1000);
    } else {
      sizes.push_back(forward->block.size());
      for (int32_t node = 0; node < forward->block.size(); ++node) {
        LeafResult &leaf = choices.nodes.emplace_back();
        leaf.token = chosen++;
        leaf.hidden = std::make_shared<const std::vector<float>>(1, float(node));
      }
    }
    course.supply(std::move(choices));
  }
  // No draft is right. Three tokens to come take two drafts, two take one, and the last one none.
  EXPECT_EQ(sizes, (std::vector<int32_t>{1, 3, 2, 1}));
  EXPECT_EQ(asked, (std::vector<int64_t>{0, 10, 2, 1000, 110, 3, 0, 11, 3}));
}

/// Prompts ask for what comes after the next token; no path goes through them.
TEST(Course, PromptsOfTheAcceptedNodeGiveCandidates) {
  auto parsed = parse(R"({"name": "ppd", "exact": "identical", "models": ["main"], "values": 11,
    "begin": [{"op": "new_candidates", "operands": [], "results": [7]}], "inits": [0, 7], "arguments": [1, 8],
    "round": {"ops": [
      {"op": "expand_prompts", "operands": [1, 8], "results": [2], "trees": [[-1], [-1, 0, 0]], "prompts": [[1], [0, 1, 1]],
       "mask": 5},
      {"op": "forward", "operands": [1, 2], "results": [3], "step": "ar", "top": 2},
      {"op": "walk", "operands": [2, 3], "results": [4]},
      {"op": "prompted", "operands": [2, 3, 4], "results": [9], "counts": [2]},
      {"op": "commit", "operands": [1, 4], "results": [5]},
      {"op": "stop", "operands": [5], "results": [6]}], "yield": [5, 9], "stop": 6}})");
  EXPECT_EQ(parsed->mostNodes, 5);
  EXPECT_TRUE(parsed->hasTrees);
  Course course(parsed, {1, 2, 3}, 60, {4096}, kVocabulary);
  auto step = [&](const std::vector<int32_t> &tokens, const std::vector<int32_t> &parents, int32_t prompts,
                  const std::vector<int32_t> &chosen) {
    const Course::Forward *forward = course.advance();
    ASSERT_TRUE(forward);
    EXPECT_EQ(forward->block.tokens, tokens);
    EXPECT_EQ(forward->block.parents, parents);
    EXPECT_EQ(forward->block.prompts, prompts);
    NodeChoices choices;
    for (int32_t token : chosen) {
      LeafResult &leaf = choices.nodes.emplace_back();
      leaf.token = token;
      leaf.top = {{token + 10, 0.f}, {token + 11, 0.f}};
    }
    course.supply(std::move(choices));
  };
  step({3, 5}, {-1, 0}, 1, {5, 1});                               // chooses the prompt's id, which is no draft
  step({5, 11, 12, 5, 5}, {-1, 0, 0, 1, 2}, 2, {12, 0, 2, 3, 4}); // the second one is right
  step({2, 14, 15, 5, 5}, {-1, 0, 0, 1, 2}, 2, {7, 0, 0, 0, 0});  // none is: the root has no prompt
  step({7, 5}, {-1, 0}, 1, {8, 1});
  EXPECT_EQ(course.text().tokens, (std::vector<int32_t>{1, 2, 3, 5, 12, 2, 7}));
}

/// A head waits for the hidden state of the last accepted node, and not after the text's end.
TEST(Course, HeadsBeginWithTheAcceptedLeaf) {
  std::string program = R"({"name": "medusa", "exact": "identical", "models": ["main"], "values": 12,
    "begin": [{"op": "new_candidates", "operands": [], "results": [7]}], "inits": [0, 7], "arguments": [1, 8],
    "round": {"ops": [
      {"op": "expand", "operands": [1, 8], "results": [2], "parents": [-1, 0]},
      {"op": "forward", "operands": [1, 2], "results": [3, 9], "step": "ar_hidden"},
      {"op": "walk", "operands": [2, 3], "results": [4]},
      {"op": "leaf", "operands": [9, 4], "results": [10]},
      {"op": "commit", "operands": [1, 4], "results": [5]},
      {"op": "stop", "operands": [5], "results": [6]},
      {"op": "head", "operands": [10], "results": [11], "step": "head_medusa_0", "count": 1}],
      "yield": [5, 11], "stop": 6}})";
  auto parsed = parse(program);
  EXPECT_EQ(parsed->steps, (std::vector<std::string>{"ar_hidden", "head_medusa_0"}));
  EXPECT_EQ(parsed->isHead, (std::vector<bool>{false, true}));
  EXPECT_FALSE(parsed->hasTrees);
  for (bool isRight : {true, false}) {
    Course course(parsed, {1, 2, 3}, 12, {4096}, kVocabulary);
    Model model;
    int64_t heads = 0;
    while (const Course::Forward *forward = course.advance()) {
      if (forward->hidden) {
        ++heads;
        // What the model would choose after the pending token, which the state does not know.
        std::vector<int32_t> text = course.text().tokens;
        EXPECT_EQ((*forward->hidden)[0], float(text[text.size() - 2]));
        int32_t guess = (chooseAfter(text) + !isRight) % kVocabulary;
        course.supply({{{.token = guess, .top = {{guess, 0}}}}});
        continue;
      }
      NodeChoices choices = model.run(course, *forward);
      for (size_t node = 0; node < choices.nodes.size(); ++node)
        choices.nodes[node].hidden = std::make_shared<const std::vector<float>>(1, float(forward->block.tokens[node]));
      course.supply(std::move(choices));
    }
    std::vector<int32_t> chosen;
    for (const LeafResult &leaf : course.text().chosen)
      chosen.push_back(leaf.token);
    EXPECT_EQ(chosen, autoregressive({1, 2, 3}, 12, false));
    // The first round has no guess, the last one needs none.
    EXPECT_EQ(course.rounds(), isRight ? 7 : 12);
    EXPECT_EQ(heads, course.rounds() - 1);
  }
  // A step without hidden states: no guesses, and the text is the same.
  Course course(parsed, {1, 2, 3}, 12, {4096}, kVocabulary);
  Model model;
  while (const Course::Forward *forward = course.advance()) {
    EXPECT_FALSE(forward->hidden);
    course.supply(model.run(course, *forward));
  }
  EXPECT_EQ(course.rounds(), 12);

  auto change = [&](std::string from, std::string to) {
    std::string text = program;
    return refusal(text.replace(text.find(from), from.size(), to));
  };
  EXPECT_NE(
      change(R"("step": "head_medusa_0")", R"("step": "ar_hidden")").find("a step that is a head, or one that is not"),
      std::string::npos);
  EXPECT_NE(change(R"("head", "operands": [10])", R"("head", "operands": [3])").find("operands of the kinds"),
            std::string::npos);
  EXPECT_NE(change(R"("count": 1)", R"("count": 0)").find("count"), std::string::npos);
}

// A tree may have a token at several nodes: what was seen last is remembered, in the order of the nodes.
TEST(Course, OfEqualTokensTheLastOneIsLearnt) {
  auto json = parseJson(R"({"count": 2})", "op");
  auto learn = findRoundOp("learn")->read(JsonView(*json, "op"));
  ASSERT_TRUE(bool(learn)) << learn.status().message();
  NodeChoices choices;
  for (int32_t node = 0; node < 4; ++node)
    choices.nodes.push_back({.token = node, .top = {{10 + node, 0}, {20 + node, -1}, {30 + node, -2}}});
  auto known = std::make_shared<SuccessorTable>();
  known->entries = {{5, {1, 2}}, {8, {3, 4}}};
  RoundValue table = known, block = DraftBlock{{5, 7, 5, 9}, {-1, 0, 0, 1}}, seen = choices;
  const RoundValue *operands[] = {&table, &block, &seen};
  RoundValue results[1];
  RoundContext context;
  (*learn)->run(context, operands, results);
  EXPECT_EQ(std::get<std::shared_ptr<SuccessorTable>>(results[0])->entries,
            (std::map<int32_t, std::vector<int32_t>>{{5, {12, 22}}, {7, {11, 21}}, {8, {3, 4}}, {9, {13, 23}}}));
}

TEST(Course, ShortensTreesToADepth) {
  // Nodes 1 and 3 are of depth 1, 2 and 4 of depth 2, 5 of depth 3.
  std::string program = R"({"name": "tree", "exact": "identical", "models": ["main"], "values": 14,
    "begin": [{"op": "new_successors", "operands": [], "results": [1]},
              {"op": "new_acceptance", "operands": [], "results": [2]}],
    "inits": [0, 1], "arguments": [3, 4], "round": {"ops": [
      {"op": "choose_length", "operands": [2], "results": [5], "lengths": [DEPTH]},
      {"op": "recall", "operands": [3, 4], "results": [6], "parents": [-1, 0, 1, 0, 3, 4]},
      {"op": "shorten", "operands": [6, 5], "results": [7], "parents": [-1, 0, 1, 0, 3, 4]},
      {"op": "forward", "operands": [3, 7], "results": [8], "step": "ar", "top": 2},
      {"op": "walk", "operands": [7, 8], "results": [9]},
      {"op": "learn", "operands": [4, 7, 8], "results": [10], "count": 2},
      {"op": "commit", "operands": [3, 9], "results": [11]},
      {"op": "stop", "operands": [11], "results": [12]}], "yield": [11, 10], "stop": 12}})";
  const std::vector<std::vector<int32_t>> expected = {{-1}, {-1, 0, 0}, {-1, 0, 1, 0, 3}, {-1, 0, 1, 0, 3, 4}};
  for (size_t depth = 0; depth < expected.size(); ++depth) {
    Course course(parse(programs::replaced(program, "DEPTH", std::to_string(depth))), {1, 2, 3}, 200, {4096},
                  kVocabulary);
    Model model;
    std::vector<int32_t> largest;
    while (const Course::Forward *forward = course.advance()) {
      model.settle(course);
      if (forward->block.parents.size() > largest.size())
        largest = forward->block.parents;
      course.supply(model.run(course, *forward));
    }
    EXPECT_EQ(largest, expected[depth]);
    std::vector<int32_t> chosen;
    for (const LeafResult &leaf : course.text().chosen)
      chosen.push_back(leaf.token);
    EXPECT_EQ(chosen, autoregressive({1, 2, 3}, 200, false));
  }
}

// Hidden states of several layers stand side by side in what a step returns of a node; where it returns none
// there is nothing for a head.
TEST(Course, TakesHiddenStatesApart) {
  auto program = parse(R"({"name": "taps", "exact": "identical", "models": ["main"], "values": 14,
    "begin": [], "inits": [0], "arguments": [1], "round": {"ops": [
      {"op": "lookup", "operands": [1], "results": [2], "size": 3, "longest": 1, "shortest": 1},
      {"op": "forward", "operands": [1, 2], "results": [3, 4, 5, 6], "step": "ar_tap_0_2_hidden"},
      {"op": "walk", "operands": [2, 3], "results": [7]},
      {"op": "leaf", "operands": [5, 7], "results": [8]},
      {"op": "leaf", "operands": [6, 7], "results": [9]},
      {"op": "commit", "operands": [1, 7], "results": [10]},
      {"op": "head", "operands": [8], "results": [11], "step": "head_own", "count": 1},
      {"op": "head", "operands": [9], "results": [12], "step": "head_exit", "count": 1},
      {"op": "stop", "operands": [10], "results": [13]}],
     "yield": [10], "stop": 13}})");
  Course course(program, {1, 2, 1}, 60, {4096}, kVocabulary);
  for (bool returnsHidden : {true, false}) {
    const Course::Forward *forward = course.advance();
    ASSERT_TRUE(forward);
    NodeChoices choices;
    for (int32_t node = 0; node < forward->block.size(); ++node) {
      // The first draft is right, and so its row is the leaf's.
      LeafResult leaf;
      leaf.token = node == 0 && forward->block.size() > 1 ? forward->block.tokens[1] : 9;
      leaf.status = PLAIT_LEAF_OK;
      float first = float(10 * node);
      if (returnsHidden)
        leaf.hidden = std::make_shared<const std::vector<float>>(
            std::vector<float>{first, first + 1, first + 2, first + 3, first + 4, first + 5});
      choices.nodes.push_back(std::move(leaf));
    }
    course.supply(std::move(choices));
    if (!returnsHidden)
      break;
    for (std::vector<float> expected : {std::vector<float>{12, 13}, {14, 15}}) {
      const Course::Forward *head = course.advance();
      ASSERT_TRUE(head && head->instruction->isHead);
      EXPECT_EQ(*head->hidden, expected);
      course.supply({});
    }
  }
  const Course::Forward *next = course.advance(); // no head has anything to begin with
  ASSERT_TRUE(next);
  EXPECT_FALSE(next->instruction->isHead);
}

TEST(Course, RefusesProgramsThatCouldGoWrong) {
  auto change = [](std::string from, std::string to) {
    std::string text = kLookup;
    size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos);
    return refusal(text.replace(at, from.size(), to));
  };
  EXPECT_NE(change(R"("op": "lookup")", R"("op": "guess")").find("expected an op of this version"), std::string::npos);
  EXPECT_NE(change(R"("walk", "operands": [2, 3])", R"("walk", "operands": [3, 2])").find("operands of the kinds"),
            std::string::npos);
  EXPECT_NE(change(R"("walk", "operands": [2, 3])", R"("walk", "operands": [2, 6])").find("is known there"),
            std::string::npos);
  EXPECT_NE(change(R"("results": [4])", R"("results": [3])").find("not known yet"), std::string::npos);
  EXPECT_NE(change(R"("results": [4])", R"("results": [])").find("1 results"), std::string::npos);
  EXPECT_NE(change(R"("stop": 6)", R"("stop": 5)").find("a condition"), std::string::npos);
  EXPECT_NE(change(R"("yield": [5])", R"("yield": [4])").find("values to yield"), std::string::npos);
  EXPECT_NE(change(R"("shortest": 1)", R"("shortest": 4)").find("expected"), std::string::npos);
  EXPECT_NE(change(R"("begin": [])", R"("begin": [{"op": "pending", "operands": [0], "results": [6]},
    {"op": "forward", "operands": [0, 6], "results": [5], "step": "ar"}])")
                .find("neither forwards nor loops"),
            std::string::npos);
  // What a loop defines is not known after it.
  std::string loop = draftProgram(false), used = R"("walk", "operands": [14, 16])";
  loop.replace(loop.find(used), used.size(), R"("walk", "operands": [13, 16])");
  EXPECT_NE(refusal(loop).find("is known there"), std::string::npos);
}

} // namespace
