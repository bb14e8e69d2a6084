//===- ExplainTimeline.cpp - When a step's events run ---------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/plait/ExplainTimeline.h"

#include "plait/Timeline/Report.h"
#include "runtime/base/File.h"
#include "runtime/core/Tables.h"
#include "tools/plait/Arguments.h"
#include "tools/plait/ArtifactEvents.h"

#include <fmt/format.h>

using namespace plait;

/// What a message between processes takes, if nobody says what it does: a few misses of caches.
static constexpr double kAssumedLatency = 1e-6;

timeline::Machine plait::measuredMachine(const MachinePeak &peak, int64_t ranks) {
  timeline::Machine machine;
  machine.name = "this computer";
  machine.title = fmt::format("{:.1f} GB/s and {:.1f} GFLOP/s, shared by {} ranks", peak.readBytesPerSecond / 1e9,
                              peak.flopsPerSecond / 1e9, ranks);
  double bandwidth = peak.readBytesPerSecond / double(ranks);
  machine.devices = {{bandwidth, {{"f32", peak.flopsPerSecond / double(ranks)}}, 0}};
  machine.link.bandwidth = bandwidth / 2;
  machine.link.latency = kAssumedLatency;
  return machine;
}

static Expected<std::vector<std::shared_ptr<const Model>>> openRanks(const std::shared_ptr<const Model> &model) {
  const Mesh &mesh = model->manifest().mesh();
  if (mesh.hasPhases())
    return unsupported("--timeline: found a model with phases, whose ranks do not share steps; expected one mesh");
  std::vector<std::shared_ptr<const Model>> models = {model};
  for (int rank = 1; rank < mesh.ranks; ++rank) {
    PLAIT_ASSIGN_OR_RETURN(
        std::shared_ptr<const Model> other,
        Model::open(model->source(),
                    {.threads = 1, .loadWeights = false, .rank = rank, .target = model->binary().target}));
    models.push_back(std::move(other));
  }
  return models;
}

static std::string alternativesText(const std::vector<timeline::Alternative> &all, size_t shown) {
  std::string text = "schedules  (+ worth it, - not)\n";
  for (size_t i = 0; i < all.size(); ++i)
    text += fmt::format("{} {} {:<20}{:>12}  {}\n", i == shown ? ">" : " ", all[i].decision.isApplied ? "+" : "-",
                        all[i].name, timeline::timeText(all[i].prediction.seconds), all[i].decision.reason);
  return text;
}

/// Which of the alternatives `name` means.
static Expected<size_t> findSchedule(const std::vector<timeline::Alternative> &all, const std::string &name) {
  if (name == "best")
    return timeline::getChosen(all);
  std::string known = "best";
  for (size_t i = 0; i < all.size(); ++i) {
    std::string own = all[i].name; // "woven 50 + 50" is known as woven
    if (own.starts_with("woven"))
      own = "woven";
    if (own == name)
      return i;
    known += ", " + (own.find(',') == std::string::npos ? own : "\"" + own + "\"");
  }
  return wrongValue("--schedule", name, "one that this step has: " + known);
}

Expected<std::string> plait::explainTimeline(const std::shared_ptr<const Model> &model,
                                             const TimelineRequest &request) {
  bool isPrefill = request.step == "prefill";
  if (!isPrefill && request.step != "decode")
    return wrongValue("--step", request.step, "prefill or decode");
  PLAIT_ASSIGN_OR_RETURN(auto models, openRanks(model));
  timeline::Extents extents = isPrefill ? timeline::Extents::prefill(double(request.tokens))
                                        : timeline::Extents::decode(1, double(request.context - 1));
  PLAIT_ASSIGN_OR_RETURN(timeline::EventList list, artifactEvents(models, request.variant, extents));
  PLAIT_ASSIGN_OR_RETURN(auto all, timeline::compareSchedules(list, request.machine, extents));
  PLAIT_ASSIGN_OR_RETURN(size_t shown, findSchedule(all, request.schedule));
  const timeline::Alternative &one = all[shown];
  std::string what = isPrefill ? fmt::format("prefill of {} tokens", request.tokens)
                               : fmt::format("decode, 1 token at context {}", request.context);
  std::string title = fmt::format("{}, {}, {} ranks, {}, simulated on {}: {}", model->manifest().name, what, list.ranks,
                                  one.name, request.machine.name, timeline::timeText(one.prediction.seconds));
  if (!request.svg.empty())
    PLAIT_RETURN_IF_ERROR(
        writeFileAtomic(request.svg, timeline::reportSvg(one.list, one.prediction, title)).withContext("--timeline"));
  if (!request.trace.empty())
    PLAIT_RETURN_IF_ERROR(
        writeFileAtomic(request.trace, writeJson(timeline::reportTrace(one.list, one.prediction, title)))
            .withContext("--trace"));
  std::string text = fmt::format("timeline   simulated: {} on {} rank{}, {} events\n", what, list.ranks,
                                 list.ranks == 1 ? "" : "s", list.events.size());
  text += fmt::format("machine    {}: {}\n", request.machine.name, request.machine.title);
  if (request.isAssumed)
    text += fmt::format("link       assumed: copies in memory, {:.1f} GB/s and {:.1f} us; --machine says otherwise\n",
                        request.machine.link.bandwidth / 1e9, request.machine.link.latency * 1e6);
  text += alternativesText(all, shown);
  text += fmt::format("\n{}: {}, of it {} of the host\n", one.name, timeline::timeText(one.prediction.seconds),
                      timeline::timeText(one.prediction.hostSeconds));
  return text + timeline::reportText(one.list, one.prediction);
}
