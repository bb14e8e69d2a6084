//===- ArtifactEvents.cpp - The events of a compiled step -----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/plait/ArtifactEvents.h"

#include "runtime/core/Tables.h"
#include "runtime/device/cpu/ExchangePoints.h"
#include "tools/plait/TableText.h"

#include <algorithm>
#include <numeric>

using namespace plait;

namespace {

timeline::Form toForm(const CostForm &form) {
  return {double(form.constant), double(form.tokens), double(form.rows), double(form.leaves), double(form.positions)};
}

class RankEvents {
public:
  RankEvents(const Model &model, const plait_plan_v2_t &plan, const std::vector<LaunchCost> &costs,
             const timeline::Extents &extents)
      : tables(model.tables()), plan(plan), costs(costs), extents(extents),
        sharesTokens(extents.tokens >= double(model.manifest().thresholdsOf(plan.name).shareTokens)) {}

  std::vector<timeline::Event> run() {
    for (int32_t begin = 0; begin < plan.launch_count;) {
      int32_t end = begin + 1, layers = layersOf(begin);
      while (layers > 1 && end < plan.launch_count && !plan.launches[end].loop_begin && layersOf(end) == layers)
        ++end;
      for (int32_t layer = 0; layer < layers; ++layer)
        for (int32_t i = begin; i < end; ++i)
          add(i, plan.launches[begin].layer_begin + layer);
      begin = end;
    }
    firstEvents.push_back(events.size());
    std::vector<size_t> awaited = findAwaited(plan, order);
    for (size_t place = 0; place < order.size(); ++place)
      if (size_t own = firstEvents[place]; awaited[place] > place && own < firstEvents[place + 1])
        events[own].beside = int(firstEvents[awaited[place]] - own - 1);
    return std::move(events);
  }

private:
  int32_t layersOf(int32_t i) const { return plan.launches[i].layer_end - plan.launches[i].layer_begin; }

  void add(int32_t i, int32_t layer) {
    const plait_launch_v3_t &launch = plan.launches[i];
    const LaunchCost &cost = costs[size_t(i)];
    if (epilogueLeft > 0) { // part of the exchange before it
      timeline::Work work = {toForm(cost.flops), toForm(cost.weightBytes), toForm(cost.activationBytes), cost.element};
      timeline::addWork(events.back().work, work, 1 / double(events.back().ranks.size()));
      events.back().name += " + " + cost.op;
      --epilogueLeft;
      return;
    }
    order.push_back(i);
    firstEvents.push_back(events.size());
    timeline::Event event;
    std::string part = sourceName(tables, launch);
    event.name = part.empty() ? cost.op : cost.op + " " + part;
    // A launch outside of a loop is of a layer if its part of the model is.
    event.layer = layersOf(i) > 1 || part.find(".layers.") != std::string::npos ? layer : -1;
    event.ranks = {tables.rank};
    event.extents = extents;
    if (launch.kernel < 0) {
      const plait_collective_v4_t &collective = plan.collectives[-1 - launch.kernel];
      bool sendsNothing = collective.kind == PLAIT_COLLECTIVE_ALL_TO_ALL
                              ? collective.dim == 1
                              : collective.kind == PLAIT_COLLECTIVE_ALL_GATHER && collective.dim == 0;
      if (collective.kind == PLAIT_COLLECTIVE_PART || (sendsNothing && !sharesTokens))
        return;
      setExchange(event, collective);
    } else {
      event.work = {toForm(cost.flops), toForm(cost.weightBytes), toForm(cost.activationBytes), cost.element};
      event.kind = timeline::classify(event.work);
      if (sharesTokens && tables.kernels[launch.kernel].tile_dim == PLAIT_DIM_TOKENS_PART)
        event.share = 1 / double(groupOf(tables.token_group).size());
    }
    events.push_back(std::move(event));
  }

  std::vector<int> groupOf(int32_t group) const {
    std::vector<int> members(static_cast<size_t>(tables.ranks));
    std::iota(members.begin(), members.end(), 0);
    if (group >= 0)
      members.assign(tables.groups[group].members, tables.groups[group].members + tables.groups[group].count);
    return members;
  }

  void setExchange(timeline::Event &event, const plait_collective_v4_t &collective) {
    using timeline::EventKind;
    event.ranks = groupOf(collective.group);
    double bytes = 4 * double(collective.columns) * std::max(collective.nodes, 1);
    if (collective.precision == PLAIT_SUM_BF16) // of a fused sum what is gathered is sent as it is
      bytes *= collective.kind == PLAIT_COLLECTIVE_REDUCE_GATHER && sharesTokens ? 0.75 : 0.5;
    switch (collective.rows) {
    case PLAIT_DIM_TOKENS:
    case PLAIT_DIM_TOKENS_PART:
      event.bytes.tokens = bytes;
      break;
    case PLAIT_DIM_ROWS:
      event.bytes.rows = bytes;
      break;
    default: // all others grow with the leaves
      event.bytes.leaves = bytes;
    }
    for (int32_t i = 0; i < collective.algorithm_count; ++i)
      event.algorithms.push_back(
          {double(collective.algorithms[i].rows), timeline::SumAlgorithm(collective.algorithms[i].algorithm)});
    switch (collective.kind) {
    case PLAIT_COLLECTIVE_ALL_REDUCE:
      event.kind = EventKind::allReduce;
      break;
    case PLAIT_COLLECTIVE_REDUCE_GATHER:
      epilogueLeft = sharesTokens ? collective.other : 0;
      event.kind = EventKind::allReduce;
      break;
    case PLAIT_COLLECTIVE_REDUCE_SCATTER:
      event.kind = sharesTokens || collective.dim == 1 ? EventKind::reduceScatter : EventKind::allReduce;
      break;
    case PLAIT_COLLECTIVE_ALL_TO_ALL: // of n ranks each gives and gets the n-th of a gathering
      event.share = sharesTokens ? 1 / double(event.ranks.size()) : 1;
      [[fallthrough]];
    case PLAIT_COLLECTIVE_ALL_GATHER:
      event.kind = EventKind::allGather;
      break;
    default:
      event.kind = EventKind::send;
      if (collective.kind != PLAIT_COLLECTIVE_BROADCAST) {
        event.ranks = {tables.rank, event.ranks[size_t(collective.other)]};
        std::sort(event.ranks.begin(), event.ranks.end());
      }
    }
  }

  const plait_model_v4_t &tables;
  const plait_plan_v2_t &plan;
  const std::vector<LaunchCost> &costs;
  const timeline::Extents &extents;
  bool sharesTokens; ///< or each rank has all of them
  std::vector<timeline::Event> events;
  std::vector<int32_t> order;      ///< of launches
  std::vector<size_t> firstEvents; ///< of each, and behind the last
  int32_t epilogueLeft = 0;        ///< launches that are part of the last exchange
};

} // namespace

Expected<timeline::EventList> plait::artifactEvents(const std::vector<std::shared_ptr<const Model>> &models,
                                                    const std::string &variant, const timeline::Extents &extents) {
  std::vector<std::vector<timeline::Event>> programs;
  for (const auto &model : models) {
    PLAIT_ASSIGN_OR_RETURN(const plait_plan_v2_t *plan, model->plan(variant));
    PLAIT_ASSIGN_OR_RETURN(Explanation explanation, Explanation::read(*model));
    PLAIT_ASSIGN_OR_RETURN(std::vector<LaunchCost> costs, explanation.costsOf(*model, *plan));
    programs.push_back(RankEvents(*model, *plan, costs, extents).run());
  }
  return timeline::joinRanks(programs);
}
