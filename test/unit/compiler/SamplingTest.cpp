//===- SamplingTest.cpp - Random numbers and the reference sampler --------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SamplingFixture.h"

#include "dialects/Decode/Draws.h"
#include "runtime/base/Philox.h"

#include <gtest/gtest.h>

using namespace plait;
using namespace plait::decode;

//===----------------------------------------------------------------------===//
// Philox
//===----------------------------------------------------------------------===//

using Words = std::array<uint32_t, 4>;

// The known answers of Random123 for philox4x32-10.
TEST(PhiloxTest, KnownAnswers) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  uint32_t ones = 0xffffffff;
  EXPECT_EQ(philox4x32({ones, ones, ones, ones}, {ones, ones}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(PhiloxTest, DrawIsTopBitsOfFirstWord) {
  EXPECT_EQ(uniformDraw(0, 0, 0, RandomPurpose::sample), float(0x6627e8) * 0x1p-24f);
  // The counter is (position, purpose, sequence low, sequence high).
  float u = uniformDraw(0x299f31d0a4093822, 0x0370734413198a2e, 0x243f6a88, RandomPurpose(0x85a308d3));
  EXPECT_EQ(u, float(0xd16cfe) * 0x1p-24f);
  EXPECT_LT(float(0xffffff) * 0x1p-24f, 1.0f);
}

TEST(PhiloxTest, FourTokensShareABlock) {
  Words words = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}, next = philox4x32({0, 1 << 8, 0, 0}, {0, 0});
  for (uint32_t token = 0; token < 8; ++token)
    EXPECT_EQ(raceNumber(0, 0, 0, RandomPurpose::sample, token), (token < 4 ? words : next)[token % 4] >> 1);
  // The counter is (position, purpose and block, sequence low, sequence high).
  EXPECT_EQ(raceNumber(0x299f31d0a4093822, 0x0370734413198a2e, 0x243f6a88, RandomPurpose(0xd3), 4 * 0x85a308 + 2),
            0x5001e420u >> 1);
}

TEST(PhiloxTest, ExponentialsArePositiveAndFinite) {
  EXPECT_NEAR(exponentialOf(0) / 0x1p-32, 1, 1e-9);
  EXPECT_NEAR(exponentialOf(1) / (3 * 0x1p-32), 1, 1e-9);
  EXPECT_NEAR(exponentialOf(0x3fffffff), std::log(2), 1e-9);
  EXPECT_NEAR(exponentialOf(0x7fffffff), 32 * std::log(2), 1e-9);
}

TEST(PhiloxTest, EveryArgumentMatters) {
  float u = uniformDraw(1, 2, 3, RandomPurpose::sample);
  EXPECT_NE(u, uniformDraw(2, 2, 3, RandomPurpose::sample));
  EXPECT_NE(u, uniformDraw(1 + (1ull << 32), 2, 3, RandomPurpose::sample));
  EXPECT_NE(u, uniformDraw(1, 3, 3, RandomPurpose::sample));
  EXPECT_NE(u, uniformDraw(1, 2 + (1ull << 32), 3, RandomPurpose::sample));
  EXPECT_NE(u, uniformDraw(1, 2, 4, RandomPurpose::sample));
  EXPECT_NE(u, uniformDraw(1, 2, 3, RandomPurpose::accept));
}

//===----------------------------------------------------------------------===//
// Greedy choice
//===----------------------------------------------------------------------===//

TEST(SamplingTest, GreedyTakesLowestOfEqual) {
  Choice choice = chooseGreedily({1, 3, 2, 3, 3});
  EXPECT_EQ(choice.token, 1);
  EXPECT_FALSE(choice.nonfinite);
  EXPECT_NEAR(choice.logprob, -std::log(3 + std::exp(-1.0) + std::exp(-2.0)), 1e-12);
  EXPECT_EQ(chooseGreedily({-0.0, 0.0}).token, 0);
  EXPECT_EQ(chooseGreedily({-7}).logprob, 0);
}

TEST(SamplingTest, TemperatureZeroIsGreedy) {
  for (uint64_t seed = 0; seed < 9; ++seed)
    EXPECT_EQ(chooseSample({1, 3, 2}, {0, 0, 0.1, 0}, {seed, 0, 1, RandomPurpose::sample}).token, 1);
}

TEST(SamplingTest, NonfiniteLogitsChooseNothing) {
  for (double bad : {double(NAN), double(INFINITY), -double(INFINITY)})
    for (double temperature : {0.0, 1.0}) {
      Choice choice = chooseSample({1, bad, 2}, {temperature, 0, 1, 0}, {5, 0, 1, RandomPurpose::sample});
      EXPECT_EQ(choice.token, -1);
      EXPECT_TRUE(choice.nonfinite);
      EXPECT_EQ(choice.logprob, 0);
    }
}

//===----------------------------------------------------------------------===//
// Warps
//===----------------------------------------------------------------------===//

/// The tokens that can be drawn.
static std::vector<int64_t> support(const Scores &logits, const WarpValues &warps) {
  std::vector<int64_t> tokens;
  for (uint64_t i = 0; i < 4096; ++i)
    tokens.push_back(chooseSample(logits, warps, {9, i, 1, RandomPurpose::sample}).token);
  std::sort(tokens.begin(), tokens.end());
  tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
  return tokens;
}

using Tokens = std::vector<int64_t>;

TEST(SamplingTest, EqualValuesGoTogether) {
  Scores logits = {1, 2, 0, 2, 1, 2};
  EXPECT_EQ(support(logits, {1, 1, 1, 0}), (Tokens{1, 3, 5}));
  EXPECT_EQ(support(logits, {1, 4, 1, 0}), (Tokens{0, 1, 3, 4, 5}));
  EXPECT_EQ(support(logits, {1, 0, 0.01, 0}), (Tokens{1, 3, 5}));
  EXPECT_EQ(support(logits, {1, 0, 1, 1}), (Tokens{1, 3, 5}));
}

TEST(SamplingTest, WarpsAreOffAtTheirDefaults) {
  Scores logits = {1, 2, 0};
  EXPECT_EQ(support(logits, {1, 0, 1, 0}), (Tokens{0, 1, 2}));
  EXPECT_EQ(support(logits, {1, 3, 1, 0}), (Tokens{0, 1, 2}));
  EXPECT_EQ(support(logits, {1, 1 << 30, 1, 0}), (Tokens{0, 1, 2}));
}

TEST(SamplingTest, TopPIsOfTheMassAfterTopK) {
  // Weights 8, 4, 2, 1. Of all, 0.8 needs 8 and 4 (12/15); of the first three,
  // 0.9 needs all of them (12/14 is too little), of all four it would not.
  Scores logits = {std::log(8), std::log(4), std::log(2), std::log(1)};
  EXPECT_EQ(support(logits, {1, 0, 0.79, 0}), (Tokens{0, 1}));
  EXPECT_EQ(support(logits, {1, 0, 0.81, 0}), (Tokens{0, 1, 2}));
  EXPECT_EQ(support(logits, {1, 3, 0.85, 0}), (Tokens{0, 1}));
  EXPECT_EQ(support(logits, {1, 3, 0.87, 0}), (Tokens{0, 1, 2}));
  // The temperature comes first: weights 64, 16, 4, 1.
  EXPECT_EQ(support(logits, {0.5, 0, 0.79, 0}), (Tokens{0, 1}));
  EXPECT_EQ(support(logits, {0.5, 0, 0.75, 0}), (Tokens{0}));
  EXPECT_EQ(support(logits, {1, 0, 1, 0.24}), (Tokens{0, 1, 2}));
  EXPECT_EQ(support(logits, {1, 0, 1, 0.26}), (Tokens{0, 1}));
  EXPECT_EQ(support(logits, {0.5, 0, 1, 0.24}), (Tokens{0, 1}));
}

TEST(SamplingTest, FirstToArriveWins) {
  RandomKey key{1, 2, 3, RandomPurpose::sample};
  EXPECT_EQ(chooseSample({5}, {1, 1, 0.5, 0.5}, key).token, 0);
  // A weight that makes up for the numbers, and one that does not quite.
  double ratio = key.exponential(1) / key.exponential(0);
  EXPECT_EQ(decode::winnerOf({1, ratio * (1 + 1e-12)}, key), 1);
  EXPECT_EQ(decode::winnerOf({1, ratio * (1 - 1e-12)}, key), 0);
  EXPECT_EQ(decode::winnerOf({0, 0, 1e-300}, key), 2);
}

TEST(SamplingTest, MatchesLogitsWarpers) {
  SamplingCases cases(1);
  int64_t near = 0, total = 0;
  for (int64_t vocabulary : {1, 2, 7, 311, 2048}) {
    for (int i = 0; i < 400; ++i, ++total) {
      Scores logits = cases.logits(vocabulary);
      WarpValues warps = cases.warps(vocabulary);
      RandomKey key{cases.random(), cases.random(), cases.pick(1 << 20), RandomPurpose::sample};
      Choice choice = chooseSample(logits, warps, key);
      Scores keys = raceKeys(warpedDistribution(logits, warps), key);
      int64_t token = plait::winnerOf(keys);
      ASSERT_NEAR(choice.logprob, std::log(softmax(logits)[size_t(choice.token)]), 1e-9);
      if (choice.token == token)
        continue;
      ++near;
      EXPECT_TRUE(isNearTie(keys, choice.token, token, 1e-9))
          << "vocabulary " << vocabulary << ", case " << i << ": " << choice.token << " instead of " << token;
    }
  }
  EXPECT_LE(near, total / 500);
}

//===----------------------------------------------------------------------===//
// Distribution
//===----------------------------------------------------------------------===//

TEST(SamplingTest, DrawsFollowTheDistribution) {
  Scores logits = {0.3, -1, 1.2, 0, 2, -0.5, 0.9, 1};
  WarpValues warps = {1.3, 7, 0.95, 0.05};
  Scores expected = warpedDistribution(logits, warps);
  constexpr int64_t draws = 40000;
  // As independent in the number of the sequence as in the position.
  for (bool bySequence : {false, true}) {
    std::vector<int64_t> counts(logits.size(), 0);
    for (int64_t i = 0; i < draws; ++i) {
      RandomKey key{42, bySequence ? uint64_t(i) : 0, bySequence ? 5 : i, RandomPurpose::sample};
      ++counts[size_t(chooseSample(logits, warps, key).token)];
    }
    double chiSquare = 0;
    int kept = 0;
    for (size_t id = 0; id < counts.size(); ++id) {
      if (expected[id] == 0) {
        EXPECT_EQ(counts[id], 0) << "token " << id << " is not among the kept ones";
        continue;
      }
      ++kept;
      double mean = expected[id] * double(draws);
      chiSquare += (double(counts[id]) - mean) * (double(counts[id]) - mean) / mean;
    }
    // top_k drops token 1, top_p token 5. With 5 degrees of freedom 25.7 is
    // exceeded once in ten thousand.
    EXPECT_EQ(kept, 6);
    EXPECT_LT(chiSquare, 25.7);
  }
}

/// How often races of two distributions by the same numbers have the same winner.
static double agreement(const Scores &p, const Scores &q, uint64_t seed, int64_t races) {
  int64_t same = 0;
  for (int64_t i = 0; i < races; ++i) {
    RandomKey key{seed, 0, i, RandomPurpose::sample};
    same += decode::winnerOf(p, key) == decode::winnerOf(q, key);
  }
  return double(same) / double(races);
}

// Daliri, Musco, Suresh: at least (1 - TV) / (1 + TV), and no coupling has more than 1 - TV.
TEST(SamplingTest, RacesByTheSameNumbersAgree) {
  SamplingCases cases(21);
  constexpr int64_t races = 4000;
  for (uint64_t i = 0; i < 20; ++i) {
    Scores p = softmax(cases.logits(12)), q = softmax(cases.logits(12));
    for (size_t id = 0; id < p.size(); ++id)
      q[id] = i % 2 ? q[id] : 0.8 * p[id] + 0.2 * q[id];
    double distance = 0;
    for (size_t id = 0; id < p.size(); ++id)
      distance += std::max(0.0, p[id] - q[id]);
    // Four standard deviations.
    double found = agreement(p, q, i, races), margin = 4 * std::sqrt(0.25 / races);
    EXPECT_GE(found, (1 - distance) / (1 + distance) - margin) << "case " << i;
    EXPECT_LE(found, 1 - distance + margin) << "case " << i;
  }
  // Where one is the other on fewer tokens, as often as any coupling.
  EXPECT_NEAR(agreement({1, 1, 0, 0}, {1, 1, 1, 1}, 7, races), 0.5, 4 * std::sqrt(0.25 / races));
}

//===----------------------------------------------------------------------===//
// Fractions
//===----------------------------------------------------------------------===//

TEST(SamplingTest, FractionsHaveTheValuesOfDoubles) {
  EXPECT_EQ(fractionOf(0), Fraction(0));
  EXPECT_EQ(fractionOf(0.75), Fraction(3, 4));
  EXPECT_EQ(fractionOf(-6), Fraction(-6));
  EXPECT_EQ(fractionOf(0.1), Fraction(3602879701896397, 36028797018963968)); // not a tenth
  // The largest, the smallest and one beyond 64 bits, by doubling and halving.
  auto powerOfTwo = [](int exponent) {
    Fraction value(1);
    for (int i = 0; i < std::abs(exponent); ++i)
      value = exponent > 0 ? value * Fraction(2) : value / Fraction(2);
    return value;
  };
  EXPECT_EQ(fractionOf(0x1p100), powerOfTwo(100));
  EXPECT_EQ(fractionOf(0x1p-1074), powerOfTwo(-1074));
  EXPECT_EQ(fractionOf(std::numeric_limits<double>::max()), powerOfTwo(1024) - powerOfTwo(971));
}

TEST(SamplingTest, SharesOfWeightsSumUpToOne) {
  std::vector<Fraction> shares = distributionOf<Fraction>({0.1, 0.7, 1, 0});
  EXPECT_EQ(shares[0] + shares[1] + shares[2] + shares[3], Fraction(1));
  EXPECT_EQ(shares[3], Fraction(0));
  EXPECT_TRUE(distributionOf<double>({}).empty());
  // A token that is accepted or, where it is not, drawn from what is left, has the share that it had.
  std::vector<Fraction> drafted = distributionOf<Fraction>({1, 0.3, 0.3, 0.1}), rest = residualOf(shares, drafted);
  Fraction rejected(0);
  for (size_t i = 0; i < 4; ++i)
    rejected += drafted[i] * (Fraction(1) - acceptanceOf(shares[i], drafted[i]));
  for (size_t i = 0; i < 4; ++i)
    EXPECT_EQ(drafted[i] * acceptanceOf(shares[i], drafted[i]) + rejected * rest[i], shares[i]);
}
