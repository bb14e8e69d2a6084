//===- Dispatcher.cpp - Requests over the replicas of a model -------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/decode/Dispatcher.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <optional>
#include <thread>

using namespace plait;

Dispatcher::Dispatcher(std::vector<std::shared_ptr<StepRunner>> replicas, SchedulerOptions options,
                       std::vector<std::vector<DraftModel>> drafts) {
  drafts.resize(replicas.size());
  // Ids are unique over all replicas.
  if (!options.ids)
    options.ids = std::make_shared<std::atomic<SequenceId>>(1);
  for (size_t i = 0; i < replicas.size(); ++i) {
    bool isPrefill = replicas[i]->role() == ReplicaRole::prefill;
    if (isPrefill && !handover)
      handover = std::make_unique<Handovers>(replicas[i]->model());
    lanes.push_back(std::make_unique<Lane>(std::move(replicas[i]), options, std::move(drafts[i])));
    (isPrefill ? prefills : decodes).push_back(lanes.back().get());
  }
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

/// The one with the fewest sequences, the first of several.
static Lane &leastLoaded(const std::vector<Lane *> &lanes) {
  auto load = [](const Lane *lane) { return lane->scheduler.waiting() + lane->scheduler.running(); };
  return **std::min_element(lanes.begin(), lanes.end(),
                            [&](const Lane *a, const Lane *b) { return load(a) < load(b); });
}

Expected<SequenceId> Dispatcher::add(Request request) {
  if (handover && request.strategy)
    return unsupported("strategy " + request.strategy->name +
                       ": found it with phases of prefill and decode; expected one mesh for both");
  std::lock_guard<std::mutex> lock(adding);
  Lane &lane = leastLoaded(decodes);
  int64_t completions = request.completions;
  Expected<SequenceId> id = handover ? handover->add(std::move(request), leastLoaded(prefills), lane)
                                     : lane.scheduler.add(std::move(request));
  if (!id)
    return id;
  std::lock_guard<std::mutex> waking(mutex);
  if (!handover)
    lane.sequences += completions;
  added = true;
  changed.notify_all();
  return id;
}

bool Dispatcher::cancel(SequenceId id) {
  return std::any_of(decodes.begin(), decodes.end(), [&](Lane *lane) { return lane->scheduler.cancel(id); });
}

bool Dispatcher::stop(SequenceId id) {
  return std::any_of(decodes.begin(), decodes.end(), [&](Lane *lane) { return lane->scheduler.stop(id); });
}

void Dispatcher::cancelAll() {
  for (Lane *lane : decodes)
    lane->scheduler.cancelAll();
}

Expected<bool> Dispatcher::step() {
  if (lanes.size() == 1)
    return lanes.front()->scheduler.step();
  try {
    bool again = true;
    while (again) {
      PLAIT_RETURN_IF_ERROR(beginSteps());
      PLAIT_ASSIGN_OR_RETURN(again, waitForOne());
    }
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
    Status status = finish(*lane);
    if (failed)
      failed = std::move(status);
  }
  PLAIT_RETURN_IF_ERROR(failed);
  // Prompts that nobody waits for have to be let go of.
  return std::any_of(lanes.begin(), lanes.end(),
                     [](const auto &lane) { return lane->scheduler.waiting() + lane->scheduler.running() > 0; });
}

Status Dispatcher::finish(Lane &lane) {
  if (!lane.transfer) {
    Status status = lane.scheduler.finishStep(lane.step, std::move(*lane.result));
    lane.result.reset();
    return status;
  }
  Lane &source = *lane.transfer->source;
  Status status = handover->finish(lane);
  std::lock_guard<std::mutex> lock(mutex);
  source.turn = Lane::Turn::idle;
  return status;
}

bool Dispatcher::isIdle(const Lane &lane) {
  std::lock_guard<std::mutex> lock(mutex);
  return lane.turn == Lane::Turn::idle;
}

/// Lets the lane's thread run its step or its transfer.
void Dispatcher::start(Lane &lane) {
  std::lock_guard<std::mutex> lock(mutex);
  if (!lane.thread.joinable())
    lane.thread = std::thread([this, &lane] { runLane(lane); });
  lane.turn = Lane::Turn::running;
  if (lane.transfer)
    lane.transfer->source->turn = Lane::Turn::lent;
  changed.notify_all();
}

void Dispatcher::beginTransfers() {
  for (Lane *lane : handover->begin(decodes, [this](const Lane &lane) { return isIdle(lane); }))
    start(*lane);
}

Status Dispatcher::beginSteps() {
  {
    std::lock_guard<std::mutex> lock(mutex);
    added = false;
  }
  if (handover)
    beginTransfers();
  for (const std::unique_ptr<Lane> &owned : lanes) {
    Lane &lane = *owned;
    if (!isIdle(lane) || (handover && handover->keepsIdle(lane)))
      continue;
    lane.step = {};
    PLAIT_RETURN_IF_ERROR(lane.scheduler.beginStep(lane.step));
    if (!lane.step.rows.empty())
      start(lane);
  }
  return Status::success();
}

/// Returns when a step is done, or none runs; or, with true, when there is perhaps
/// something to do for a replica that is idle.
Expected<bool> Dispatcher::waitForOne() {
  std::unique_lock<std::mutex> lock(mutex);
  auto any = [&](Lane::Turn turn) {
    return std::any_of(lanes.begin(), lanes.end(), [&](const auto &lane) { return lane->turn == turn; });
  };
  auto ready = [&] { return added || any(Lane::Turn::done) || !any(Lane::Turn::running); };
  while (true) {
    if (handover)
      PLAIT_RETURN_IF_ERROR(handover->check());
    if (changed.wait_for(lock, std::chrono::milliseconds(100), ready))
      break;
  }
  return added && !any(Lane::Turn::done);
}

void Dispatcher::runLane(Lane &lane) {
  std::unique_lock<std::mutex> lock(mutex);
  while (true) {
    changed.wait(lock, [&] { return leaving || lane.turn == Lane::Turn::running; });
    if (lane.turn != Lane::Turn::running)
      return;
    lock.unlock();
    if (lane.transfer)
      lane.transfer->moved.emplace(Handovers::run(lane));
    else
      lane.result.emplace(lane.step.runner->run(std::move(lane.step.batch)));
    lock.lock();
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
  for (size_t i = 0; i + 1 < decodes.size(); ++i)
    if (auto result = decodes[i]->scheduler.take(id))
      return result;
  return decodes.back()->scheduler.take(id);
}

int64_t Dispatcher::contextLimit() const { return decodes.front()->scheduler.contextLimit(); }

size_t Dispatcher::waiting() const {
  size_t sum = 0;
  for (const Lane *lane : decodes)
    sum += lane->scheduler.waiting();
  return sum;
}

size_t Dispatcher::running() const {
  size_t sum = 0;
  for (const Lane *lane : decodes)
    sum += lane->scheduler.running();
  return sum;
}

Dispatcher::Count Dispatcher::count(size_t replica) const {
  return {lanes[replica]->sequences, lanes[replica]->scheduler.steps()};
}
