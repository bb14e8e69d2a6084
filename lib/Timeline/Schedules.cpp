//===- Schedules.cpp - Event lists that overlap more ----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Timeline/Schedules.h"

#include <algorithm>
#include <array>

using namespace plait;
using namespace plait::timeline;

namespace {

void makeUnique(std::vector<int> &numbers) {
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
}

/// Puts every event behind those that it waits for, else as they stand.
EventList sorted(const EventList &list) {
  std::vector<int> places(list.events.size(), -1);
  EventList result;
  result.ranks = list.ranks;
  // Most events stand right: each pass places all that can be.
  for (size_t placed = 0, before = 1; placed != before;) {
    before = placed;
    for (size_t i = 0; i < list.events.size(); ++i) {
      const std::vector<int> &after = list.events[i].after;
      if (places[i] >= 0 || std::any_of(after.begin(), after.end(), [&](int a) { return places[size_t(a)] < 0; }))
        continue;
      places[i] = int(placed++);
      result.events.push_back(list.events[i]);
      for (int &a : result.events.back().after)
        a = places[size_t(a)];
    }
  }
  return result;
}

} // namespace

EventList timeline::fuseEpilogues(const EventList &list) {
  std::vector<std::vector<int>> programs = list.getPrograms();
  /// The row-wise events of `rank` right behind its event `x`.
  auto getEpilogue = [&](int rank, int x) {
    const std::vector<int> &program = programs[size_t(rank)];
    std::vector<int> epilogue;
    for (auto it = std::find(program.begin(), program.end(), x) + 1; it != program.end(); ++it) {
      const Event &event = list.events[size_t(*it)];
      if (event.kind != EventKind::rowwise)
        break;
      epilogue.push_back(*it);
    }
    return epilogue;
  };
  std::vector<int> into(list.events.size(), -1); // which event each has become part of
  EventList fused = list;
  for (size_t x = 0; x < list.events.size(); ++x) {
    const Event &sum = list.events[x];
    if (sum.kind != EventKind::allReduce || sum.beside > 0)
      continue;
    std::vector<int> first = getEpilogue(sum.ranks.front(), int(x));
    bool isAlike = std::all_of(sum.ranks.begin(), sum.ranks.end(),
                               [&](int rank) { return getEpilogue(rank, int(x)).size() == first.size(); });
    if (first.empty() || !isAlike)
      continue;
    Event &target = fused.events[x];
    for (int part : first) {
      const Event &event = list.events[size_t(part)];
      addWork(target.work, event.work, event.share / double(sum.ranks.size()));
      target.name += " + " + event.name;
    }
    for (int rank : sum.ranks)
      for (int part : getEpilogue(rank, int(x)))
        into[size_t(part)] = int(x);
  }
  EventList result;
  result.ranks = list.ranks;
  std::vector<int> places(list.events.size());
  for (size_t i = 0; i < fused.events.size(); ++i) {
    if (into[i] >= 0) {
      places[i] = places[size_t(into[i])];
      continue;
    }
    places[i] = int(result.events.size());
    result.events.push_back(fused.events[i]);
    std::vector<int> &after = result.events.back().after;
    for (int &a : after)
      a = places[size_t(a)];
    makeUnique(after);
  }
  return result;
}

std::pair<Extents, Extents> timeline::splitExtents(const Extents &step, double first) {
  double share = step.tokens > 0 ? first / step.tokens : 0;
  Extents a = {first, step.rows * share, step.leaves * share, step.positions * share};
  if (step.rows <= 1) // what the first tokens see: all positions before the step's, and each other
    a = {first, step.rows, 0, first * (first + 1) / 2 + first * (step.positions / step.tokens - (step.tokens + 1) / 2)};
  Extents b = {step.tokens - first, step.rows <= 1 ? step.rows : step.rows - a.rows, step.leaves - a.leaves,
               step.positions - a.positions};
  return {a, b};
}

namespace {

bool growsWithTokens(const Event &event) {
  auto grows = [](const Form &form) { return form.tokens > 0 || form.positions > 0; };
  return grows(event.work.flops) || grows(event.work.activationBytes) || grows(event.bytes);
}

class TokenSplitter {
public:
  TokenSplitter(const EventList &list, const Extents &step, double first)
      : list(list), extents(splitExtents(step, first)) {}

  EventList run() {
    result.ranks = list.ranks;
    for (const Event &event : list.events) {
      int own = int(result.events.size());
      bool isSplit = growsWithTokens(event);
      copies.push_back({own, isSplit ? own + 1 : own});
      result.events.push_back(event);
      result.events.back().after.clear();
      if (!isSplit)
        continue;
      result.events.push_back(result.events.back());
      result.events[size_t(own)].extents = extents.first;
      result.events[size_t(own) + 1].extents = extents.second;
      result.events[size_t(own) + 1].part = 1;
    }
    for (const std::vector<int> &program : list.getPrograms())
      weave(program);
    for (Event &event : result.events)
      makeUnique(event.after);
    return sorted(result);
  }

private:
  void wait(int event, int before) {
    if (before >= 0 && before != event)
      result.events[size_t(event)].after.push_back(before);
  }

  /// One rank: pieces end with an exchange, or are what is not split.
  void weave(const std::vector<int> &program) {
    int computed = -1, exchanged = -1; // the last of the rank
    int ready[2] = {-1, -1};           // the last of each part
    for (size_t begin = 0; begin < program.size();) {
      size_t end = begin;
      auto isSplit = [&](size_t i) { return copies[size_t(program[i])][0] != copies[size_t(program[i])][1]; };
      while (end < program.size() && isSplit(end) && !isExchange(list.events[size_t(program[end])].kind))
        ++end;
      bool endsWithOne = end < program.size() && isSplit(end);
      for (int part = 0; part < 2; ++part) {
        for (size_t i = begin; i < end; ++i) {
          int event = copies[size_t(program[i])][size_t(part)];
          wait(event, computed);
          wait(event, ready[part]);
          computed = ready[part] = event;
        }
        if (endsWithOne) {
          int event = copies[size_t(program[end])][size_t(part)];
          wait(event, ready[part]);
          wait(event, exchanged);
          exchanged = ready[part] = event;
        }
      }
      if (!endsWithOne && end < program.size()) { // for both parts, behind both
        int event = copies[size_t(program[end])][0];
        wait(event, computed);
        wait(event, ready[0]);
        wait(event, ready[1]);
        computed = ready[0] = ready[1] = event;
        if (isExchange(list.events[size_t(program[end])].kind))
          exchanged = event;
      }
      begin = end + 1;
    }
  }

  const EventList &list;
  std::pair<Extents, Extents> extents;
  std::vector<std::array<int, 2>> copies; ///< of each event: of both parts, or twice the same
  EventList result;
};

} // namespace

EventList timeline::splitTokens(const EventList &list, const Extents &step, double first) {
  return TokenSplitter(list, step, first).run();
}

EventList timeline::startAhead(const EventList &list) {
  EventList result = list;
  for (Event &event : result.events)
    event.after.clear();
  for (const std::vector<int> &program : list.getPrograms()) {
    int computed = -1, exchanged = -1;
    std::vector<std::pair<size_t, int>> awaited; ///< from which place in the program on
    for (size_t at = 0; at < program.size(); ++at) {
      Event &event = result.events[size_t(program[at])];
      bool exchanges = isExchange(event.kind);
      int &last = exchanges ? exchanged : computed;
      std::vector<int> before = {computed, last};
      for (auto [from, exchange] : awaited)
        if (from <= at)
          before.push_back(exchange);
      std::erase_if(awaited, [&](const auto &entry) { return entry.first <= at; });
      for (int other : before)
        if (other >= 0)
          event.after.push_back(other);
      last = program[at];
      if (exchanges)
        awaited.push_back({at + 1 + size_t(event.beside), program[at]});
    }
  }
  for (Event &event : result.events)
    makeUnique(event.after);
  return sorted(result);
}

bool timeline::leavesTime(const EventList &list) {
  size_t exchanges = 0, left = 0;
  for (const std::vector<int> &program : list.getPrograms())
    for (size_t at = 0; at < program.size(); ++at) {
      const Event &event = list.events[size_t(program[at])];
      if (!isExchange(event.kind) || event.layer < 0)
        continue;
      ++exchanges;
      size_t end = std::min(program.size(), at + 1 + size_t(event.beside));
      left += std::any_of(program.begin() + at + 1, program.begin() + end,
                          [&](int other) { return list.events[size_t(other)].kind == EventKind::product; });
    }
  return 2 * left > exchanges;
}

EventList timeline::tileProducts(const EventList &list, int tiles) {
  std::vector<bool> isTiled(list.events.size(), false);
  auto isProduct = [&](int i) { return list.events[size_t(i)].kind == EventKind::product; };
  for (size_t i = 0; i < list.events.size(); ++i) {
    const Event &event = list.events[i];
    // All that it waits for, on all ranks.
    bool isSum = event.kind == EventKind::allReduce || event.kind == EventKind::reduceScatter;
    if (isSum && event.after.size() == event.ranks.size() &&
        std::all_of(event.after.begin(), event.after.end(), isProduct)) {
      isTiled[i] = true;
      for (int product : event.after)
        isTiled[size_t(product)] = true;
    }
    if (event.kind == EventKind::product && event.after.size() == 1 &&
        list.events[size_t(event.after[0])].kind == EventKind::allGather)
      isTiled[i] = isTiled[size_t(event.after[0])] = true;
  }
  EventList result;
  result.ranks = list.ranks;
  std::vector<int> firsts; // of each event the number of its first tile
  for (size_t i = 0; i < list.events.size(); ++i) {
    const Event &event = list.events[i];
    int count = isTiled[i] ? tiles : 1;
    firsts.push_back(int(result.events.size()));
    for (int tile = 0; tile < count; ++tile) {
      result.events.push_back(event);
      Event &copy = result.events.back();
      copy.after.clear();
      copy.share = event.share / count;
      copy.launches = tile == 0 ? event.launches : 0;
      if (tile > 0)
        copy.after.push_back(firsts[i] + tile - 1);
      for (int before : event.after) {
        bool isSame = isTiled[size_t(before)] && isTiled[i];
        int last = isTiled[size_t(before)] ? tiles - 1 : 0;
        if (isSame || tile == 0)
          copy.after.push_back(firsts[size_t(before)] + (isSame ? tile : last));
      }
    }
  }
  return result;
}
