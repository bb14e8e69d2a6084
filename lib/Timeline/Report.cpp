//===- Report.cpp - Timelines as text and as a trace ----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Timeline/Report.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

using namespace plait;
using namespace plait::timeline;

static constexpr size_t kLongest = 8; ///< groups of events that the text names

std::string timeline::timeText(double seconds) {
  if (seconds >= 1)
    return fmt::format("{:.3f} s", seconds);
  if (seconds >= 1e-3)
    return fmt::format("{:.3f} ms", seconds * 1e3);
  return fmt::format("{:.2f} us", seconds * 1e6);
}

static std::string shortened(const std::string &text, size_t width) {
  return text.size() <= width ? text : ".." + text.substr(text.size() - width + 2);
}

std::string timeline::reportText(const EventList &list, const Prediction &prediction) {
  const Schedule &schedule = prediction.schedule;
  std::string text = fmt::format("  {:<16}{:>12}{:>12}{:>10}{:>10}\n", "", "busy", "idle", "busy", "used");
  auto linesOf = [&](int rank, const std::string &ranks) {
    std::string lines;
    for (size_t r : {2 * size_t(rank), 2 * size_t(rank) + 1})
      lines += fmt::format("  {:<16}{:>12}{:>12}{:>8.1f} %{:>8.1f} %\n", (r % 2 ? "link " : "rank ") + ranks,
                           timeText(schedule.busy[r]), timeText(schedule.makespan - schedule.busy[r]),
                           100 * schedule.busy[r] / schedule.makespan, 100 * schedule.used[r] / schedule.makespan);
    return lines;
  };
  for (int first = 0, end; first < list.ranks; first = end) { // ranks that are alike have one line
    for (end = first + 1; end < list.ranks && linesOf(end, "") == linesOf(first, "");)
      ++end;
    text += linesOf(first, end == first + 1 ? fmt::format("{}", first) : fmt::format("{} to {}", first, end - 1));
  }
  std::map<EventKind, double> kinds;
  std::map<std::pair<EventKind, std::string>, std::pair<double, int>> names;
  for (int i : schedule.criticalPath) {
    const Event &event = list.events[size_t(i)];
    double length = schedule.tasks[size_t(i)].length();
    kinds[event.kind] += length;
    auto &[seconds, count] = names[{event.kind, event.name}];
    seconds += length;
    ++count;
  }
  text += fmt::format("  critical path of {} events, {}:", schedule.criticalPath.size(), timeText(schedule.makespan));
  for (auto [kind, seconds] : kinds)
    text += fmt::format(" {} {:.1f} %", getName(kind), 100 * seconds / schedule.makespan);
  text += "\n";
  std::vector<std::pair<double, std::string>> longest;
  for (const auto &[name, sum] : names)
    longest.emplace_back(-sum.first, fmt::format("  {:>12} {:>5} x {:<14} {}\n", timeText(sum.first), sum.second,
                                                 getName(name.first), shortened(name.second, 60)));
  std::sort(longest.begin(), longest.end());
  for (size_t i = 0; i < std::min(kLongest, longest.size()); ++i)
    text += longest[i].second;
  return text;
}

Json timeline::reportTrace(const EventList &list, const Prediction &prediction, const std::string &title) {
  Json events = Json::array();
  for (int rank = 0; rank < list.ranks; ++rank) {
    auto name = [&](const char *what, int thread, const std::string &value) {
      events.push_back({{"name", what}, {"ph", "M"}, {"pid", rank}, {"tid", thread}, {"args", {{"name", value}}}});
    };
    name("process_name", 0, fmt::format("rank {}", rank));
    name("thread_name", 0, "computes");
    name("thread_name", 1, "exchanges");
  }
  std::vector<bool> isCritical(list.events.size(), false);
  for (int i : prediction.schedule.criticalPath)
    isCritical[size_t(i)] = true;
  for (size_t i = 0; i < list.events.size(); ++i) {
    const Event &event = list.events[i];
    const Interval &interval = prediction.schedule.tasks[i];
    Json arguments = {{"layer", event.layer}, {"critical", bool(isCritical[i])}};
    if (event.part > 0 || event.extents.tokens > 0)
      arguments["tokens"] = event.extents.tokens;
    if (isExchange(event.kind))
      arguments["bytes"] = event.share * event.bytes.at(event.extents);
    else
      arguments["flops"] = event.share * event.work.flops.at(event.extents);
    for (int rank : event.ranks)
      events.push_back({{"name", event.name},
                        {"cat", getName(event.kind)},
                        {"ph", "X"},
                        {"pid", rank},
                        {"tid", isExchange(event.kind) ? 1 : 0},
                        {"ts", interval.begin * 1e6},
                        {"dur", interval.length() * 1e6},
                        {"args", arguments}});
  }
  return {{"displayTimeUnit", "ms"}, {"otherData", {{"title", title}, {"simulated", true}}}, {"traceEvents", events}};
}
