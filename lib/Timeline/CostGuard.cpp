//===- CostGuard.cpp - Which schedule is worth it -------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Timeline/Report.h"
#include "plait/Timeline/Schedules.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>

using namespace plait;
using namespace plait::timeline;

static constexpr double kLeastGain = 0.03, kErrors = 2;
/// Blocks of rows that a product and an exchange go through together: fine enough that the first and the
/// last, which have nothing beside them, weigh little. A block has half of a machine's rows per tile or more.
static constexpr int kMostTiles = 8;
/// Sizes of the first part that are tried, from the middle, in tiles of rows or sixteenths of the tokens.
static constexpr int kOffsets[] = {0, 1, 2, -1, -2};

Decision timeline::guardFusion(double secondsBefore, double secondsAfter, const Machine &machine) {
  Decision decision;
  decision.gain = secondsAfter > 0 ? secondsBefore / secondsAfter - 1 : 0;
  double needed = std::max(kLeastGain, kErrors * machine.error);
  decision.isApplied = decision.gain > needed;
  const char *which =
      kLeastGain >= kErrors * machine.error ? "the least that pays" : "twice the error of predicted gains";
  decision.reason = fmt::format("{} instead of {}, a gain of {:.1f} %: {} {:.1f} %, {}", timeText(secondsAfter),
                                timeText(secondsBefore), 100 * decision.gain,
                                decision.isApplied ? "above" : "not above", 100 * needed, which);
  return decision;
}

namespace {

class Comparison {
public:
  Comparison(const Machine &machine, const Extents &step) : machine(machine), step(step) {}

  Status add(const std::string &name, EventList list) {
    PLAIT_ASSIGN_OR_RETURN(Prediction prediction, predict(list, machine, step));
    Decision decision{true, 0, "what is compiled"};
    if (!alternatives.empty())
      decision = guardFusion(alternatives[getChosen(alternatives)].prediction.seconds, prediction.seconds, machine);
    alternatives.push_back({name, std::move(list), std::move(prediction), std::move(decision)});
    return Status::success();
  }

  /// With the best of some sizes of the first part.
  Status addSplit(const EventList &list) {
    double tile = machine.rowTile, bestSeconds = 0, best = 0;
    double offsetRows = std::max(1.0, std::floor(step.tokens / 16 / tile)) * tile;
    EventList chosen;
    for (int offset : kOffsets) {
      double first = std::ceil(step.tokens / tile / 2) * tile + offset * offsetRows;
      if (first < tile || step.tokens - first < tile)
        continue;
      auto split = [&](const EventList &with) { return splitTokens(with, step, first); };
      if (chosen.events.empty()) { // units once, in the middle
        PLAIT_ASSIGN_OR_RETURN(chosen, chooseUnits(list, split));
      }
      PLAIT_ASSIGN_OR_RETURN(Prediction prediction, predict(split(chosen), machine, step));
      if (best == 0 || prediction.seconds < bestSeconds) {
        bestSeconds = prediction.seconds;
        best = first;
      }
    }
    if (best == 0) // too few tokens for two tiles of rows
      return Status::success();
    return add(fmt::format("woven {:.0f} + {:.0f}", best, step.tokens - best), splitTokens(chosen, step, best));
  }

  Status addTiled(const std::string &name, const EventList &list) {
    int tiles = std::min<int>(kMostTiles, int(2 * step.tokens / machine.rowTile));
    auto tile = [&](const EventList &with) { return tileProducts(with, tiles); };
    if (tiles < 2 || tile(list).events.size() == list.events.size())
      return Status::success();
    PLAIT_ASSIGN_OR_RETURN(EventList chosen, chooseUnits(list, tile));
    return add(name, tile(chosen));
  }

  std::vector<Alternative> alternatives;

private:
  /// The exchanges of one name and kind in all layers get units together, one name after the other:
  /// of the numbers that were measured those with which `rewrite` is fastest.
  Expected<EventList> chooseUnits(EventList list, const std::function<EventList(const EventList &)> &rewrite) const {
    std::vector<std::string> sites;
    for (const Event &event : list.events)
      if (isExchange(event.kind) && std::find(sites.begin(), sites.end(), event.name) == sites.end())
        sites.push_back(event.name);
    auto withUnits = [](EventList changed, const std::string &site, int units) {
      for (Event &event : changed.events)
        if (isExchange(event.kind) && event.name == site)
          event.units = units;
      return changed;
    };
    for (const std::string &site : sites) {
      double bestSeconds = 0;
      int best = 0;
      for (int units : getCandidates()) {
        PLAIT_ASSIGN_OR_RETURN(Prediction prediction, predict(rewrite(withUnits(list, site, units)), machine, step));
        if (best == 0 || prediction.seconds < bestSeconds) {
          bestSeconds = prediction.seconds;
          best = units;
        }
      }
      list = withUnits(std::move(list), site, best);
    }
    return list;
  }

  std::vector<int> getCandidates() const {
    std::vector<int> all;
    for (const auto &[name, rate] : machine.link.rates)
      for (auto [units, fraction] : rate.units.points)
        if (units <= machine.units)
          all.push_back(int(units));
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
    return all;
  }

  const Machine &machine;
  const Extents &step;
};

} // namespace

Expected<std::vector<Alternative>> timeline::compareSchedules(const EventList &list, const Machine &machine,
                                                              const Extents &step) {
  Comparison comparison(machine, step);
  PLAIT_RETURN_IF_ERROR(comparison.add("unfused", list));
  if (leavesTime(list))
    PLAIT_RETURN_IF_ERROR(comparison.add("ahead", startAhead(list)));
  EventList fused = fuseEpilogues(list);
  bool isFused = fused.events.size() != list.events.size();
  if (isFused)
    PLAIT_RETURN_IF_ERROR(comparison.add("fused", fused));
  PLAIT_RETURN_IF_ERROR(comparison.addTiled("tiled", list));
  if (isFused)
    PLAIT_RETURN_IF_ERROR(comparison.addTiled("fused, tiled", fused));
  bool hasExchange =
      std::any_of(list.events.begin(), list.events.end(), [](const Event &event) { return isExchange(event.kind); });
  if (hasExchange)
    PLAIT_RETURN_IF_ERROR(comparison.addSplit(fused));
  return std::move(comparison.alternatives);
}

size_t timeline::getChosen(const std::vector<Alternative> &alternatives) {
  size_t chosen = 0;
  for (size_t i = 0; i < alternatives.size(); ++i)
    if (alternatives[i].decision.isApplied)
      chosen = i;
  return chosen;
}
