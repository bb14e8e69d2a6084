//===- ExchangePoints.cpp - Collectives beside other launches -------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/device/cpu/ExchangePoints.h"

#include <algorithm>
#include <tuple>

using namespace plait;

namespace {

bool isCollective(const plait_launch_v3_t &launch) { return launch.kernel < 0; }

/// Slots of launch `index` and, of a collective, of the launches that are part of it.
std::vector<int32_t> slotsOf(const plait_plan_v2_t &plan, int32_t index) {
  int32_t last = index;
  if (isCollective(plan.launches[index])) {
    const plait_collective_v4_t &collective = plan.collectives[-1 - plan.launches[index].kernel];
    if (collective.kind == PLAIT_COLLECTIVE_REDUCE_GATHER)
      last += collective.other;
  }
  std::vector<int32_t> slots;
  for (int32_t i = index; i <= last; ++i)
    for (int32_t a = 0; a < plan.launches[i].arg_count; ++a)
      if (const plait_arg_v1_t &arg = plan.args[plan.launches[i].first_arg + a];
          arg.kind == PLAIT_ARG_SLOT || arg.kind == PLAIT_ARG_COPY)
        slots.push_back(arg.index);
  return slots;
}

} // namespace

std::vector<size_t> plait::findAwaited(const plait_plan_v2_t &plan, std::span<const int32_t> order) {
  std::vector<size_t> awaited(order.size());
  // Backwards, with the next launch that uses each slot.
  std::vector<size_t> nextUse(size_t(plan.slot_count), order.size());
  for (size_t place = order.size(); place-- > 0;) {
    std::vector<int32_t> slots = slotsOf(plan, order[place]);
    bool isExchange = isCollective(plan.launches[order[place]]);
    awaited[place] = isExchange ? order.size() : place;
    for (int32_t slot : slots)
      if (isExchange)
        awaited[place] = std::min(awaited[place], nextUse[size_t(slot)]);
      else
        nextUse[size_t(slot)] = place;
  }
  return awaited;
}

std::vector<ExchangePoint> plait::findExchangePoints(const plait_plan_v2_t &plan, std::span<const int32_t> order) {
  std::vector<size_t> awaited = findAwaited(plan, order);
  std::vector<ExchangePoint> points;
  size_t exchanges = 0, left = 0, underWay = 0; // until this place
  for (size_t place = 0; place < order.size(); ++place) {
    if (!isCollective(plan.launches[order[place]]))
      continue;
    const plait_launch_v3_t &launch = plan.launches[order[place]];
    bool hasTime = awaited[place] > place + 1, repeats = launch.layer_end - launch.layer_begin > 1;
    exchanges += repeats;
    left += repeats && hasTime;
    if (!hasTime && underWay <= place)
      continue;
    points.push_back({place, place, true});
    points.push_back({awaited[place], place, false});
    underWay = std::max(underWay, awaited[place]);
  }
  if (2 * left <= exchanges)
    return {};
  // What comes is waited for before more is started; the earlier first.
  std::sort(points.begin(), points.end(), [](const ExchangePoint &a, const ExchangePoint &b) {
    return std::tie(a.place, a.starts, a.exchange) < std::tie(b.place, b.starts, b.exchange);
  });
  return points;
}
