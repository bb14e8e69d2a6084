//===- SimulateTest.cpp - When tasks run that share resources -------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Timeline/Simulate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

using namespace plait;
using namespace plait::timeline;

namespace {

Schedule run(const std::vector<Task> &tasks, const std::vector<Resource> &resources) {
  auto schedule = simulate(tasks, resources);
  EXPECT_TRUE(schedule) << schedule.status().message();
  return schedule ? *schedule : Schedule();
}

std::string errorOf(const std::vector<Task> &tasks, const std::vector<Resource> &resources) {
  auto schedule = simulate(tasks, resources);
  return schedule ? "" : schedule.status().message();
}

TEST(Simulate, NothingTakesNoTime) {
  Schedule schedule = run({}, {{"r", 1}});
  EXPECT_EQ(schedule.makespan, 0);
  EXPECT_TRUE(schedule.criticalPath.empty());
}

TEST(Simulate, EqualsShareAlike) {
  // Two that want all of r: each at half speed until the shorter ends at 2, then the other alone.
  Schedule schedule = run({{0, 1, {{0, 4}}, 0, {}}, {0, 3, {{0, 4}}, 0, {}}}, {{"r", 4}});
  EXPECT_DOUBLE_EQ(schedule.tasks[0].end, 2);
  EXPECT_DOUBLE_EQ(schedule.tasks[1].end, 4);
  EXPECT_DOUBLE_EQ(schedule.used[0], 4);
  EXPECT_DOUBLE_EQ(schedule.busy[0], 4);
}

TEST(Simulate, PriorityIsServedFirst) {
  // A transfer has 33 of 132 units, a product the other 99: 3/4 of its speed for 4 seconds.
  Schedule schedule = run({{0, 6, {{0, 132}}, 0, {}}, {0, 4, {{0, 33}, {1, 1}}, 1, {}}}, {{"units", 132}, {"link", 1}});
  EXPECT_DOUBLE_EQ(schedule.tasks[1].end, 4);
  EXPECT_DOUBLE_EQ(schedule.tasks[0].end, 7);
  EXPECT_DOUBLE_EQ(schedule.busy[1], 4);
  EXPECT_DOUBLE_EQ(schedule.used[0], 7);
}

TEST(Simulate, WhoeverIsNotLimitedGoesOn) {
  // a and b share r, b and c share s. r has 1 for a and b: half each. s has 2 of which b takes 1/2, so c
  // runs at full speed.
  Schedule schedule =
      run({{0, 1, {{0, 1}}, 0, {}}, {0, 1, {{0, 1}, {1, 1}}, 0, {}}, {0, 1, {{1, 1.5}}, 0, {}}}, {{"r", 1}, {"s", 2}});
  EXPECT_DOUBLE_EQ(schedule.tasks[0].end, 2);
  EXPECT_DOUBLE_EQ(schedule.tasks[1].end, 2);
  EXPECT_DOUBLE_EQ(schedule.tasks[2].end, 1);
}

TEST(Simulate, FixedTimePassesWhateverRuns) {
  Schedule schedule = run({{2, 1, {{0, 1}}, 0, {}}, {0, 2.5, {{0, 1}}, 0, {}}, {1, 0, {}, 0, {0, 1}}}, {{"r", 1}});
  // Task 1 is alone until 2, then both share: 0.5 left at half speed ends at 3, task 0 at 3.5.
  EXPECT_DOUBLE_EQ(schedule.tasks[1].end, 3);
  EXPECT_DOUBLE_EQ(schedule.tasks[0].end, 3.5);
  EXPECT_DOUBLE_EQ(schedule.makespan, 4.5);
  EXPECT_EQ(schedule.criticalPath, (std::vector<int>{0, 2}));
}

TEST(Simulate, LessWorkMayTakeLonger) {
  // Graham's anomaly: what comes behind task 0 competes with task 1, behind which there is a chain.
  auto tasksWith = [](double first) {
    return std::vector<Task>{
        {first, 0, {}, 0, {}}, {0, 2, {{0, 1}}, 0, {}}, {0, 2, {{0, 1}}, 0, {0}}, {5, 0, {}, 0, {1}}};
  };
  EXPECT_DOUBLE_EQ(run(tasksWith(2), {{"r", 1}}).makespan, 7);
  EXPECT_DOUBLE_EQ(run(tasksWith(0), {{"r", 1}}).makespan, 9);
}

TEST(Simulate, Errors) {
  EXPECT_EQ(errorOf({{0, 1, {}, 0, {1}}, {0, 1, {}, 0, {0}}}, {}),
            "task 0: found that it waits, by way of others, for itself or for one that does; expected dependences "
            "without a circle");
  EXPECT_EQ(errorOf({{0, 1, {}, 0, {7}}}, {}), "task 0: found that it waits for task 7; expected one of 1");
  EXPECT_EQ(errorOf({{0, 1, {{0, 2}}, 0, {}}}, {{"link", 1}}),
            "task 0: found a demand of 2.000000 of 'link'; expected at most 1.000000");
  EXPECT_EQ(errorOf({{0, 1, {{3, 2}}, 0, {}}}, {{"link", 1}}), "task 0: found resource 3; expected one of 1");
  EXPECT_EQ(errorOf({{0, -1, {}, 0, {}}}, {}),
            "task 0: found 0.000000 and -1.000000 seconds; expected numbers that are not negative");
  EXPECT_EQ(errorOf({}, {{"r", -1}}), "resource 'r': found capacity -1.000000; expected a number that is not negative");
}

//===----------------------------------------------------------------------===//
// Random lists
//===----------------------------------------------------------------------===//

struct Lists {
  std::vector<Task> tasks;
  std::vector<Resource> resources;
};

Lists makeRandom(unsigned seed, bool isContended = true) {
  std::mt19937 random(seed);
  auto pick = [&](int n) { return int(random() % unsigned(n)); };
  Lists lists;
  int resources = 1 + pick(3), tasks = 1 + pick(9);
  for (int r = 0; r < resources; ++r)
    lists.resources.push_back({"r", isContended ? 1.0 + pick(3) : 1000});
  for (int i = 0; i < tasks; ++i) {
    Task task{0.25 * pick(3), 0.25 * pick(9), {}, pick(2), {}};
    for (int r = 0; r < resources; ++r)
      if (pick(2))
        task.demands.push_back({r, std::min(lists.resources[size_t(r)].capacity, 0.5 * (1 + pick(4)))});
    for (int before = 0; before < i; ++before)
      if (pick(4) == 0)
        task.after.push_back(before);
    lists.tasks.push_back(task);
  }
  return lists;
}

/// The same rules in small steps: of its time, each hands out speed in small portions, in turn.
std::vector<double> stepThrough(const Lists &lists, double dt) {
  constexpr int kPortions = 200;
  size_t n = lists.tasks.size();
  std::vector<double> ends(n, -1), begins(n, -1), left(n);
  for (size_t i = 0; i < n; ++i)
    left[i] = lists.tasks[i].seconds;
  size_t open = n;
  for (double now = 0; open && now < 1e3; now += dt) {
    for (bool changed = true; changed;) { // what takes no time
      changed = false;
      for (size_t i = 0; i < n; ++i) {
        const Task &task = lists.tasks[i];
        if (begins[i] < 0 &&
            std::all_of(task.after.begin(), task.after.end(), [&](int a) { return ends[size_t(a)] >= 0; }))
          begins[i] = now;
        if (begins[i] >= 0 && ends[i] < 0 && left[i] <= 1e-9 && now >= begins[i] + task.fixed - 1e-9) {
          ends[i] = now;
          --open;
          changed = true;
        }
      }
    }
    std::vector<double> free;
    for (const Resource &resource : lists.resources)
      free.push_back(resource.capacity);
    std::vector<int> speed(n);
    for (int priority = 1; priority >= 0; --priority)
      for (int portion = 0; portion < kPortions; ++portion)
        for (size_t i = 0; i < n; ++i) {
          const Task &task = lists.tasks[i];
          bool runs = begins[i] >= 0 && ends[i] < 0 && now >= begins[i] + task.fixed - 1e-9;
          if (task.priority != priority || !runs || speed[i] < portion)
            continue;
          if (!std::all_of(task.demands.begin(), task.demands.end(),
                           [&](const Demand &d) { return free[size_t(d.resource)] >= d.amount / kPortions - 1e-9; }))
            continue;
          for (const Demand &d : task.demands)
            free[size_t(d.resource)] -= d.amount / kPortions;
          ++speed[i];
        }
    for (size_t i = 0; i < n; ++i)
      left[i] -= dt * speed[i] / kPortions;
  }
  return ends;
}

/// Whether no end changes much if all lengths change a little: a hair decides who is served otherwise.
bool isStable(const Lists &lists, const Schedule &schedule) {
  for (double sign : {-1.0, 1.0}) {
    Lists other = lists;
    for (size_t i = 0; i < other.tasks.size(); ++i)
      other.tasks[i].seconds *= 1 + sign * 0.01 * (1 + double(i % 3));
    Schedule changed = run(other.tasks, other.resources);
    for (size_t i = 0; i < other.tasks.size(); ++i)
      if (std::abs(changed.tasks[i].end - schedule.tasks[i].end) > 0.03 * schedule.tasks[i].end + 1e-9)
        return false;
  }
  return true;
}

TEST(Simulate, AsInSmallSteps) {
  int compared = 0;
  for (unsigned seed = 0; seed < 300; ++seed) {
    Lists lists = makeRandom(seed);
    Schedule schedule = run(lists.tasks, lists.resources);
    if (!isStable(lists, schedule))
      continue;
    ++compared;
    std::vector<double> ends = stepThrough(lists, 0.005);
    for (size_t i = 0; i < ends.size(); ++i)
      EXPECT_NEAR(schedule.tasks[i].end, ends[i], 0.02 + 0.02 * ends[i]) << "seed " << seed << ", task " << i;
  }
  EXPECT_GE(compared, 250);
}

/// The longest chain, at full speed.
double longestChain(const std::vector<Task> &tasks) {
  std::vector<double> ends;
  for (const Task &task : tasks) {
    double begin = 0;
    for (int before : task.after)
      begin = std::max(begin, ends[size_t(before)]);
    ends.push_back(begin + task.fixed + task.seconds);
  }
  return ends.empty() ? 0 : *std::max_element(ends.begin(), ends.end());
}

TEST(Simulate, Invariants) {
  for (unsigned seed = 1000; seed < 3000; ++seed) {
    Lists lists = makeRandom(seed);
    Schedule schedule = run(lists.tasks, lists.resources);
    // No sooner than the longest chain, nor than any resource can do its work; no later than one by one.
    EXPECT_GE(schedule.makespan, longestChain(lists.tasks) - 1e-9) << seed;
    double all = 0;
    std::vector<double> work(lists.resources.size());
    for (const Task &task : lists.tasks) {
      all += task.fixed + task.seconds;
      for (const Demand &demand : task.demands)
        work[size_t(demand.resource)] +=
            demand.amount * task.seconds / lists.resources[size_t(demand.resource)].capacity;
    }
    EXPECT_LE(schedule.makespan, all + 1e-9) << seed;
    for (size_t r = 0; r < work.size(); ++r) {
      // All work is done, never more at once than there is.
      EXPECT_NEAR(schedule.used[r], work[r], 1e-9) << seed;
      EXPECT_LE(schedule.used[r], schedule.busy[r] + 1e-9) << seed;
      EXPECT_LE(schedule.busy[r], schedule.makespan + 1e-9) << seed;
    }
    for (size_t i = 0; i < lists.tasks.size(); ++i) {
      const Task &task = lists.tasks[i];
      EXPECT_GE(schedule.tasks[i].length(), task.fixed + task.seconds - 1e-9) << seed;
      double ready = 0;
      for (int before : task.after)
        ready = std::max(ready, schedule.tasks[size_t(before)].end);
      EXPECT_EQ(schedule.tasks[i].begin, ready) << seed;
    }
    // The critical path has no gaps.
    ASSERT_FALSE(schedule.criticalPath.empty());
    double at = 0;
    for (int i : schedule.criticalPath) {
      EXPECT_EQ(schedule.tasks[size_t(i)].begin, at) << seed;
      at = schedule.tasks[size_t(i)].end;
    }
    EXPECT_EQ(at, schedule.makespan) << seed;
  }
}

TEST(Simulate, WithoutSharingTheLongestChainDecides) {
  for (unsigned seed = 5000; seed < 5500; ++seed) {
    Lists lists = makeRandom(seed, /*isContended=*/false);
    double before = run(lists.tasks, lists.resources).makespan;
    EXPECT_NEAR(before, longestChain(lists.tasks), 1e-9) << seed;
    // So it is monotone: of a longer task, and of one that waits for one more.
    Lists longer = lists, later = lists;
    longer.tasks[seed % longer.tasks.size()].seconds += 0.5;
    EXPECT_GE(run(longer.tasks, longer.resources).makespan, before - 1e-9) << seed;
    if (lists.tasks.size() > 1)
      later.tasks.back().after.push_back(0);
    EXPECT_GE(run(later.tasks, later.resources).makespan, before - 1e-9) << seed;
  }
}

TEST(Simulate, ScalesWithTime) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    Lists lists = makeRandom(seed), slower = lists;
    for (Task &task : slower.tasks) {
      task.fixed *= 3;
      task.seconds *= 3;
    }
    EXPECT_NEAR(run(slower.tasks, slower.resources).makespan, 3 * run(lists.tasks, lists.resources).makespan, 1e-9);
    EXPECT_EQ(run(lists.tasks, lists.resources).criticalPath, run(lists.tasks, lists.resources).criticalPath);
  }
}

} // namespace
