//===- Profile.cpp - Where the time of steps goes -------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/plait/Profile.h"

#include "runtime/base/File.h"
#include "runtime/core/Tables.h"
#include "tools/plait/TableText.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

using namespace plait;

/// Steps of a test that its trace shows: enough to see what is regular.
static constexpr size_t kTracedSteps = 16;

Profile::Profile(std::string title, const Model &model, const plait_plan_v2_t &plan,
                 const std::vector<LaunchCost> &costs)
    : title(std::move(title)) {
  for (size_t i = 0; i < costs.size(); ++i) {
    const plait_launch_v3_t &row = plan.launches[i];
    std::string part = sourceName(model.tables(), row);
    launches.push_back({part.empty() ? costs[i].op : part, launchName(model.tables(), plan, row), costs[i],
                        row.layer_end - row.layer_begin > 1 || row.layer_begin > 0, Sum()});
  }
}

void Profile::add(ProfiledStep step) {
  threads = step.times.threads.size();
  ++steps;
  nanoseconds += step.nanoseconds;
  for (size_t t = 0; t < threads; ++t) {
    // Who waits has finished early: it belongs to the launch before the barrier.
    Sum *before = nullptr;
    for (const StepProfile::Launch &times : step.times.threads[t].launches) {
      Launch &launch = launches[size_t(times.index)];
      (before ? *before : launch.sum).waiting += times.begun - times.waited;
      before = &launch.sum;
      launch.sum.running += times.ended - times.begun;
      if (t == 0) {
        ++launch.sum.calls;
        // Costs are those of the whole step; weights are read for each part.
        launch.sum.bytes += launch.cost.weightBytes.at(step.load);
        launch.sum.flops += launch.cost.flops.at(step.load) / step.times.parts;
      }
    }
    if (before)
      before->waiting += step.times.walkEnd - step.times.threads[t].launches.back().ended;
  }
  last.push_back(std::move(step));
  if (last.size() > kTracedSteps)
    last.pop_front();
}

//===----------------------------------------------------------------------===//
// Sums
//===----------------------------------------------------------------------===//

double Profile::perStep(double sum) const { return sum / double(std::max<int64_t>(steps, 1)) / double(threads); }

std::vector<Profile::Group> Profile::groupsBy(std::string Launch::*name) const {
  std::vector<Group> groups;
  for (const Launch &launch : launches) {
    auto same = std::find_if(groups.begin(), groups.end(), [&](const Group &group) {
      return group.name == launch.*name && group.op == launch.cost.op;
    });
    if (same == groups.end())
      same = groups.insert(groups.end(), {launch.*name, launch.cost.op, {}});
    same->sum.calls += launch.sum.calls;
    same->sum.running += launch.sum.running;
    same->sum.waiting += launch.sum.waiting;
    same->sum.bytes += launch.sum.bytes;
    same->sum.flops += launch.sum.flops;
  }
  std::sort(groups.begin(), groups.end(), [](const Group &a, const Group &b) {
    return std::tie(b.sum.running, a.name, a.op) < std::tie(a.sum.running, b.name, b.op);
  });
  return groups;
}

std::string Profile::table(const char *head, std::string Launch::*name) const {
  double step = double(nanoseconds) / double(std::max<int64_t>(steps, 1));
  std::string text = fmt::format("\n| {} | op | calls | total ms | us/step | share | waiting us | GB/s | GFLOP/s |\n"
                                 "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
                                 head);
  double running = 0, waiting = 0;
  auto line = [&](const std::string &what, const std::string &op, const std::string &calls, double time,
                  const std::string &rest) {
    return fmt::format("| {} | {} | {} | {:.2f} | {:.1f} | {:.1f}% | {} |\n", what, op, calls,
                       time * double(steps) / 1e6, time / 1e3, 100 * time / step, rest);
  };
  for (const Group &group : groupsBy(name)) {
    double time = perStep(double(group.sum.running)), wait = perStep(double(group.sum.waiting));
    running += time;
    waiting += wait;
    // Bytes per nanosecond are GB/s.
    double all = time * double(steps);
    text += line(group.name, group.op, std::to_string(group.sum.calls), time,
                 fmt::format("{:.1f} | {:.1f} | {:.1f}", wait / 1e3, all > 0 ? group.sum.bytes / all : 0,
                             all > 0 ? group.sum.flops / all : 0));
  }
  text += line("waiting at barriers", "", "", waiting, " |  | ");
  text += line("outside kernels", "", "", step - running - waiting, " |  | ");
  return text + line("all", "", "", step, " |  | ");
}

std::string Profile::markdown() const {
  return fmt::format("\n{}: {} steps on {} threads, times on average over the threads\n", title, steps, threads) +
         table("part of the model", &Launch::part) + table("kernel", &Launch::kernel);
}

Json Profile::list(std::string Launch::*name) const {
  Json list = Json::array();
  for (const Group &group : groupsBy(name))
    list.push_back({{"name", group.name},
                    {"op", group.op},
                    {"calls", group.sum.calls},
                    {"ns_per_step", perStep(double(group.sum.running))},
                    {"waiting_ns_per_step", perStep(double(group.sum.waiting))},
                    {"bytes_per_step", group.sum.bytes / double(std::max<int64_t>(steps, 1))},
                    {"flops_per_step", group.sum.flops / double(std::max<int64_t>(steps, 1))}});
  return list;
}

Json Profile::json() const {
  Sum all;
  for (const Launch &launch : launches) {
    all.running += launch.sum.running;
    all.waiting += launch.sum.waiting;
  }
  double step = double(nanoseconds) / double(std::max<int64_t>(steps, 1));
  double running = perStep(double(all.running)), waiting = perStep(double(all.waiting));
  return {{"steps", steps},
          {"ns_per_step", step},
          {"kernels_ns_per_step", running},
          {"waiting_ns_per_step", waiting},
          {"outside_ns_per_step", step - running - waiting},
          {"parts", list(&Launch::part)},
          {"kernels", list(&Launch::kernel)}};
}

//===----------------------------------------------------------------------===//
// Trace
//===----------------------------------------------------------------------===//

// The format is described in "Trace Event Format" (Google, 2016): "X" is an event
// with a duration, "M" names a process or thread; times are microseconds.

static std::string quoted(const std::string &text) {
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

void Profile::appendTrace(int process, int64_t origin, std::string &events) const {
  auto add = [&](const std::string &event) { events += (events.empty() ? "" : ",\n") + event; };
  add(fmt::format(R"({{"name":"process_name","ph":"M","pid":{},"tid":0,"args":{{"name":{}}}}})", process,
                  quoted(title)));
  for (size_t t = 0; t < threads; ++t)
    add(fmt::format(R"({{"name":"thread_name","ph":"M","pid":{},"tid":{},"args":{{"name":"thread {}"}}}})", process, t,
                    t));
  auto event = [&](const std::string &name, const char *kind, size_t thread, int64_t begin, int64_t end,
                   const std::string &arguments) {
    add(fmt::format(R"({{"name":{},"cat":"{}","ph":"X","pid":{},"tid":{},"ts":{:.3f},"dur":{:.3f},"args":{{{}}}}})",
                    quoted(name), kind, process, thread, double(begin - origin) / 1e3, double(end - begin) / 1e3,
                    arguments));
  };
  int64_t number = steps - int64_t(last.size());
  for (const ProfiledStep &step : last) {
    const StepProfile &times = step.times;
    std::string load = fmt::format(R"("tokens":{},"rows":{},"leaves":{},"positions":{})", step.load.tokens,
                                   step.load.rows, step.load.leaves, step.load.positions);
    for (size_t t = 0; t < times.threads.size(); ++t) {
      event(fmt::format("step {}", number), "step", t, times.begin, times.end, load);
      const std::vector<StepProfile::Launch> &rows = times.threads[t].launches;
      for (const StepProfile::Launch &row : rows) {
        const Launch &launch = launches[size_t(row.index)];
        if (row.waited < row.begun)
          event("barrier", "barrier", t, row.waited, row.begun, "");
        event(launch.layered ? fmt::format("{} [{}]", launch.part, row.layer) : launch.part, "launch", t, row.begun,
              row.ended,
              fmt::format(R"("op":{},"kernel":{},"bytes":{:.0f},"flops":{:.0f})", quoted(launch.cost.op),
                          quoted(launch.kernel), launch.cost.weightBytes.at(step.load),
                          launch.cost.flops.at(step.load)));
      }
      if (!rows.empty())
        event("barrier", "barrier", t, rows.back().ended, times.walkEnd, "");
    }
    ++number;
  }
}

Status plait::writeTrace(const std::string &path, const std::vector<Profile> &profiles) {
  int64_t origin = INT64_MAX;
  for (const Profile &profile : profiles)
    origin = std::min(origin, profile.traceBegin());
  std::string events;
  for (size_t i = 0; i < profiles.size(); ++i)
    profiles[i].appendTrace(int(i), origin, events);
  return writeFileAtomic(path, "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n" + events + "\n]}\n");
}
