//===- SamplingFixture.h - A second definition of sampling ------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The warps as Hugging Face's logits warpers state them: each one sets the scores
// of the tokens that go to -infinity and takes a softmax of its own. It shares no
// code with dialects/Decode/Sampling.cpp, which it is to check.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TEST_UNIT_COMPILER_SAMPLINGFIXTURE_H
#define PLAIT_TEST_UNIT_COMPILER_SAMPLINGFIXTURE_H

#include "dialects/Decode/Sampling.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

namespace plait {

using Scores = std::vector<double>;
constexpr double kDropped = -std::numeric_limits<double>::infinity();

inline Scores softmax(const Scores &scores) {
  double top = *std::max_element(scores.begin(), scores.end()), sum = 0;
  Scores result;
  for (double score : scores)
    result.push_back(std::exp(score - top));
  for (double p : result)
    sum += p;
  for (double &p : result)
    p /= sum;
  return result;
}

/// Token ids from the smallest score to the largest.
inline std::vector<size_t> ascending(const Scores &scores) {
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return std::pair(scores[a], a) < std::pair(scores[b], b); });
  return order;
}

inline void warpTopK(Scores &scores, int64_t k) {
  Scores sorted = scores;
  std::sort(sorted.rbegin(), sorted.rend());
  double kth = sorted[size_t(std::min<int64_t>(k, int64_t(sorted.size()))) - 1];
  for (double &score : scores)
    if (score < kth)
      score = kDropped;
}

/// Drops, from the smallest on, what has together at most 1 - p; never the last.
inline void warpTopP(Scores &scores, double p) {
  Scores probabilities = softmax(scores);
  double sum = 0;
  std::vector<size_t> order = ascending(scores);
  order.pop_back();
  for (size_t id : order)
    if ((sum += probabilities[id]) <= 1 - p)
      scores[id] = kDropped;
}

inline void warpMinP(Scores &scores, double m) {
  Scores probabilities = softmax(scores);
  double top = *std::max_element(probabilities.begin(), probabilities.end());
  for (size_t id = 0; id < scores.size(); ++id)
    if (probabilities[id] < m * top)
      scores[id] = kDropped;
}

/// The distribution to draw from; the temperature is not 0.
inline Scores warpedDistribution(Scores scores, const decode::WarpValues &warps) {
  for (double &score : scores)
    score /= warps.temperature;
  if (warps.topK > 0)
    warpTopK(scores, warps.topK);
  if (warps.topP < 1)
    warpTopP(scores, warps.topP);
  if (warps.minP > 0)
    warpMinP(scores, warps.minP);
  return softmax(scores);
}

/// log p + Gumbel noise of each token that may be drawn, by a race's numbers as decode.choose_sample states them.
inline Scores raceKeys(const Scores &probabilities, const RandomKey &key) {
  Scores keys(probabilities.size(), kDropped);
  for (size_t id = 0; id < keys.size(); ++id) {
    if (probabilities[id] == 0)
      continue;
    auto block = philox4x32({uint32_t(key.position), uint32_t(key.purpose) + 256 * uint32_t(id / 4),
                             uint32_t(key.sequence), uint32_t(key.sequence >> 32)},
                            {uint32_t(key.seed), uint32_t(key.seed >> 32)});
    long double u = 1 - (static_cast<long double>(block[id % 4] / 2) + 0.5L) / 2147483648.0L;
    keys[id] = std::log(probabilities[id]) - double(std::log(-std::log(u)));
  }
  return keys;
}

/// The lowest token of the largest key.
inline int64_t winnerOf(const Scores &keys) { return std::max_element(keys.begin(), keys.end()) - keys.begin(); }

/// Whether a rounding could have moved the choice between `a` and `b`, both of which may be drawn.
inline bool isNearTie(const Scores &keys, int64_t a, int64_t b, double tolerance) {
  return keys[size_t(a)] != kDropped && keys[size_t(b)] != kDropped &&
         std::abs(keys[size_t(a)] - keys[size_t(b)]) <= tolerance;
}
/// What f32 may put between two keys of which either may be the largest (decode.choose_sample).
constexpr double kKeyTolerance = 2e-5;

/// Random logits and warps of all kinds.
class SamplingCases {
public:
  explicit SamplingCases(uint32_t seed) : random(seed) {}

  double uniform(double low, double high) { return std::uniform_real_distribution<double>(low, high)(random); }
  int64_t pick(int64_t count) { return int64_t(random() % uint64_t(count)); }

  /// Logits that f32 holds exactly, of a spread between almost flat and peaked.
  Scores logits(int64_t count) {
    std::normal_distribution<double> normal(uniform(-20, 20), std::pow(10.0, uniform(-1.5, 1)));
    Scores result(size_t(count), 0.0);
    for (double &logit : result)
      logit = float(normal(random));
    return result;
  }

  /// Each warp off in about a third of the cases.
  decode::WarpValues warps(int64_t vocabulary) {
    decode::WarpValues warps;
    warps.temperature = float(std::pow(10.0, uniform(-1, 0.5)));
    if (pick(3))
      warps.topK = pick(2) ? 1 + pick(vocabulary + 2) : 1 + pick(50);
    if (pick(3))
      warps.topP = float(uniform(0.01, 1));
    if (pick(3))
      warps.minP = float(std::pow(10.0, uniform(-6, 0)));
    return warps;
  }

  std::mt19937_64 random;
};

} // namespace plait

#endif // PLAIT_TEST_UNIT_COMPILER_SAMPLINGFIXTURE_H
