//===- Algorithms.cpp - What a sum over ranks takes, by algorithm ---------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Timeline/Algorithms.h"

#include "runtime/base/SumSteps.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <tuple>

using namespace plait;
using namespace plait::timeline;

const char *timeline::getName(SumAlgorithm algorithm) {
  static constexpr const char *kNames[kSumAlgorithms] = {"one_shot", "two_shot", "ring", "multimem", "lamport"};
  return kNames[size_t(algorithm)];
}

/// Of a matrix what crosses a rank's busier direction.
static double getTraffic(SumAlgorithm algorithm, double ranks) {
  switch (algorithm) {
  case SumAlgorithm::oneShot:
  case SumAlgorithm::lamport:
    return ranks - 1;
  case SumAlgorithm::twoShot:
  case SumAlgorithm::ring:
    return 2 * (ranks - 1) / ranks;
  case SumAlgorithm::multimem:
    return 1 + 1 / ranks;
  }
  return 0;
}

/// Messages that wait for each other.
static double getHops(SumAlgorithm algorithm, const Link &link, double ranks) {
  bool isSwitch = link.kind == LinkKind::crossbar;
  switch (algorithm) {
  case SumAlgorithm::oneShot:
    return isSwitch ? 3 : 1;
  case SumAlgorithm::twoShot:
    return isSwitch ? 6 : 2;
  case SumAlgorithm::ring:
    return 2 * (ranks - 1);
  case SumAlgorithm::multimem:
    return 4;
  case SumAlgorithm::lamport:
    return 1;
  }
  return 0;
}

/// Whether it is one to choose.
static bool isOffered(SumAlgorithm algorithm, const Link &link) {
  bool isSwitch = link.kind == LinkKind::crossbar, isChain = link.kind == LinkKind::ring;
  switch (algorithm) {
  case SumAlgorithm::oneShot:
  case SumAlgorithm::twoShot:
    return !isChain;
  case SumAlgorithm::ring:
    return link.kind != LinkKind::sharedMemory;
  case SumAlgorithm::multimem:
    return isSwitch && link.multicast;
  case SumAlgorithm::lamport:
    return isSwitch;
  }
  return false;
}

SumSeconds timeline::predictSaidSum(SumAlgorithm algorithm, const Machine &machine, double bytes, int ranks) {
  const Link &link = machine.link;
  double traffic = getTraffic(algorithm, ranks), sent = machine.activationScale * bytes;
  auto known = link.algorithms.find(getName(algorithm));
  if (known != link.algorithms.end() && known->second.bandwidth > 0)
    return {known->second.latency,
            traffic / getTraffic(algorithm, link.measuredRanks) * sent / known->second.bandwidth};
  double latency = getHops(algorithm, link, ranks) * link.latency;
  if (link.kind == LinkKind::sharedMemory && algorithm == SumAlgorithm::twoShot)
    latency *= std::max(1.0, std::ceil(bytes / kSumPieceBytes));
  return {latency, traffic * sent / link.bandwidth};
}

std::optional<double> timeline::predictSum(SumAlgorithm algorithm, const Machine &machine, double bytes, int ranks) {
  if (!isOffered(algorithm, machine.link))
    return std::nullopt;
  SumSeconds seconds = predictSaidSum(algorithm, machine, bytes, ranks);
  return seconds.latency + seconds.transfer;
}

std::optional<double> timeline::getMostBytes(SumAlgorithm algorithm, const Machine &machine, int ranks) {
  const Link &link = machine.link;
  auto known = link.algorithms.find(getName(algorithm));
  // Of other numbers of ranks nobody has said anything.
  if (known != link.algorithms.end())
    for (auto [measured, most] : known->second.mostBytes.points)
      if (measured == ranks)
        return most / machine.activationScale;
  if (algorithm != SumAlgorithm::oneShot)
    return std::nullopt;
  if (link.kind == LinkKind::sharedMemory)
    return double(getOneStepBytes(size_t(ranks)));
  if (link.kind == LinkKind::pcie || link.kind == LinkKind::network)
    return kOneStepMessageBytes;
  return std::nullopt;
}

static std::string toText(double seconds) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f us", 1e6 * seconds);
  return text;
}

std::optional<SumChoice> timeline::chooseSum(std::span<const SumAlgorithm> candidates, const Machine &machine,
                                             double bytes, int ranks) {
  struct Candidate {
    SumAlgorithm algorithm;
    double seconds;
    std::optional<double> most;
  };
  std::vector<Candidate> all;
  for (SumAlgorithm algorithm : candidates)
    if (std::optional<double> seconds = predictSum(algorithm, machine, bytes, ranks))
      all.push_back({algorithm, *seconds, getMostBytes(algorithm, machine, ranks)});
  if (all.empty())
    return std::nullopt;
  // What is known comes first, then those of which nothing is known; nobody goes on beyond what is known of it if
  // there is another one.
  auto rank = [&](const Candidate &c) {
    bool isKnown = c.most && bytes <= *c.most;
    return std::tuple(isKnown ? 0 : c.most ? 2 : 1, isKnown ? *c.most : 0, c.seconds);
  };
  const Candidate &best = *std::min_element(all.begin(), all.end(),
                                            [&](const Candidate &a, const Candidate &b) { return rank(a) < rank(b); });
  SumChoice choice{best.algorithm, best.seconds, toText(best.seconds)};
  if (best.most && bytes <= *best.most)
    choice.reason += ", known to be the one up to these bytes";
  for (const Candidate &other : all)
    if (other.algorithm != best.algorithm)
      choice.reason += std::string("; ") + getName(other.algorithm) + " " + toText(other.seconds);
  return choice;
}
