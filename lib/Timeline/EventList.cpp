//===- EventList.cpp - What a step does, as events ------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Timeline/EventList.h"

#include <fmt/format.h>

using namespace plait;
using namespace plait::timeline;

const char *timeline::getName(EventKind kind) {
  constexpr const char *kNames[] = {"product",    "attention",      "rowwise",    "other",
                                    "all_reduce", "reduce_scatter", "all_gather", "send"};
  return kNames[size_t(kind)];
}

std::optional<SumAlgorithm> Event::getAlgorithm() const {
  double rows = bytes.tokens > 0 ? extents.tokens : bytes.rows > 0 ? extents.rows : extents.leaves;
  std::optional<SumAlgorithm> found;
  for (const SumRange &range : algorithms)
    if (!found || range.rows <= rows)
      found = range.algorithm;
  return found;
}

bool timeline::isExchange(EventKind kind) { return kind >= EventKind::allReduce; }

static void addTo(Form &sum, const Form &other, double factor) {
  sum.constant += factor * other.constant;
  sum.tokens += factor * other.tokens;
  sum.rows += factor * other.rows;
  sum.leaves += factor * other.leaves;
  sum.positions += factor * other.positions;
}

void timeline::addWork(Work &sum, const Work &other, double factor) {
  addTo(sum.flops, other.flops, factor);
  addTo(sum.storedBytes, other.storedBytes, factor);
  addTo(sum.activationBytes, other.activationBytes, factor);
}

EventKind timeline::classify(const Work &work) {
  if (work.flops.positions > 0)
    return EventKind::attention;
  if (work.flops.tokens <= 0 && work.activationBytes.tokens <= 0)
    return EventKind::other;
  // A vector of weights is no longer than a row that it is applied to.
  bool hasMatrix = work.storedBytes.constant > work.activationBytes.tokens + work.activationBytes.constant;
  return hasMatrix && work.flops.tokens > 0 ? EventKind::product : EventKind::rowwise;
}

std::vector<std::vector<int>> EventList::getPrograms() const {
  std::vector<std::vector<int>> programs(static_cast<size_t>(ranks));
  for (size_t i = 0; i < events.size(); ++i)
    for (int rank : events[i].ranks)
      programs[size_t(rank)].push_back(int(i));
  return programs;
}

namespace {

/// Goes through the programs of all ranks side by side.
class Joiner {
public:
  explicit Joiner(const std::vector<std::vector<Event>> &programs)
      : programs(programs), next(programs.size()), last(programs.size(), -1) {
    list.ranks = int(programs.size());
  }

  Expected<EventList> run() {
    for (bool goesOn = true; goesOn;) {
      goesOn = false;
      for (int rank = 0; rank < list.ranks; ++rank)
        for (; getNext(rank) && !isExchange(getNext(rank)->kind); goesOn = true)
          emit({rank});
      for (int rank = 0; rank < list.ranks; ++rank) {
        const Event *event = getNext(rank);
        if (!event || event->ranks.empty() || event->ranks.front() != rank)
          continue; // the first of its ranks speaks for them
        PLAIT_ASSIGN_OR_RETURN(bool isComplete, meet(rank, *event));
        if (isComplete)
          emit(event->ranks);
        goesOn |= isComplete;
      }
    }
    for (int rank = 0; rank < list.ranks; ++rank)
      if (const Event *event = getNext(rank))
        return invalidArgument(fmt::format("rank {}: found that it waits in {} '{}' for ranks that do not come there; "
                                           "expected all of its ranks to exchange in one order",
                                           rank, getName(event->kind), event->name));
    return std::move(list);
  }

private:
  const Event *getNext(int rank) const {
    const std::vector<Event> &program = programs[size_t(rank)];
    return next[size_t(rank)] < program.size() ? &program[next[size_t(rank)]] : nullptr;
  }

  /// Whether all ranks of `event`, which is `rank`'s next, have come to it.
  Expected<bool> meet(int rank, const Event &event) const {
    for (int other : event.ranks) {
      if (other < 0 || other >= list.ranks)
        return invalidArgument(
            fmt::format("rank {}: found an exchange with rank {}; expected one of {} ranks", rank, other, list.ranks));
      const Event *theirs = getNext(other);
      if (!theirs || theirs->ranks != event.ranks)
        return false;
      double own = event.bytes.at(event.extents), found = theirs->bytes.at(theirs->extents);
      if (theirs->kind != event.kind || own != found)
        return invalidArgument(fmt::format("rank {}: found {} of {:.0f} bytes; expected {} of {:.0f} bytes, as rank "
                                           "{} has there",
                                           other, getName(theirs->kind), found, getName(event.kind), own, rank));
    }
    return true;
  }

  /// The next event of `ranks`, which is one.
  void emit(const std::vector<int> &ranks) {
    int index = int(list.events.size());
    list.events.push_back(*getNext(ranks.front()));
    list.events.back().after.clear();
    for (int rank : ranks) {
      int &beside = list.events.back().beside;
      beside = std::min(beside, getNext(rank)->beside);
      if (last[size_t(rank)] >= 0)
        list.events.back().after.push_back(last[size_t(rank)]);
      last[size_t(rank)] = index;
      ++next[size_t(rank)];
    }
  }

  const std::vector<std::vector<Event>> &programs;
  std::vector<size_t> next; ///< of each rank's program
  std::vector<int> last;    ///< each rank's, in the list
  EventList list;
};

} // namespace

Expected<EventList> timeline::joinRanks(const std::vector<std::vector<Event>> &programs) {
  return Joiner(programs).run();
}
