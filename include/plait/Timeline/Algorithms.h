//===- Algorithms.h - What a sum over ranks takes, by algorithm -*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Predictions for the algorithms of #par.algorithms, of B bytes on each of n ranks whose link has a latency L and a
// bandwidth W: hops * L + traffic * B / W, where hops are messages that wait for each other, and traffic what crosses
// the busiest port. To choose from, a link of shared memory and one of messages have what pays there; a switch has all.
// In shared memory and in messages lamport has 1 hop as one_shot, two_shot has 2, and multimem is that of a switch.
//
// | algorithm | hops in a switch | traffic |
// |---|---|---|
// | lamport | 1: rows are stored in the memory of all | n - 1 |
// | one_shot | 3: count, and read what is there | n - 1 |
// | two_shot | 6: the same twice | 2 (n - 1) / n |
// | multimem | 4: count, read through the switch, store through it | 1 + 1 / n |
// | ring | 2 (n - 1): each stores in the memory of the next | 2 (n - 1) / n |
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TIMELINE_ALGORITHMS_H
#define PLAIT_TIMELINE_ALGORITHMS_H

#include "plait/Timeline/Machine.h"

#include <optional>
#include <span>

namespace plait::timeline {

/// "one_shot", ...
const char *getName(SumAlgorithm algorithm);

struct SumSeconds {
  double latency = 0, transfer = 0;
};
/// Seconds of a sum of `bytes` (of f32) on each of `ranks`, whose program says by which algorithm.
SumSeconds predictSaidSum(SumAlgorithm algorithm, const Machine &machine, double bytes, int ranks);

/// The same of one that is still to be chosen, or nothing if the link has no such algorithm.
std::optional<double> predictSum(SumAlgorithm algorithm, const Machine &machine, double bytes, int ranks);

/// Up to so many bytes (of f32) it is known to be the one to take: of the machine's table, or as the runtime was
/// measured. Nothing: that is not known.
std::optional<double> getMostBytes(SumAlgorithm algorithm, const Machine &machine, int ranks);

struct SumChoice {
  SumAlgorithm algorithm;
  double seconds = 0;
  std::string reason; ///< "2.1 us; two_shot 12.0 us", for people
};

/// Of `candidates` the one whose known bytes cover the sum, of several that of the fewest. Else the one that takes
/// least of those of which no bytes are known; of equal ones the first. Nothing if the link has none of them.
std::optional<SumChoice> chooseSum(std::span<const SumAlgorithm> candidates, const Machine &machine, double bytes,
                                   int ranks);

} // namespace plait::timeline

#endif // PLAIT_TIMELINE_ALGORITHMS_H
