//===- OverlapSites.cpp - What a fused sum saves --------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Cost/OverlapSites.h"

#include "plait/Cost/StepEvents.h"

using namespace plait;
using namespace mlir;
using timeline::Event;
using timeline::EventList;

/// Seconds of events that are those of all ranks, one behind the other.
static double predictAll(ArrayRef<Event> events, const timeline::Machine &machine, size_t ranks) {
  std::vector<std::vector<Event>> programs;
  for (size_t rank = 0; rank < ranks; ++rank) {
    std::vector<Event> &program = programs.emplace_back(events.begin(), events.end());
    for (Event &event : program)
      if (!timeline::isExchange(event.kind))
        event.ranks = {int(rank)};
  }
  auto list = timeline::joinRanks(programs);
  auto prediction = timeline::predict(*list, machine, events.front().extents);
  assert(prediction && "programs that are alike, on a machine with their devices");
  return prediction->schedule.makespan;
}

SiteTimes plait::predictSite(par::ReduceGatherOp fused, const timeline::Machine &machine, const OverlapLoad &load) {
  auto mesh = SymbolTable::lookupNearestSymbolFrom<par::MeshOp>(fused, fused.getMeshAttr());
  size_t ranks = size_t(mesh.getSize(fused.getDeviceAxes()));
  double past = double(load.prompt) + double(load.answer) / 2;
  SiteTimes times;
  for (auto [extents, count] : {std::pair(timeline::Extents::decode(double(load.sequences), past), double(load.answer)),
                                {timeline::Extents::prefill(double(load.prompt)), double(load.sequences)}}) {
    if (!sharesTokens(fused, extents)) // takes the same in both forms
      continue;
    Event whole = getExchangeEvent(fused, ranks, extents), sum = whole;
    sum.work = {};
    std::vector<Event> before{sum};
    for (Operation &op : fused.getBody().front())
      if (auto costed = dyn_cast<lm::CostOpInterface>(op)) {
        before.push_back(getComputeEvent(costed, extents));
        before.back().launches = before.size() == 2; // rows pass through all of them
      }
    times.before += count * predictAll(before, machine, ranks);
    times.after += count * predictAll(whole, machine, ranks);
  }
  if (auto layers = dyn_cast<lm::LayersOp>(fused->getParentOp())) {
    times.before *= double(layers.getCount());
    times.after *= double(layers.getCount());
  }
  return times;
}

std::string plait::getSiteText(par::ReduceGatherOp fused) {
  std::string text = "all_reduce";
  for (Operation &op : fused.getBody().front().without_terminator())
    text += ", " + op.getName().stripDialect().str();
  return text;
}
