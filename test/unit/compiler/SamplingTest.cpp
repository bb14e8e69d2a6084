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
  for (double u : {0.0, 0.5, 0.999})
    EXPECT_EQ(chooseSample({1, 3, 2}, {0, 0, 0.1, 0}, u).token, 1);
}

TEST(SamplingTest, NonfiniteLogitsChooseNothing) {
  for (double bad : {double(NAN), double(INFINITY), -double(INFINITY)})
    for (double temperature : {0.0, 1.0}) {
      Choice choice = chooseSample({1, bad, 2}, {temperature, 0, 1, 0}, 0.5);
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
  for (int i = 0; i < 4096; ++i)
    tokens.push_back(chooseSample(logits, warps, i / 4096.0).token);
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

TEST(SamplingTest, EndsOfTheQuantile) {
  Scores logits = {0, 1, 2, 3};
  EXPECT_EQ(chooseSample(logits, {1, 2, 1, 0}, 0).token, 2);
  EXPECT_EQ(chooseSample(logits, {1, 0, 1, 0}, 0).token, 0);
  EXPECT_EQ(chooseSample(logits, {1, 0, 1, 0}, 0xffffff * 0x1p-24).token, 3);
  EXPECT_EQ(chooseSample({5}, {1, 1, 0.5, 0.5}, 0xffffff * 0x1p-24).token, 0);
}

TEST(SamplingTest, MatchesLogitsWarpers) {
  SamplingCases cases(1);
  int64_t near = 0, total = 0;
  for (int64_t vocabulary : {1, 2, 7, 311, 2048}) {
    for (int i = 0; i < 400; ++i, ++total) {
      Scores logits = cases.logits(vocabulary);
      WarpValues warps = cases.warps(vocabulary);
      double u = float(cases.uniform(0, 1)) * 0.9999999;
      Choice choice = chooseSample(logits, warps, u);
      Scores expected = warpedDistribution(logits, warps);
      int64_t token = tokenAt(expected, u);
      ASSERT_NEAR(choice.logprob, std::log(softmax(logits)[size_t(choice.token)]), 1e-9);
      if (choice.token == token)
        continue;
      ++near;
      EXPECT_TRUE(isNearBoundary(expected, u, choice.token, token, 1e-12))
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
      float u = bySequence ? uniformDraw(42, uint64_t(i), 5, RandomPurpose::sample)
                           : uniformDraw(42, 0, uint32_t(i), RandomPurpose::sample);
      ++counts[size_t(chooseSample(logits, warps, u).token)];
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
