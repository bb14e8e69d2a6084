//===- StrategyOutcomes.cpp - All texts that a strategy may give ----------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Import/StrategyOutcomes.h"

using namespace plait;
using decode::Fraction;

/// The next option that may happen, from `option` on.
static size_t possible(const std::vector<Fraction> &probabilities, size_t option) {
  while (option < probabilities.size() && probabilities[option] == 0)
    ++option;
  return option;
}

size_t AllOutcomes::decide(std::vector<Fraction> probabilities) {
  if (taken == decisions.size()) {
    size_t first = possible(probabilities, 0);
    decisions.push_back({first, std::move(probabilities)});
  }
  return decisions[taken++].option;
}

int64_t AllOutcomes::pick(llvm::ArrayRef<Fraction> weights, const Key &) {
  Fraction sum;
  for (const Fraction &weight : weights)
    sum += weight;
  std::vector<Fraction> probabilities;
  for (const Fraction &weight : weights)
    probabilities.push_back(weight / sum);
  return int64_t(decide(std::move(probabilities)));
}

bool AllOutcomes::flip(const Fraction &probability, const Key &) {
  return decide({probability, Fraction(1) - probability}) == 0;
}

Fraction AllOutcomes::probability() const {
  Fraction product(1);
  for (const Decision &decision : decisions)
    product *= decision.probabilities[decision.option];
  return product;
}

bool AllOutcomes::next() {
  taken = 0;
  for (; !decisions.empty(); decisions.pop_back()) {
    Decision &last = decisions.back();
    last.option = possible(last.probabilities, last.option + 1);
    if (last.option < last.probabilities.size())
      return true;
  }
  return false;
}
