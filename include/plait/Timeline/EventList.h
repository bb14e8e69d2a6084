//===- EventList.h - What a step does, as events ----------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A step of all ranks as a list of events that knows no machine: what is computed, what is
// exchanged, and what waits for what. Times come with a machine (Predict.h), other orders by
// rewriting the list (Schedules.h).
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TIMELINE_EVENTLIST_H
#define PLAIT_TIMELINE_EVENTLIST_H

#include "runtime/base/Status.h"

#include <optional>
#include <string>
#include <vector>

namespace plait::timeline {

/// How much a step has to do. `positions` are those attended to, summed over the tokens.
struct Extents {
  double tokens = 0, rows = 0, leaves = 0, positions = 0;

  /// A step that gives each of `sequences` a token, each after `past` others.
  static Extents decode(double sequences, double past) {
    return {sequences, sequences, sequences, sequences * (past + 1)};
  }
  /// A prompt of one sequence; the last token gets logits.
  static Extents prefill(double tokens) { return {tokens, 1, 1, tokens * (tokens + 1) / 2}; }
};

/// A linear form in the extents of a step.
struct Form {
  double constant = 0, tokens = 0, rows = 0, leaves = 0, positions = 0;

  double at(const Extents &extents) const {
    return constant + tokens * extents.tokens + rows * extents.rows + leaves * extents.leaves +
           positions * extents.positions;
  }
};

/// What one device computes: operations, and bytes of weights and states and of activations.
struct Work {
  Form flops, storedBytes, activationBytes;
  std::string element = "f32"; ///< that it multiplies by: its name in a machine's peaks
};

/// Adds `factor` times `other` to `sum`.
void addWork(Work &sum, const Work &other, double factor);

enum class EventKind {
  product,   ///< by a weight, of all tokens
  attention, ///< work grows with the positions
  rowwise,   ///< each token's row by itself: norms, sums, activations
  other,     ///< embedding, head, choice of tokens
  allReduce,
  reduceScatter,
  allGather,
  send ///< between two ranks, or from one to all
};

/// How a sum over ranks is carried out: that of #par.algorithms, in the same order.
enum class SumAlgorithm { oneShot, twoShot, ring, multimem, lamport };
inline constexpr int kSumAlgorithms = 5;

/// From so many rows on.
struct SumRange {
  double rows;
  SumAlgorithm algorithm;
};

const char *getName(EventKind kind);
bool isExchange(EventKind kind);

/// What a piece of work is, by its cost alone: attention if it grows with positions, a product if
/// it reads more weights than a row of activations has, row-wise if it grows with tokens.
EventKind classify(const Work &work);

struct Event {
  std::string name;
  EventKind kind = EventKind::other;
  int layer = -1;         ///< -1: outside of the layers
  int part = 0;           ///< of the tokens
  std::vector<int> ranks; ///< the rank that computes, or all that meet
  Work work;              ///< of each of these ranks; of an exchange what is computed on the way
  Form bytes;             ///< of an exchange: of the whole matrix
  Extents extents;        ///< of its tokens
  double share = 1;       ///< of work and bytes: one of several tiles
  int launches = 1;       ///< 0: goes on within the kernel before it
  /// Of an exchange: how many events behind it in the programs of its ranks do not wait for it. Of a list
  /// as joinRanks makes it.
  int beside = 0;
  int units = 0; ///< of an exchange: units of computation it is carried out by; 0: the machine's choice
  std::vector<SumRange> algorithms; ///< of an all-reduce, if the program says them
  std::vector<int> after;           ///< events that end before this one begins

  /// That of an all-reduce of its rows, if the program says it.
  std::optional<SumAlgorithm> getAlgorithm() const;
};

/// Events stand behind all that they wait for.
struct EventList {
  int ranks = 1;
  std::vector<Event> events;

  /// The numbers of each rank's events, in the order in which they stand.
  std::vector<std::vector<int>> getPrograms() const;
};

/// The events of each rank in the order of its program: each waits for the one before it. An
/// exchange is in the programs of all its ranks, and has the least `beside` of them. An error names two ranks whose
/// exchanges differ, or one that waits for others for ever.
Expected<EventList> joinRanks(const std::vector<std::vector<Event>> &programs);

} // namespace plait::timeline

#endif // PLAIT_TIMELINE_EVENTLIST_H
