//===- MomentumTest.cpp - Tests of momentum decoding in rounds ------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// decode.verify_momentum, written down a second time over texts as strings, against the op of
// round programs: alone, and with drafts, which change nothing.
//
//===----------------------------------------------------------------------===//

#include "runtime/decode/rounds/Course.h"

#include "test/unit/runtime/StrategyPrograms.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace plait;

namespace {

constexpr int32_t kVocabulary = 9, kTop = 4;
constexpr double kAlpha = 0.2, kResistance[] = {1, 3, 4, 5};

/// The most probable tokens after `text`: a hash of its last two, of falling probability.
std::vector<TokenLogprob> topAfter(const std::vector<int32_t> &text) {
  uint64_t hash = 1469598103934665603ull;
  for (size_t i = text.size() < 2 ? 0 : text.size() - 2; i < text.size(); ++i)
    hash = (hash ^ uint64_t(text[i] + 1)) * 1099511628211ull;
  std::vector<TokenLogprob> top;
  double left = 0.95;
  for (int32_t i = 0; i < kTop; ++i) {
    double share = left * (0.4 + 0.5 * double((hash >> (8 * i)) % 100) / 100);
    left = std::min(left - share, share);
    top.push_back({int32_t((hash >> 33) + uint64_t(i) * 2) % kVocabulary, float(std::log(share))});
  }
  return top;
}

/// The same by searching for the end of the text in the text.
int32_t expectedAfter(const std::vector<int32_t> &text) {
  std::string sofar(text.begin(), text.end());
  int32_t best = -1;
  double most = -1e9;
  for (auto [token, logprob] : topAfter(text)) {
    std::string whole = sofar + char(token);
    size_t repeated = 0;
    while (repeated < whole.size() - 1 && sofar.find(whole.substr(whole.size() - 1 - repeated)) != std::string::npos)
      ++repeated;
    double score = std::exp(double(logprob)) - (repeated ? kAlpha * kResistance[std::min<size_t>(repeated, 4) - 1] : 0);
    if (score > most)
      best = token, most = score;
  }
  return best;
}

std::string programText(const std::string &source) {
  return programs::replaced(R"({"name": "momentum", "exact": "reference", "models": ["main"], "values": 7,
    "begin": [], "inits": [0], "arguments": [1], "round": {"ops": [
      SOURCE,
      {"op": "forward", "operands": [1, 2], "results": [3], "step": "ar", "top": 4},
      {"op": "walk_momentum", "operands": [2, 3, 1], "results": [4], "alpha": 0.2, "resistance": [1.0, 3.0, 4.0, 5.0]},
      {"op": "commit", "operands": [1, 4], "results": [5]},
      {"op": "stop", "operands": [5], "results": [6]}], "yield": [5], "stop": 6}})",
                            "SOURCE", source);
}

const std::string kPending = R"({"op": "pending", "operands": [1], "results": [2], "size": 1})";
const std::string kLookup =
    R"({"op": "lookup", "operands": [1], "results": [2], "size": 5, "longest": 2, "shortest": 1})";

/// What a program makes of a prompt; `rounds` counts forwards.
RoundText decode(const std::string &source, std::vector<int32_t> prompt, std::vector<int32_t> stops, int64_t &rounds,
                 int64_t nonfiniteFrom = INT64_MAX) {
  auto program = programs::parse(programText(source));
  Course course(program, prompt, 60, {4096}, kVocabulary);
  course.setStops(std::move(stops));
  for (rounds = 0; const Course::Forward *forward = course.advance(); ++rounds) {
    RoundText &text = course.texts()[0];
    text.published = text.root();
    EXPECT_EQ(forward->instruction->top, kTop);
    NodeChoices choices;
    for (int32_t node = 0; node < forward->block.size(); ++node) {
      std::vector<int32_t> seen = text.tokens, path;
      for (int32_t at = node; at > 0; at = forward->block.parents[size_t(at)])
        path.insert(path.begin(), forward->block.tokens[size_t(at)]);
      seen.insert(seen.end(), path.begin(), path.end());
      LeafResult leaf;
      leaf.top = topAfter(seen);
      leaf.token = leaf.top[0].token; // what plain decoding would choose
      leaf.status = PLAIT_LEAF_STOPPED;
      if (int64_t(seen.size()) >= nonfiniteFrom)
        leaf = {.token = -1, .status = PLAIT_LEAF_NONFINITE};
      choices.nodes.push_back(std::move(leaf));
    }
    course.supply(std::move(choices));
  }
  EXPECT_TRUE(course.status()) << course.status().message();
  return course.text();
}

} // namespace

TEST(Momentum, IsThatOfTheDefinition) {
  int64_t differ = 0, saved = 0;
  for (int32_t first = 0; first < kVocabulary; ++first)
    for (int32_t second = 0; second < kVocabulary; ++second) {
      std::vector<int32_t> prompt = {first, second, first, 3}, expected = prompt;
      for (int i = 0; i < 60; ++i) {
        expected.push_back(expectedAfter(expected));
        std::vector<int32_t> before(expected.begin(), expected.end() - 1);
        differ += expected.back() != topAfter(before)[0].token;
      }
      int64_t rounds = 0, drafted = 0;
      RoundText text = decode(kPending, prompt, {}, rounds);
      EXPECT_EQ(text.tokens, expected);
      EXPECT_EQ(rounds, 60);
      // The log probability is that of the token, and not of the most probable one.
      for (size_t i = 0; i < text.chosen.size(); ++i) {
        std::vector<int32_t> before(expected.begin(), expected.begin() + ptrdiff_t(prompt.size() + i));
        auto top = topAfter(before);
        auto own =
            std::find_if(top.begin(), top.end(), [&](auto &entry) { return entry.token == text.chosen[i].token; });
        ASSERT_NE(own, top.end());
        EXPECT_EQ(text.chosen[i].logprob, own->logprob);
      }
      EXPECT_EQ(decode(kLookup, prompt, {}, drafted).tokens, expected);
      saved += rounds - drafted;
    }
  EXPECT_GT(differ, 100);
  EXPECT_GT(saved, 0);
}

TEST(Momentum, Ends) {
  int64_t rounds = 0;
  std::vector<int32_t> prompt = {1, 2, 3}, expected = prompt;
  for (int i = 0; i < 60; ++i)
    expected.push_back(expectedAfter(expected));
  int32_t stop = expected[20];
  auto end = std::find(expected.begin() + 3, expected.end(), stop);
  for (const std::string &source : {kPending, kLookup}) {
    RoundText text = decode(source, prompt, {stop}, rounds);
    EXPECT_EQ(text.chosen.back().status, PLAIT_LEAF_STOPPED);
    EXPECT_EQ(text.chosen.back().token, stop);
    EXPECT_EQ(int64_t(text.chosen.size()), end - expected.begin() - 2);
    text = decode(source, prompt, {}, rounds, 10);
    EXPECT_TRUE(text.nonfinite);
    EXPECT_EQ(text.tokens, (std::vector<int32_t>(expected.begin(), expected.begin() + 10)));
  }
}

TEST(Momentum, ReadsNoOther) {
  auto refusal = [](const std::string &from, const std::string &to) {
    auto json = parseJson(programs::replaced(programText(kPending), from, to), "program");
    auto program = RoundProgram::read(JsonView(*json, "program"));
    return program ? "" : program.status().message();
  };
  EXPECT_EQ(refusal("0.2", "0.2"), "");
  EXPECT_NE(refusal("0.2", "-0.2").find("expected a finite weight that is not negative"), std::string::npos);
  EXPECT_NE(refusal("[1.0, 3.0, 4.0, 5.0]", "[]").find("expected at least one resistance"), std::string::npos);
  EXPECT_NE(refusal("3.0", "-3.0").find("expected a finite resistance that is not negative"), std::string::npos);
  EXPECT_NE(refusal("[2, 3, 1]", "[3, 2, 1]").find("operands"), std::string::npos);
}
