//===- Sampling.cpp - How a token follows from logits ---------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Decode/Sampling.h"

#include "llvm/ADT/STLExtras.h"

#include <cmath>
#include <functional>
#include <numeric>
#include <vector>

using namespace plait;
using namespace plait::decode;
using llvm::ArrayRef;

/// The outcome for `token`, whose probability the unwarped logits give.
static Choice choose(ArrayRef<double> logits, int64_t token) {
  double top = *llvm::max_element(logits), sum = 0;
  for (double logit : logits)
    sum += std::exp(logit - top);
  return {token, false, logits[size_t(token)] - top - std::log(sum)};
}

static bool hasNonfinite(ArrayRef<double> logits) {
  return llvm::any_of(logits, [](double logit) { return !std::isfinite(logit); });
}

Choice decode::chooseGreedily(ArrayRef<double> logits) {
  if (hasNonfinite(logits))
    return {-1, true, 0};
  return choose(logits, llvm::max_element(logits) - logits.begin());
}

/// Sets the weights below `threshold` to zero.
static void dropBelow(std::vector<double> &weights, double threshold) {
  for (double &weight : weights)
    if (weight < threshold)
      weight = 0;
}

/// The k-th largest weight.
static double topKThreshold(std::vector<double> weights, int64_t k) {
  std::nth_element(weights.begin(), weights.begin() + (k - 1), weights.end(), std::greater<>());
  return weights[size_t(k - 1)];
}

/// The largest weight such that those not below it have the mass `goal`.
static double topPThreshold(std::vector<double> weights, double goal) {
  llvm::sort(weights, std::greater<>());
  double mass = 0;
  for (double weight : weights)
    if ((mass += weight) >= goal)
      return weight;
  return weights.back(); // the sum in another order fell short of the goal by a rounding
}

Choice decode::chooseSample(ArrayRef<double> logits, const WarpValues &warps, double u) {
  if (!(warps.temperature > 0))
    return chooseGreedily(logits);
  if (hasNonfinite(logits))
    return {-1, true, 0};
  // Order and ties are those of the logits; division and exp could make more
  // ties, so the k-th largest is sought before.
  double top = *llvm::max_element(logits);
  bool limited = warps.topK > 0 && warps.topK < int64_t(logits.size());
  double least = limited ? topKThreshold(logits.vec(), warps.topK) : -HUGE_VAL;
  std::vector<double> weights;
  for (double logit : logits)
    weights.push_back(logit < least ? 0 : std::exp((logit - top) / warps.temperature));
  if (warps.topP < 1)
    dropBelow(weights, topPThreshold(weights, warps.topP * std::accumulate(weights.begin(), weights.end(), 0.0)));
  if (warps.minP > 0)
    dropBelow(weights, std::min(warps.minP, 1.0));

  double target = u * std::accumulate(weights.begin(), weights.end(), 0.0), sum = 0;
  for (auto [token, weight] : llvm::enumerate(weights))
    if ((sum += weight) > target)
      return choose(logits, int64_t(token));
  llvm_unreachable("u < 1, so the sum of all weights exceeds the target");
}
