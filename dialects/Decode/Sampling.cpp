//===- Sampling.cpp - How a token follows from logits ---------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Decode/Sampling.h"

#include "dialects/Decode/Draws.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <numeric>

using namespace plait;
using namespace plait::decode;
using llvm::ArrayRef;

//===----------------------------------------------------------------------===//
// Edits
//===----------------------------------------------------------------------===//

void decode::applyEdit(llvm::MutableArrayRef<double> logits, const Edit &edit) {
  if (edit.token < 0 || edit.token >= int64_t(logits.size()))
    return;
  double &logit = logits[size_t(edit.token)];
  bool masks = edit.bias == -std::numeric_limits<double>::infinity();
  if (logit == kMaskedLogit || (masks && std::isfinite(logit))) {
    logit = kMaskedLogit;
    return;
  }
  logit += edit.bias;
  logit = (logit > 0 ? logit / edit.scale : logit * edit.scale) - edit.offset;
}

std::vector<Edit> decode::penaltyEdits(ArrayRef<int64_t> text, int64_t promptLength, const Penalties &penalties) {
  std::map<int64_t, int64_t> generated; // every token of the text, and how often it was generated
  for (auto [i, token] : llvm::enumerate(text))
    generated[token] += int64_t(i) >= promptLength;
  std::vector<Edit> edits;
  for (auto [token, count] : generated)
    edits.push_back(
        {token, 0, penalties.repetition, count > 0 ? penalties.presence + double(count) * penalties.frequency : 0});
  return edits;
}

//===----------------------------------------------------------------------===//
// Choices
//===----------------------------------------------------------------------===//

/// Of `token`, under the unwarped logits; a masked logit adds nothing to the sum.
static double logprobOf(ArrayRef<double> logits, int64_t token) {
  double top = *llvm::max_element(logits), sum = 0;
  for (double logit : logits)
    sum += std::exp(logit - top);
  return logits[size_t(token)] - top - std::log(sum);
}

Choice decode::choiceOf(ArrayRef<double> logits, int64_t token) { return {token, false, logprobOf(logits, token)}; }

/// Whether there is nothing to choose from.
static bool isHopeless(ArrayRef<double> logits) {
  return llvm::any_of(logits, [](double logit) { return !std::isfinite(logit); }) ||
         llvm::all_of(logits, [](double logit) { return logit == kMaskedLogit; });
}

Choice decode::chooseGreedily(ArrayRef<double> logits) {
  if (isHopeless(logits))
    return {-1, true, 0};
  return choiceOf(logits, llvm::max_element(logits) - logits.begin());
}

/// The k-th largest logit.
static double topKThreshold(std::vector<double> logits, int64_t k) {
  std::nth_element(logits.begin(), logits.begin() + (k - 1), logits.end(), std::greater<>());
  return logits[size_t(k - 1)];
}

/// The largest logit such that those not below it have p times the mass of all
/// weights.
static double topPThreshold(ArrayRef<double> logits, ArrayRef<double> weights, double p) {
  std::vector<std::pair<double, double>> sorted;
  for (auto [logit, weight] : llvm::zip_equal(logits, weights))
    sorted.push_back({logit, weight});
  llvm::sort(sorted, std::greater<>());
  double goal = p * std::accumulate(weights.begin(), weights.end(), 0.0), mass = 0;
  for (auto [logit, weight] : sorted)
    if ((mass += weight) >= goal)
      return logit;
  return sorted.back().first; // the sum in another order fell short of the goal by a rounding
}

std::vector<double> decode::warpedWeights(ArrayRef<double> logits, const WarpValues &warps) {
  if (isHopeless(logits))
    return {};
  if (!(warps.temperature > 0)) {
    std::vector<double> weights(logits.size(), 0);
    weights[size_t(llvm::max_element(logits) - logits.begin())] = 1;
    return weights;
  }
  // What is kept is decided on the logits wherever it can be: the exponential
  // of two that differ may be equal once it is rounded.
  double top = *llvm::max_element(logits);
  std::vector<double> weights;
  for (double logit : logits)
    weights.push_back(logit == kMaskedLogit ? 0 : std::exp((logit - top) / warps.temperature));
  auto keep = [&](llvm::function_ref<bool(double logit, double weight)> isKept) {
    for (auto [logit, weight] : llvm::zip_equal(logits, weights))
      if (!isKept(logit, weight))
        weight = 0;
  };
  if (warps.topK > 0 && warps.topK < int64_t(logits.size())) {
    double least = topKThreshold(logits.vec(), warps.topK);
    keep([&](double logit, double) { return logit >= least; });
  }
  if (warps.topP < 1) {
    double least = topPThreshold(logits, weights, warps.topP);
    keep([&](double logit, double) { return logit >= least; });
  }
  if (warps.minP > 0)
    keep([&](double, double weight) { return weight >= std::min(warps.minP, 1.0); });
  return weights;
}

int64_t decode::winnerOf(ArrayRef<double> weights, const RandomKey &key) {
  int64_t winner = -1;
  double earliest = 0;
  for (auto [i, weight] : llvm::enumerate(weights)) {
    if (!(weight > 0))
      continue;
    double arrival = key.exponential(int64_t(i)) / weight;
    if (winner < 0 || arrival < earliest) {
      winner = int64_t(i);
      earliest = arrival;
    }
  }
  return winner;
}

Choice decode::chooseSample(ArrayRef<double> logits, const WarpValues &warps, const RandomKey &key) {
  std::vector<double> weights = warpedWeights(logits, warps);
  return weights.empty() ? Choice{-1, true, 0} : choiceOf(logits, winnerOf(weights, key));
}

int64_t Draws::pick(ArrayRef<double> weights, const Key &key) { return winnerOf(weights, key); }

int64_t ExactDraws::pick(ArrayRef<double> weights, const Key &key) {
  return pick(llvm::map_to_vector(weights, fractionOf), key);
}

int64_t ExactDraws::pickEvenly(int64_t count, const Key &key) {
  return pick(std::vector<Fraction>(size_t(count), Fraction(1)), key);
}

bool ExactDraws::flip(double probability, const Key &key) { return flip(fractionOf(probability), key); }

Fraction decode::fractionOf(double value) {
  int exponent;
  auto mantissa = int64_t(std::ldexp(std::frexp(value, &exponent), 53));
  exponent -= 53;
  llvm::DynamicAPInt scale(llvm::APInt::getOneBitSet(unsigned(std::abs(exponent)) + 2, unsigned(std::abs(exponent))));
  return exponent < 0 ? Fraction(mantissa) / Fraction(scale) : Fraction(mantissa * scale);
}

int64_t decode::acceptTypical(ArrayRef<double> weights, ArrayRef<int64_t> drafted, double threshold, double alpha) {
  double sum = std::accumulate(weights.begin(), weights.end(), 0.0), entropy = 0;
  for (double weight : weights)
    entropy -= weight > 0 ? weight / sum * std::log(weight / sum) : 0;
  double most = std::min(threshold, alpha * std::exp(-entropy));
  int64_t best = -1;
  for (auto [i, token] : llvm::enumerate(drafted))
    if (double probability = weights[size_t(token)] / sum; probability > most) {
      most = probability;
      best = int64_t(i);
    }
  return best;
}

/// How many of the last tokens of `text` and `token` stand earlier in the text, `most` at most.
static size_t repeatedBy(ArrayRef<int64_t> text, int64_t token, size_t most) {
  size_t longest = 0;
  for (size_t end = text.size(); end-- > 0;) {
    if (text[end] != token)
      continue;
    size_t same = 1;
    while (same < most && same <= end && text[end - same] == text[text.size() - same])
      ++same;
    longest = std::max(longest, same);
  }
  return longest;
}

int64_t decode::chooseMomentum(ArrayRef<MomentumCandidate> candidates, ArrayRef<int64_t> text, double alpha,
                               ArrayRef<double> resistance) {
  int64_t best = -1;
  double most = 0;
  for (auto [i, candidate] : llvm::enumerate(candidates)) {
    size_t repeated = repeatedBy(text, candidate.token, resistance.size());
    double score = candidate.probability - (repeated ? alpha * resistance[repeated - 1] : 0);
    if (best < 0 || score > most) {
      best = int64_t(i);
      most = score;
    }
  }
  return best;
}

std::vector<std::pair<int64_t, double>> decode::topLogprobs(ArrayRef<double> logits, int64_t count) {
  if (isHopeless(logits))
    return {};
  std::vector<int64_t> tokens;
  for (auto [token, logit] : llvm::enumerate(logits))
    if (logit != kMaskedLogit)
      tokens.push_back(int64_t(token));
  llvm::sort(tokens,
             [&](int64_t a, int64_t b) { return std::pair(-logits[size_t(a)], a) < std::pair(-logits[size_t(b)], b); });
  tokens.resize(std::min(tokens.size(), size_t(std::max<int64_t>(count, 0))));
  std::vector<std::pair<int64_t, double>> result;
  for (int64_t token : tokens)
    result.push_back({token, logprobOf(logits, token)});
  return result;
}
