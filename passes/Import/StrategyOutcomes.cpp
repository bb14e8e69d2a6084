//===- StrategyOutcomes.cpp - All texts that a strategy may give ----------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Import/StrategyOutcomes.h"

#include <numeric>

using namespace plait;

/// The next option that may happen, from `option` on.
static size_t possible(const std::vector<double> &probabilities, size_t option) {
  while (option < probabilities.size() && !(probabilities[option] > 0))
    ++option;
  return option;
}

size_t AllOutcomes::decide(std::vector<double> probabilities) {
  if (taken == decisions.size()) {
    size_t first = possible(probabilities, 0);
    decisions.push_back({first, std::move(probabilities)});
  }
  return decisions[taken++].option;
}

int64_t AllOutcomes::pick(llvm::ArrayRef<double> weights, const Key &) {
  double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  std::vector<double> probabilities;
  for (double weight : weights)
    probabilities.push_back(weight / sum);
  return int64_t(decide(std::move(probabilities)));
}

bool AllOutcomes::flip(double probability, const Key &) { return decide({probability, 1 - probability}) == 0; }

double AllOutcomes::probability() const {
  double product = 1;
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
