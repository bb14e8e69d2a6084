//===- Handovers.cpp - Prompts go from prefill to decode ------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/decode/Handovers.h"

#include "runtime/core/Handover.h"

#include <algorithm>
#include <utility>

using namespace plait;

Expected<SequenceId> Handovers::add(Request request, Lane &source, Lane &target) {
  // Of one token there is nothing to compute ahead, and nothing for who wants nothing.
  bool isAhead = request.prompt.size() > 1 && (request.maxTokens > 0 || request.wantLogits);
  Job job;
  job.source = &source;
  job.target = &target;
  job.completions = request.completions;
  job.outcome = std::make_shared<std::optional<Status>>();
  Request prompt;
  if (isAhead) {
    prompt.prompt.assign(request.prompt.begin(), request.prompt.end() - 1);
    prompt.hold = true;
    prompt.maxTokens = 0;
    prompt.wantLogits = request.wantLogits;
    prompt.onFinish = [outcome = job.outcome](SequenceResult result) { *outcome = result.error; };
    request.promptElsewhere = true;
  }
  PLAIT_ASSIGN_OR_RETURN(job.first, target.scheduler.add(std::move(request)));
  target.sequences += job.completions;
  if (!isAhead)
    return job.first;
  SequenceId first = job.first;
  Expected<SequenceId> id = source.scheduler.add(std::move(prompt));
  if (!id) { // nothing that was not refused before; the request ends with it
    target.scheduler.promptFailed(first, job.completions, id.status());
    return first;
  }
  job.prompt = *id;
  ++source.sequences;
  std::lock_guard<std::mutex> lock(mutex);
  added.push_back(std::move(job));
  return first;
}

void Handovers::takeNew() {
  std::lock_guard<std::mutex> lock(mutex);
  jobs.splice(jobs.end(), added);
}

void Handovers::noteComputed() {
  for (Job &job : jobs) {
    if (job.isComputed)
      continue;
    if (*job.outcome) { // it has ended with an error, or was not needed any more
      Status status = **job.outcome;
      job.target->scheduler.promptFailed(
          job.first, job.completions, status ? internalError("prompt: found that its computation has ended") : status);
    } else if (job.source->scheduler.isHeld(job.prompt)) {
      job.isComputed = true;
      job.target->scheduler.promptComputed(job.first, job.completions);
    }
  }
}

Handovers::Job *Handovers::find(const Lane &target, SequenceId id) {
  auto found = std::find_if(jobs.begin(), jobs.end(), [&](const Job &job) {
    return job.target == &target && job.first <= id && id < job.first + SequenceId(job.completions);
  });
  return found == jobs.end() ? nullptr : &*found;
}

/// Lets go of prompts that have arrived, or for which nobody waits any more.
void Handovers::dropUnneeded() {
  std::erase_if(jobs, [&](const Job &job) {
    if (job.target->scheduler.awaitsPrompt(job.first, job.completions))
      return false;
    job.source->scheduler.cancel(job.prompt);
    return true;
  });
}

std::vector<Lane *> Handovers::begin(const std::vector<Lane *> &targets,
                                     const std::function<bool(const Lane &)> &isIdle) {
  takeNew();
  noteComputed();
  std::vector<Lane *> ready;
  std::vector<const Lane *> taken; // sources of those
  for (Lane *target : targets) {
    if (!isIdle(*target))
      continue;
    waiting.erase(target);
    std::optional<Arrival> arrival = target->scheduler.nextArrival();
    for (Job &job : jobs)
      job.isSeen |= job.isComputed && job.target == target;
    Job *job = arrival ? find(*target, arrival->id) : nullptr;
    if (!job)
      continue;
    Lane &source = *job->source;
    bool isFree = isIdle(source) && std::find(taken.begin(), taken.end(), &source) == taken.end();
    std::optional<HeldPrompt> prompt = isFree ? source.scheduler.held(job->prompt) : std::nullopt;
    if (!prompt) {
      waiting[target] = &source;
      continue;
    }
    target->transfer = std::make_unique<Transfer>();
    target->transfer->source = &source;
    target->transfer->arrival = std::move(*arrival);
    target->transfer->prompt = std::move(*prompt);
    taken.push_back(&source);
    ready.push_back(target);
  }
  dropUnneeded();
  return ready;
}

bool Handovers::keepsIdle(const Lane &source) const {
  return std::any_of(waiting.begin(), waiting.end(), [&](const auto &entry) { return entry.second == &source; }) ||
         std::any_of(jobs.begin(), jobs.end(),
                     [&](const Job &job) { return job.source == &source && job.isComputed && !job.isSeen; });
}

Expected<uint64_t> Handovers::run(Lane &target) {
  const Transfer &transfer = *target.transfer;
  StepRunner &from = *transfer.source->runner, &to = *target.runner;
  PLAIT_RETURN_IF_ERROR(to.beginHandover({from.replica(), transfer.arrival.pages}));
  PLAIT_RETURN_IF_ERROR(from.beginHandover({to.replica(), transfer.prompt.pages}));
  PLAIT_ASSIGN_OR_RETURN(uint64_t sent, from.finishHandover());
  PLAIT_ASSIGN_OR_RETURN(uint64_t got, to.finishHandover());
  if (sent != got)
    return internalError("handover: found " + std::to_string(got) + " bytes; expected the " + std::to_string(sent) +
                         " that were sent");
  return got;
}

Status Handovers::finish(Lane &target) {
  std::unique_ptr<Transfer> transfer = std::move(target.transfer);
  SequenceId id = transfer->arrival.id;
  if (!*transfer->moved) {
    target.scheduler.promptFailed(id, 1, transfer->moved->status());
    return transfer->moved->status();
  }
  std::vector<int64_t> pages;
  for (const std::vector<int32_t> &table : transfer->arrival.pages)
    pages.push_back(int64_t(table.size()));
  ++counts.handovers;
  for (int64_t count : pages)
    counts.pages += count;
  counts.bytes += int64_t(**transfer->moved);
  counts.planned += plan.bytes(pages);
  target.scheduler.promptArrived(id, std::move(transfer->prompt));
  dropUnneeded();
  return Status::success();
}
