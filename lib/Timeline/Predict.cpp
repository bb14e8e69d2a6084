//===- Predict.cpp - When the events of a step run on a machine -----------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Timeline/Predict.h"

#include <algorithm>

using namespace plait;
using namespace plait::timeline;

/// Whether it waits for another stream: an exchange for what computes, or what computes for an exchange.
static bool changesStream(const Event &event, const EventList &list) {
  return std::any_of(event.after.begin(), event.after.end(), [&](int before) {
    return isExchange(list.events[size_t(before)].kind) != isExchange(event.kind);
  });
}

/// `isSplit`: there are two streams, one that computes and one that exchanges.
static Task getTask(const Event &event, const EventList &list, const Machine &machine, bool isSplit) {
  Task task;
  task.after = event.after;
  task.fixed = isSplit && changesStream(event, list) ? machine.sync : 0;
  if (!isExchange(event.kind)) {
    int rank = event.ranks.front();
    task.fixed += event.launches * machine.getDevice(rank).launch;
    task.seconds = machine.getComputeSeconds(event, rank);
    task.demands = {{2 * rank, double(machine.units)}};
    return task;
  }
  Machine::Exchange exchange = machine.getExchange(event);
  task.fixed += exchange.latency;
  task.seconds = exchange.transfer;
  task.priority = 1;
  double units = std::min(double(machine.units), exchange.units + machine.stall * machine.units);
  for (int rank : event.ranks)
    task.demands.insert(task.demands.end(), {{2 * rank, units}, {2 * rank + 1, 1}});
  return task;
}

Expected<Prediction> timeline::predict(const EventList &list, const Machine &machine, const Extents &step) {
  if (machine.devices.size() != 1 && machine.devices.size() < size_t(list.ranks))
    return invalidArgument("machine " + machine.name + ": found " + std::to_string(machine.devices.size()) +
                           " devices; expected one for each of " + std::to_string(list.ranks) + " ranks");
  Prediction prediction;
  for (int rank = 0; rank < list.ranks; ++rank) {
    prediction.resources.push_back({"rank " + std::to_string(rank), double(machine.units)});
    prediction.resources.push_back({"link " + std::to_string(rank), 1});
  }
  bool isSplit = std::any_of(list.events.begin(), list.events.end(), [](const Event &event) { return event.part > 0; });
  std::vector<Task> tasks;
  for (const Event &event : list.events)
    tasks.push_back(getTask(event, list, machine, isSplit));
  PLAIT_ASSIGN_OR_RETURN(prediction.schedule, simulate(tasks, prediction.resources));
  prediction.hostSeconds = machine.getHostSeconds(step);
  prediction.seconds = prediction.schedule.makespan + prediction.hostSeconds;
  return prediction;
}
