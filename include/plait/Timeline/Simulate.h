//===- Simulate.h - When tasks run that share resources ---------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A deterministic discrete-event simulation. A task waits for others, then for a fixed time, and
// then has work that takes `seconds` if it gets all that it demands of each resource. The
// rules by which tasks share:
//
//  * A task begins as soon as those before it have ended. Nothing else is a queue: what runs
//    one behind the other on a device says so by its dependences.
//  * A task that runs at speed s takes s times its demand of each resource.
//  * Those of higher priority are served first. Among equals all speeds grow alike, until a
//    resource is used up or a task runs at full speed; those that can go on do
//    (max-min fairness by progressive filling, Bertsekas and Gallager 1992, section 6.5.2).
//  * Speeds change only when a task begins or ends.
//
// As with any rule that leaves nothing idle, a task that becomes shorter may make the whole
// longer (Graham 1969), but only where tasks share.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TIMELINE_SIMULATE_H
#define PLAIT_TIMELINE_SIMULATE_H

#include "runtime/base/Status.h"

#include <string>
#include <vector>

namespace plait::timeline {

/// Something that tasks share: units of computation, bytes per second.
struct Resource {
  std::string name;
  double capacity = 1;
};

/// What a task at full speed takes of a resource.
struct Demand {
  int resource = 0;
  double amount = 0; ///< at most the capacity
};

struct Task {
  double fixed = 0;   ///< seconds that pass first, whatever else runs: a launch, a latency
  double seconds = 0; ///< at full speed
  std::vector<Demand> demands;
  int priority = 0;
  std::vector<int> after; ///< tasks that end before this one begins
};

struct Interval {
  double begin = 0, end = 0; ///< seconds
  double length() const { return end - begin; }
};

/// What comes of it.
struct Schedule {
  double makespan = 0;
  std::vector<Interval> tasks;
  std::vector<double> used;      ///< of each resource the integral of what is taken, over its capacity: seconds
  std::vector<double> busy;      ///< seconds in which some task takes of it; the rest is idle
  std::vector<int> criticalPath; ///< tasks that follow each other without a gap, from 0 to the makespan
};

/// Errors name the task: numbers that are negative or not finite, demands above a capacity or of
/// a resource that is not there, tasks that wait for each other in a circle.
Expected<Schedule> simulate(const std::vector<Task> &tasks, const std::vector<Resource> &resources);

} // namespace plait::timeline

#endif // PLAIT_TIMELINE_SIMULATE_H
