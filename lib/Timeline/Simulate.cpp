//===- Simulate.cpp - When tasks run that share resources -----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Timeline/Simulate.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

using namespace plait;
using namespace plait::timeline;

namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();
/// Of a length or a capacity: what is less is rounding.
constexpr double kRounding = 1e-12;

bool isAmount(double value) { return std::isfinite(value) && value >= 0; }

Status checkTasks(const std::vector<Task> &tasks, const std::vector<Resource> &resources) {
  for (const Resource &resource : resources)
    if (!isAmount(resource.capacity))
      return invalidArgument("resource '" + resource.name + "': found capacity " + std::to_string(resource.capacity) +
                             "; expected a number that is not negative");
  for (size_t i = 0; i < tasks.size(); ++i) {
    std::string where = "task " + std::to_string(i) + ": ";
    if (!isAmount(tasks[i].fixed) || !isAmount(tasks[i].seconds))
      return invalidArgument(where + "found " + std::to_string(tasks[i].fixed) + " and " +
                             std::to_string(tasks[i].seconds) + " seconds; expected numbers that are not negative");
    for (const Demand &demand : tasks[i].demands) {
      if (demand.resource < 0 || size_t(demand.resource) >= resources.size())
        return invalidArgument(where + "found resource " + std::to_string(demand.resource) + "; expected one of " +
                               std::to_string(resources.size()));
      const Resource &resource = resources[size_t(demand.resource)];
      if (!isAmount(demand.amount) || demand.amount > resource.capacity * (1 + kRounding))
        return invalidArgument(where + "found a demand of " + std::to_string(demand.amount) + " of '" + resource.name +
                               "'; expected at most " + std::to_string(resource.capacity));
    }
    for (int before : tasks[i].after)
      if (before < 0 || size_t(before) >= tasks.size())
        return invalidArgument(where + "found that it waits for task " + std::to_string(before) + "; expected one of " +
                               std::to_string(tasks.size()));
  }
  return Status::success();
}

class Simulation {
public:
  Simulation(const std::vector<Task> &tasks, const std::vector<Resource> &resources)
      : tasks(tasks), resources(resources), missing(tasks.size()), followers(tasks.size()) {
    schedule.tasks.resize(tasks.size());
    schedule.used.resize(resources.size());
    schedule.busy.resize(resources.size());
  }

  Expected<Schedule> run() {
    for (size_t i = 0; i < tasks.size(); ++i) {
      missing[i] = int(tasks[i].after.size());
      for (int before : tasks[i].after)
        followers[size_t(before)].push_back(int(i));
    }
    for (size_t i = 0; i < tasks.size(); ++i)
      if (!missing[i])
        begin(int(i));
    while (!active.empty())
      advance();
    if (ended != tasks.size()) {
      size_t first =
          size_t(std::find_if(missing.begin(), missing.end(), [](int n) { return n > 0; }) - missing.begin());
      return invalidArgument("task " + std::to_string(first) +
                             ": found that it waits, by way of others, for itself or for one that does; expected "
                             "dependences without a circle");
    }
    schedule.makespan = now;
    findCriticalPath();
    return std::move(schedule);
  }

private:
  struct Active {
    int task;
    double fixedUntil; ///< its work begins then
    double remaining;  ///< seconds of work at full speed
    double speed = 0;
    bool works(double time) const { return time >= fixedUntil; }
  };

  void begin(int i) {
    const Task &task = tasks[size_t(i)];
    schedule.tasks[size_t(i)].begin = now;
    active.push_back({i, now + task.fixed, task.seconds});
  }

  /// The rules of sharing, for those whose work is at hand.
  void setSpeeds() {
    std::vector<double> left;
    for (const Resource &resource : resources)
      left.push_back(resource.capacity);
    std::map<int, std::vector<Active *>, std::greater<>> classes;
    for (Active &one : active) {
      one.speed = 0;
      if (one.works(now))
        classes[tasks[size_t(one.task)].priority].push_back(&one);
    }
    for (auto &[priority, members] : classes)
      fill(members, left);
  }

  void fill(std::vector<Active *> growing, std::vector<double> &left) {
    std::vector<double> wanted(resources.size());
    while (!growing.empty()) {
      std::fill(wanted.begin(), wanted.end(), 0);
      for (Active *one : growing)
        for (const Demand &demand : tasks[size_t(one->task)].demands)
          wanted[size_t(demand.resource)] += demand.amount;
      double step = 1;
      for (Active *one : growing)
        step = std::min(step, 1 - one->speed);
      for (size_t r = 0; r < resources.size(); ++r)
        if (wanted[r] > 0)
          step = std::min(step, left[r] / wanted[r]);
      for (size_t r = 0; r < resources.size(); ++r) {
        left[r] -= step * wanted[r];
        if (left[r] <= kRounding * resources[r].capacity)
          left[r] = 0;
      }
      for (Active *one : growing)
        one->speed += step;
      std::erase_if(growing, [&](Active *one) {
        if (one->speed >= 1 - kRounding) {
          one->speed = 1;
          return true;
        }
        const std::vector<Demand> &demands = tasks[size_t(one->task)].demands;
        return std::any_of(demands.begin(), demands.end(), [&](const Demand &demand) {
          return demand.amount > 0 && left[size_t(demand.resource)] == 0;
        });
      });
    }
  }

  void advance() {
    setSpeeds();
    double next = kNever;
    for (const Active &one : active)
      next = std::min(next, getEnd(one));
    count(next - now);
    // Ties end together, so that rounding decides nothing.
    double tie = next * (1 + kRounding);
    std::vector<int> done;
    for (Active &one : active) {
      double end = getEnd(one);
      if (one.works(now))
        one.remaining = end <= tie ? 0 : std::max(0.0, one.remaining - (next - now) * one.speed);
      else if (end <= tie)
        one.fixedUntil = next;
      if (one.works(next) && one.remaining <= 0)
        done.push_back(one.task);
    }
    now = next;
    std::erase_if(active, [&](const Active &one) { return one.works(now) && one.remaining <= 0; });
    std::sort(done.begin(), done.end());
    for (int task : done)
      end(task);
  }

  /// When it ends, or when its work begins, if all stays as it is.
  double getEnd(const Active &one) const {
    if (!one.works(now))
      return one.fixedUntil;
    if (one.remaining <= 0)
      return now;
    return one.speed > 0 ? now + one.remaining / one.speed : kNever;
  }

  void count(double seconds) {
    std::vector<double> taken(resources.size());
    for (const Active &one : active)
      for (const Demand &demand : tasks[size_t(one.task)].demands)
        taken[size_t(demand.resource)] += one.speed * demand.amount;
    for (size_t r = 0; r < resources.size(); ++r)
      if (taken[r] > 0) {
        schedule.used[r] += seconds * taken[r] / resources[r].capacity;
        schedule.busy[r] += seconds;
      }
  }

  void end(int task) {
    schedule.tasks[size_t(task)].end = now;
    ++ended;
    for (int follower : followers[size_t(task)])
      if (--missing[size_t(follower)] == 0)
        begin(follower);
  }

  void findCriticalPath() {
    if (tasks.empty())
      return;
    auto endsFirst = [&](int a, int b) { return schedule.tasks[size_t(a)].end < schedule.tasks[size_t(b)].end; };
    std::vector<int> all(tasks.size());
    for (size_t i = 0; i < all.size(); ++i)
      all[i] = int(i);
    int last = *std::max_element(all.begin(), all.end(), endsFirst);
    std::vector<int> &path = schedule.criticalPath;
    for (path.push_back(last); !tasks[size_t(last)].after.empty(); path.push_back(last))
      last = *std::max_element(tasks[size_t(last)].after.begin(), tasks[size_t(last)].after.end(), endsFirst);
    std::reverse(path.begin(), path.end());
  }

  const std::vector<Task> &tasks;
  const std::vector<Resource> &resources;
  std::vector<int> missing; ///< how many each waits for
  std::vector<std::vector<int>> followers;
  std::vector<Active> active;
  double now = 0;
  size_t ended = 0;
  Schedule schedule;
};

} // namespace

Expected<Schedule> timeline::simulate(const std::vector<Task> &tasks, const std::vector<Resource> &resources) {
  PLAIT_RETURN_IF_ERROR(checkTasks(tasks, resources));
  return Simulation(tasks, resources).run();
}
