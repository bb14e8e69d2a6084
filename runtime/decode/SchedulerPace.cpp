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

StepCosts &Scheduler::costsOf(size_t engine, const std::string &step) {
  // A draft model may have the step of plain decoding alone.
  EngineStep key{engine, std::max(0, findStep(engine, step))};
  auto known = costs.find(key);
  if (known != costs.end())
    return known->second;
  std::shared_ptr<StepCosts::Speed> &speed = speeds[engine];
  if (!speed)
    speed = std::make_shared<StepCosts::Speed>();
  auto predicted = predictedCosts(runnerOf(engine).model().manifest(), step, speed);
  return costs.emplace(key, predicted ? predicted.take() : StepCosts()).first->second;
}

/// What is known of the strategy, as long as it is in use now and then.
const std::shared_ptr<Pace> &Scheduler::paceOf(const std::shared_ptr<const RoundProgram> &program) {
  if (paces.size() >= kMostPaces && !paces.contains(program))
    paces.clear();
  std::shared_ptr<Pace> &pace = paces[program];
  if (pace)
    return pace;
  std::vector<RoundForward> forwards = forwardsOf(*program);
  auto make = [&](size_t variant) {
    auto made = std::make_shared<Pace>();
    std::vector<const StepCosts *> own;
    for (const RoundForward &forward : forwards)
      own.push_back(&costsOf(findEngine(program->models[forward.model]), forward.stepOf(variant)));
    made->seconds = [forwards, own, shared = made.get()](int64_t length, int64_t drafting, int64_t behind) {
      return roundSeconds(forwards, own, length, drafting, shared->sequences, behind);
    };
    return made;
  };
  pace = make(0);
  for (size_t variant = 1; variant < program->variants; ++variant)
    pace->further.push_back(make(variant));
  return pace;
}

/// How many sequences each strategy has by now.
void Scheduler::countPaces() {
  for (auto &[program, pace] : paces)
    pace->sequences = 0;
  for (auto &[id, sequence] : runningSequences)
    if (sequence->request.strategy)
      ++paceOf(sequence->request.strategy)->sequences;
  for (auto &[program, pace] : paces)
    for (const std::shared_ptr<Pace> &variant : pace->further)
      variant->sequences = pace->sequences;
}

/// Of steps that decode.
void Scheduler::noteTime(const PlannedStep &step) {
  auto known = costs.find(step.kind);
  if (known == costs.end() ||
      std::any_of(step.rows.begin(), step.rows.end(), [](const RowPlan &row) { return row.prompt; }))
    return;
  int64_t tokens = 0;
  for (const RowPlan &row : step.rows)
    tokens += row.count;
  known->second.observe(tokens, now() - step.begun);
}
