//===- Dispatcher.cpp - Requests over the replicas of a model -------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/decode/Dispatcher.h"

#include <algorithm>
#include <exception>
#include <optional>
#include <thread>

using namespace plait;

/// A replica. Its steps are formed and their results given out by the thread that
/// steps; in between they run in the lane's own.
struct Dispatcher::Lane {
  Lane(std::shared_ptr<StepRunner> runner, const SchedulerOptions &options, std::vector<DraftModel> drafts)
      : scheduler(std::move(runner), options, std::move(drafts)) {}

  enum class Turn { idle, running, done };

  Scheduler scheduler;
  std::thread thread;
  Turn turn = Turn::idle;
  PlannedStep step;                           ///< while it is not idle
  std::optional<Expected<StepResult>> result; ///< of a step that is done
  int64_t sequences = 0;
};

Dispatcher::Dispatcher(std::vector<std::shared_ptr<StepRunner>> replicas, SchedulerOptions options,
                       std::vector<std::vector<DraftModel>> drafts) {
  drafts.resize(replicas.size());
  // Ids are unique over all replicas.
  if (!options.ids)
    options.ids = std::make_shared<std::atomic<SequenceId>>(1);
  for (size_t i = 0; i < replicas.size(); ++i)
    lanes.push_back(std::make_unique<Lane>(std::move(replicas[i]), options, std::move(drafts[i])));
}

Dispatcher::~Dispatcher() {
  {
    std::lock_guard<std::mutex> lock(mutex);
    leaving = true;
  }
  changed.notify_all();
  for (const std::unique_ptr<Lane> &lane : lanes)
    if (lane->thread.joinable())
      lane->thread.join();
}

Expected<SequenceId> Dispatcher::add(Request request) {
  std::lock_guard<std::mutex> lock(adding);
  auto load = [](const Scheduler &scheduler) { return scheduler.waiting() + scheduler.running(); };
  auto least = std::min_element(lanes.begin(), lanes.end(),
                                [&](const auto &a, const auto &b) { return load(a->scheduler) < load(b->scheduler); });
  int64_t completions = request.completions;
  PLAIT_ASSIGN_OR_RETURN(SequenceId id, (*least)->scheduler.add(std::move(request)));
  std::lock_guard<std::mutex> waking(mutex);
  (*least)->sequences += completions;
  added = true;
  changed.notify_all();
  return id;
}

bool Dispatcher::cancel(SequenceId id) {
  return std::any_of(lanes.begin(), lanes.end(), [&](const auto &lane) { return lane->scheduler.cancel(id); });
}

bool Dispatcher::stop(SequenceId id) {
  return std::any_of(lanes.begin(), lanes.end(), [&](const auto &lane) { return lane->scheduler.stop(id); });
}

void Dispatcher::cancelAll() {
  for (const std::unique_ptr<Lane> &lane : lanes)
    lane->scheduler.cancelAll();
}

Expected<bool> Dispatcher::step() {
  if (lanes.size() == 1)
    return lanes.front()->scheduler.step();
  try {
    do
      PLAIT_RETURN_IF_ERROR(beginSteps());
    while (waitForOne());
  } catch (const std::exception &error) { // a thread cannot be had
    return resourceError(std::string("step: ") + error.what());
  }
  Status failed;
  for (const std::unique_ptr<Lane> &lane : lanes) {
    {
      std::lock_guard<std::mutex> lock(mutex);
      if (lane->turn != Lane::Turn::done)
        continue;
      lane->turn = Lane::Turn::idle;
    }
    Status status = lane->scheduler.finishStep(lane->step, std::move(*lane->result));
    lane->result.reset();
    if (failed)
      failed = std::move(status);
  }
  PLAIT_RETURN_IF_ERROR(failed);
  return waiting() + running() > 0;
}

Status Dispatcher::beginSteps() {
  {
    std::lock_guard<std::mutex> lock(mutex);
    added = false;
  }
  for (const std::unique_ptr<Lane> &owned : lanes) {
    Lane &lane = *owned;
    {
      std::lock_guard<std::mutex> lock(mutex);
      if (lane.turn != Lane::Turn::idle)
        continue;
    }
    lane.step = {};
    PLAIT_RETURN_IF_ERROR(lane.scheduler.beginStep(lane.step));
    if (lane.step.rows.empty())
      continue;
    std::lock_guard<std::mutex> lock(mutex);
    if (!lane.thread.joinable())
      lane.thread = std::thread([this, &lane] { runLane(lane); });
    lane.turn = Lane::Turn::running;
    changed.notify_all();
  }
  return Status::success();
}

/// Returns when a step is done, or none runs; or, with true, when there is perhaps
/// something to do for a replica that is idle.
bool Dispatcher::waitForOne() {
  std::unique_lock<std::mutex> lock(mutex);
  auto any = [&](Lane::Turn turn) {
    return std::any_of(lanes.begin(), lanes.end(), [&](const auto &lane) { return lane->turn == turn; });
  };
  changed.wait(lock, [&] { return added || any(Lane::Turn::done) || !any(Lane::Turn::running); });
  return added && !any(Lane::Turn::done);
}

void Dispatcher::runLane(Lane &lane) {
  std::unique_lock<std::mutex> lock(mutex);
  while (true) {
    changed.wait(lock, [&] { return leaving || lane.turn == Lane::Turn::running; });
    if (lane.turn != Lane::Turn::running)
      return;
    lock.unlock();
    Expected<StepResult> result = lane.step.runner->run(std::move(lane.step.batch));
    lock.lock();
    lane.result.emplace(std::move(result));
    lane.turn = Lane::Turn::done;
    changed.notify_all();
  }
}

Status Dispatcher::runAll() {
  while (true) {
    PLAIT_ASSIGN_OR_RETURN(bool more, step());
    if (!more && waiting() + running() == 0) // a callback may have added some
      return Status::success();
  }
}

Expected<SequenceResult> Dispatcher::take(SequenceId id) {
  for (size_t i = 0; i + 1 < lanes.size(); ++i)
    if (auto result = lanes[i]->scheduler.take(id))
      return result;
  return lanes.back()->scheduler.take(id);
}

int64_t Dispatcher::contextLimit() const { return lanes.front()->scheduler.contextLimit(); }

size_t Dispatcher::waiting() const {
  size_t sum = 0;
  for (const std::unique_ptr<Lane> &lane : lanes)
    sum += lane->scheduler.waiting();
  return sum;
}

size_t Dispatcher::running() const {
  size_t sum = 0;
  for (const std::unique_ptr<Lane> &lane : lanes)
    sum += lane->scheduler.running();
  return sum;
}

Dispatcher::Count Dispatcher::count(size_t replica) const {
  return {lanes[replica]->sequences, lanes[replica]->scheduler.steps()};
}
