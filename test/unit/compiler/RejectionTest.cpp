//===- RejectionTest.cpp - Faults put into rejection sampling -------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Texts of three tokens from tables of weights, by rounds that draft from one table and test what they
// drafted against another, in all outcomes and as fractions. Their probabilities are those of the
// chain rule, and with a fault in the rule they are not.
//
//===----------------------------------------------------------------------===//

#include "dialects/Decode/Rejection.h"
#include "passes/Import/StrategyOutcomes.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

using namespace plait;
using namespace plait::decode;

namespace {

using Tokens = std::vector<int64_t>;
using Weights = std::vector<double>;
using Distribution = std::vector<Fraction>;
using Texts = std::map<Tokens, Fraction>;

constexpr size_t kTokens = 3, kLength = 3;

/// Weights of the next token after each text; of a draft, and of the model, which never says some of them.
struct Tables {
  std::map<Tokens, Weights> draft, model;

  explicit Tables(unsigned seed) {
    std::mt19937 random(seed);
    // Their sum is 1 and they are doubles, so that what is normalised is as it was.
    const Weights shares[] = {{0.5, 0.25, 0.25}, {0.625, 0.25, 0.125}, {0.125, 0.125, 0.75}, {0.375, 0.5, 0.125}};
    std::vector<Tokens> texts = {{}};
    for (size_t i = 0; i < texts.size(); ++i) {
      draft[texts[i]] = shares[random() % 4];
      Weights &weights = model[texts[i]];
      for (size_t token = 0; token < kTokens; ++token)
        weights.push_back(double(random() % 7));
      weights[random() % kTokens] += 2;
      for (int64_t token = 0; token < int64_t(kTokens) && texts[i].size() < 2 * kLength; ++token) {
        texts.push_back(texts[i]);
        texts.back().push_back(token);
      }
    }
  }
};

/// The chain rule.
Texts jointOf(const std::map<Tokens, Weights> &model) {
  Texts joint = {{{}, Fraction(1)}};
  for (size_t length = 0; length < kLength; ++length) {
    Texts longer;
    for (const auto &[text, probability] : joint) {
      int64_t sum = 0;
      for (double weight : model.at(text))
        sum += int64_t(weight);
      for (size_t token = 0; token < kTokens; ++token)
        if (int64_t weight = int64_t(model.at(text)[token])) {
          Tokens next = text;
          next.push_back(int64_t(token));
          longer[next] = probability * Fraction(weight, sum);
        }
    }
    joint = std::move(longer);
  }
  return joint;
}

/// What a round drafts: two tokens behind each other, or beside each other and then all different.
enum class Drafts { chain, siblings };

template <typename Rule> Texts textsOf(const Tables &tables, Drafts drafts, double scale, const Rule &rule) {
  Texts found;
  AllOutcomes draws;
  const Draws::Key key{};
  auto pick = [&](const Weights &weights) { return static_cast<Draws &>(draws).pick(weights, key); };
  do {
    Tokens text;
    while (text.size() < kLength) {
      std::vector<Weights> weights;
      std::vector<DraftedToken> drafted;
      Tokens context = text;
      for (size_t i = 0; i < 2; ++i) {
        weights.push_back(tables.draft.at(context));
        for (double &weight : weights.back())
          weight *= scale;
        if (drafts == Drafts::siblings)
          for (const DraftedToken &other : drafted)
            weights.back()[size_t(other.token)] = 0;
        drafted.push_back({pick(weights.back()), {}});
        if (drafts == Drafts::chain)
          context.push_back(drafted.back().token);
      }
      for (size_t i = 0; i < 2; ++i)
        drafted[i].drawnFrom = weights[i];
      for (bool more = true; more;) {
        Distribution p = distributionOf<Fraction>(tables.model.at(text));
        size_t count = drafts == Drafts::siblings ? drafted.size() : std::min<size_t>(drafted.size(), 1);
        int64_t accepted = acceptChild(p, llvm::ArrayRef(drafted).take_front(count), rule,
                                       [&](const Fraction &chance, uint32_t) { return draws.flip(chance, key); });
        more = accepted >= 0;
        text.push_back(more ? drafted[size_t(accepted)].token : draws.pick(p, key));
        drafted.erase(drafted.begin(), drafted.begin() + ptrdiff_t(count));
      }
    }
    text.resize(kLength);
    found[text] = found[text] + draws.probability();
  } while (draws.next());
  return found;
}

/// After a rejection the successor is drawn from p as it was.
struct ResidualIsTarget : RejectionRule<Fraction> {
  Distribution residual(const Distribution &p, const Distribution &) const { return p; }
};

/// Tested against the weights that a token was drawn by, not against their shares.
struct DraftIsNotNormalised : RejectionRule<Fraction> {
  Distribution draftOf(const DraftedToken &child, const Distribution &) const {
    Distribution q;
    for (double weight : child.drawnFrom)
      q.push_back(fractionOf(weight));
    return q;
  }
};

class RejectionTest : public testing::TestWithParam<unsigned> {
protected:
  Tables tables{GetParam()};
  Texts expected = jointOf(tables.model);
  template <typename Rule> bool isExact(Drafts drafts, const Rule &rule, double scale = 1) {
    Texts found = textsOf(tables, drafts, scale, rule);
    Fraction sum(0);
    for (const auto &[text, probability] : found)
      sum = sum + probability;
    EXPECT_EQ(sum, Fraction(1));
    return found == expected;
  }
};

TEST_P(RejectionTest, TextsHaveTheProbabilitiesOfTheModel) {
  for (Drafts drafts : {Drafts::chain, Drafts::siblings})
    for (double scale : {1.0, 1.25, 3.0})
      EXPECT_TRUE(isExact(drafts, RejectionRule<Fraction>{}, scale));
}

TEST_P(RejectionTest, ResidualIsTarget) {
  EXPECT_FALSE(isExact(Drafts::chain, ResidualIsTarget{}));
  EXPECT_FALSE(isExact(Drafts::siblings, ResidualIsTarget{}));
}

TEST_P(RejectionTest, DraftIsNotNormalised) {
  // Shares are weights that need it no more; those of a second sibling do, as the first one is none of them.
  EXPECT_TRUE(isExact(Drafts::chain, DraftIsNotNormalised{}));
  EXPECT_FALSE(isExact(Drafts::siblings, DraftIsNotNormalised{}));
  EXPECT_FALSE(isExact(Drafts::chain, DraftIsNotNormalised{}, 1.25));
}

TEST_P(RejectionTest, TestedAgainstTheModelItself) {
  EXPECT_FALSE(isExact(Drafts::chain, RejectionRule<Fraction>{true}));
  EXPECT_FALSE(isExact(Drafts::siblings, RejectionRule<Fraction>{true}));
}

INSTANTIATE_TEST_SUITE_P(Tables, RejectionTest, testing::Range(1u, 5u));

} // namespace
