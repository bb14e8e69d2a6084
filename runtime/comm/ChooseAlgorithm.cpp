//===- ChooseAlgorithm.cpp - Which algorithm an all-reduce takes ------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/comm/Algorithms.h"

#include <algorithm>
#include <bit>
#include <cstdlib>

using namespace plait;

static constexpr const char *kNames[kAlgorithms] = {"auto", "one_shot", "two_shot", "chain",
                                                    "tree", "star",     "ring",     "lamport"};

const char *plait::algorithmName(Algorithm algorithm) { return kNames[size_t(algorithm)]; }

Expected<Algorithm> plait::parseAlgorithm(const std::string &name) {
  for (int32_t i = 0; i <= int32_t(Algorithm::star); ++i)
    if (name == kNames[i])
      return Algorithm(i);
  return invalidArgument("all-reduce: found \"" + name +
                         "\"; expected auto, one_shot, two_shot, chain, tree or star in PLAIT_ALL_REDUCE");
}

Expected<Algorithm> plait::algorithmOfEnvironment() {
  const char *name = std::getenv("PLAIT_ALL_REDUCE");
  return name && *name ? parseAlgorithm(name) : Expected<Algorithm>(Algorithm::automatic);
}

double plait::predictSeconds(Algorithm algorithm, const EmulatedLink &link, size_t bytes, int ranks,
                             const Reduction &how) {
  double n = ranks, latency = link.latencySeconds;
  double whole = link.bytesPerSecond > 0 ? double(bytes) / link.bytesPerSecond : 0;
  double partial = how.wide ? 2 * whole : whole; // of a sum that goes on
  double levels = double(std::bit_width(unsigned(std::max(1, ranks) - 1)));
  switch (algorithm) {
  case Algorithm::oneShot:
    return latency + (n - 1) * whole;
  case Algorithm::twoShot:
    return 2 * latency + 2 * whole * (n - 1) / n;
  case Algorithm::chain: {
    double pieces = std::clamp<double>(double(bytes) / (64 << 10), 1, 8);
    return 2 * (n - 1) * latency + (2 * (n - 1) + pieces - 1) * (whole + partial) / 2 / pieces;
  }
  case Algorithm::tree:
    return 2 * levels * latency +
           (how.order == SumOrder::tree ? levels * (whole + partial) : (n - 1) * whole + levels * whole);
  default:
    return 2 * latency + 2 * (n - 1) * whole;
  }
}

Algorithm plait::chooseAllReduce(Algorithm wanted, const EmulatedLink &link, size_t bytes, size_t oneShotBytes,
                                 int ranks, const Reduction &how) {
  bool isChain = how.kind != ReduceKind::sum || how.order == SumOrder::rank;
  if (wanted == Algorithm::chain && !isChain)
    return Algorithm::tree; // a chain has another order
  if (wanted != Algorithm::automatic)
    return wanted;
  if (link.latencySeconds <= 0 && link.bytesPerSecond <= 0)
    return bytes <= oneShotBytes ? Algorithm::oneShot : Algorithm::twoShot;
  Algorithm best = Algorithm::oneShot;
  for (Algorithm other : {Algorithm::twoShot, Algorithm::star, Algorithm::tree, Algorithm::chain})
    if ((other != Algorithm::chain || isChain) &&
        predictSeconds(other, link, bytes, ranks, how) < predictSeconds(best, link, bytes, ranks, how))
      best = other;
  return best;
}
