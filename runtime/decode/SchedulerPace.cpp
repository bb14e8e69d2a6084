//===- SchedulerPace.cpp - What rounds cost -------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How much a strategy drafts follows from what rounds cost here and now: from the compiler's
// table, corrected by the steps that have run, for as many sequences as run. Only the time
// depends on that, no token.
//
//===----------------------------------------------------------------------===//

#include "runtime/decode/Scheduler.h"

#include <algorithm>
#include <chrono>

using namespace plait;

static constexpr size_t kMostPaces = 64;

double Scheduler::now() const {
  return options.clock ? options.clock() : std::chrono::duration<double>(DecodeClock::now().time_since_epoch()).count();
}

/// What is known of the strategy, as long as it is in use now and then.
const std::shared_ptr<Pace> &Scheduler::paceOf(const std::shared_ptr<const RoundProgram> &program) {
  if (costs.empty())
    for (size_t engine = 0; engine <= drafts.size(); ++engine) {
      const Manifest &manifest = runnerOf(engine).model().manifest();
      auto predicted = predictedSteps(manifest, manifest.strategy);
      costs.push_back(predicted ? StepCosts(predicted.take()) : StepCosts());
    }
  if (paces.size() >= kMostPaces && !paces.contains(program))
    paces.clear();
  std::shared_ptr<Pace> &pace = paces[program];
  if (pace)
    return pace;
  pace = std::make_shared<Pace>();
  std::vector<RoundForward> forwards = forwardsOf(*program);
  std::vector<const StepCosts *> own;
  for (const RoundForward &forward : forwards)
    own.push_back(&costs[findEngine(program->models[forward.model])]);
  pace->seconds = [forwards, own, shared = pace.get()](int64_t length, int64_t drafting, int64_t behind) {
    return roundSeconds(forwards, own, length, drafting, shared->sequences, behind);
  };
  return pace;
}

/// How many sequences each strategy has by now.
void Scheduler::countPaces() {
  for (auto &[program, pace] : paces)
    pace->sequences = 0;
  for (auto &[id, sequence] : runningSequences)
    if (sequence->request.strategy)
      ++paceOf(sequence->request.strategy)->sequences;
}

/// Of steps that decode.
void Scheduler::noteTime(const PlannedStep &step) {
  // The table is that of the whole model: not of heads, nor of a part of the layers.
  if (costs.empty() || step.kind.step ||
      std::any_of(step.rows.begin(), step.rows.end(), [](const RowPlan &row) { return row.prompt; }))
    return;
  int64_t tokens = 0;
  for (const RowPlan &row : step.rows)
    tokens += row.count;
  costs[step.kind.engine].observe(tokens, now() - step.begun);
}
