//===- RunStatistics.cpp - What plait run --stats prints ------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/plait/RunStatistics.h"

#include "runtime/core/Ranks.h"
#include "runtime/core/WorldGroups.h"
#include "runtime/device/cuda/Program.h"
#include "tools/plait/RankProcesses.h"
#include "tools/plait/TableText.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include <unistd.h>

using namespace plait;

namespace {

double seconds(DecodeClock::time_point from, DecodeClock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

/// What each rank may hold at most, and has held.
void printMemory(const Model &model, const ModelLedger &ledger) {
  Mesh mesh = model.mesh();
  const RankGroup *group = !model.links().empty() ? model.links()[0].get() : model.group().get();
  for (int rank = 0; rank < int(mesh.size()); ++rank) {
    const RankMemory &memory = ledger.ranks[size_t(mesh.placeOf(rank).program)];
    int64_t peak = rank ? group->peakMemory(rank) : peakMemory(getpid());
    fmt::print(stderr, "memory     {}at most {} ({}); was {}\n", mesh.size() > 1 ? rankName(mesh, rank) + ": " : "",
               bytesText(int64_t(memory.total())), ledgerText(memory), bytesText(peak));
  }
}

void printCounts(const Model &model, const RunCounts &counts) {
  Mesh mesh = model.mesh();
  for (size_t i = 0; i < counts.replicas.size() && counts.replicas.size() > 1; ++i)
    fmt::print(stderr, "{}  {} sequences, {} steps\n", replicaName(mesh, int64_t(i)), counts.replicas[i].sequences,
               counts.replicas[i].steps);
  const Handovers::Count &handovers = counts.handovers;
  if (mesh.hasPhases())
    fmt::print(stderr, "handovers  {} of {} pages, {} bytes as planned ({} found)\n", handovers.handovers,
               handovers.pages, handovers.planned, handovers.bytes);
}

/// For how long ranks have waited for others, and for whom, of a run that took `seconds`.
void printWaiting(const Model &model, double seconds) {
  std::vector<double> waited;
  if (const auto &group = model.group())
    waited = group->communicator().waited();
  if (waited.size() < 2)
    return;
  fmt::print(stderr, "waiting   ");
  for (size_t rank = 0; rank < waited.size(); ++rank)
    fmt::print(stderr, "{} {}: {:.3f} s", rank ? "," : "", rankName(model.mesh(), int(rank)), waited[rank]);
  // The others get there early, each time.
  auto [least, most] = std::minmax_element(waited.begin(), waited.end());
  if (*most - *least > 0.2 * seconds)
    fmt::print(stderr, "; {} is slower than the others: {:.0f}% of the time they wait for it",
               rankName(model.mesh(), int(least - waited.begin())), 100 * (*most - *least) / seconds);
  fmt::print(stderr, "\n");
}

} // namespace

void plait::printStatistics(const Session &session, const StepRunner &replica, const ModelLedger &ledger,
                            const RunCounts &counts, const std::vector<SequenceResult> &results) {
  const Model &model = *session.model;
  const char *how = !session.artifact.fromModel ? "given"
                    : session.artifact.compiled ? "compiled"
                                                : "found in the cache";
  fmt::print(stderr, "model      {} ({}, {:.2f} s), loaded in {:.3f} s, {} threads\n", session.model->manifest().name,
             how, session.artifact.seconds, session.loadSeconds, replica.threads());
  if (const auto &group = session.model->group())
    fmt::print(stderr, "ranks      {}\n", trafficText(group->communicator()));
  if (const auto &program = model.gpuProgram(); program && !program->exchange().empty())
    fmt::print(stderr, "exchange   {}\n", program->exchange());
  printCounts(model, counts);
  printMemory(model, ledger);
  // Rates over all sequences: from the first start to the last first token, and
  // from the first first token to the last end.
  int64_t promptTokens = 0, generated = 0, decoded = 0;
  std::optional<DecodeClock::time_point> start, firstToken, lastFirstToken, end;
  for (const SequenceResult &r : results) {
    promptTokens += r.completion ? 0 : r.promptTokens; // computed once
    generated += int64_t(r.tokens.size());
    if (r.firstToken == DecodeClock::time_point())
      continue;
    decoded += int64_t(r.tokens.size()) - (r.stopToken < 0);
    start = start ? std::min(*start, r.started) : r.started;
    firstToken = firstToken ? std::min(*firstToken, r.firstToken) : r.firstToken;
    lastFirstToken = lastFirstToken ? std::max(*lastFirstToken, r.firstToken) : r.firstToken;
    end = end ? std::max(*end, r.finished) : r.finished;
  }
  if (!start)
    return;
  printWaiting(model, seconds(*start, *end));
  double prefill = seconds(*start, *lastFirstToken), decode = seconds(*firstToken, *end);
  fmt::print(stderr, "prefill    {} tokens, {:.1f} tok/s; time to first token {:.1f} ms\n", promptTokens,
             double(promptTokens) / std::max(prefill, 1e-9), 1e3 * seconds(*start, *firstToken));
  if (decoded > 0 && decode > 0)
    fmt::print(stderr, "decode     {} tokens, {:.1f} tok/s ({:.3f} ms per step)\n", generated, double(decoded) / decode,
               1e3 * decode * double(results.size()) / double(decoded));
}
