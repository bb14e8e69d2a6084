//===- SchedulerPhases.cpp - Prompts that another replica computes --------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/decode/Scheduler.h"

#include <algorithm>

using namespace plait;

/// Of each page table those pages that have not been given back.
static std::vector<std::vector<int32_t>> heldPages(const std::vector<PageList> &lists) {
  std::vector<std::vector<int32_t>> pages;
  for (const PageList &list : lists)
    pages.emplace_back(list.pages().end() - ptrdiff_t(list.held()), list.pages().end());
  return pages;
}

//===----------------------------------------------------------------------===//
// Where prompts are computed
//===----------------------------------------------------------------------===//

bool Scheduler::isHeld(SequenceId id) const {
  std::lock_guard<std::mutex> lock(mutex);
  auto found = runningSequences.find(id);
  return found != runningSequences.end() && found->second->request.hold && found->second->pending() == 0;
}

std::optional<HeldPrompt> Scheduler::held(SequenceId id) {
  if (!isHeld(id))
    return std::nullopt;
  std::lock_guard<std::mutex> lock(mutex);
  Sequence &sequence = *runningSequences.at(id);
  return HeldPrompt{heldPages(sequence.pages), std::move(sequence.result.logits), sequence.result.started};
}

//===----------------------------------------------------------------------===//
// Where they arrive
//===----------------------------------------------------------------------===//

void Scheduler::promptComputed(SequenceId first, int64_t completions) {
  std::lock_guard<std::mutex> lock(mutex);
  for (SequenceId id = first; id < first + SequenceId(completions); ++id)
    if (Sequence *sequence = find(id); sequence && sequence->prompt == PromptPlace::awaited)
      sequence->prompt = PromptPlace::computed;
}

bool Scheduler::awaitsPrompt(SequenceId first, int64_t completions) const {
  std::lock_guard<std::mutex> lock(mutex);
  for (SequenceId id = first; id < first + SequenceId(completions); ++id)
    if (const Sequence *sequence = find(id); sequence && sequence->prompt != PromptPlace::here)
      return true;
  return false;
}

/// Gives a sequence that has just been admitted the pages that its prompt is to fill:
/// those that the next token, the prompt's last one, or a later one reads.
void Scheduler::expectPrompt(Sequence &sequence) {
  const StepLimits &limits = runner->limits();
  int64_t positions = sequence.result.promptTokens - 1;
  sequence.prompt = PromptPlace::arriving;
  for (size_t t = 0; t < pools.size(); ++t) {
    int64_t count = limits.wholePages(positions);
    sequence.pages[t].skip(size_t(std::min(count, limits.firstPage(limits.tables[t], positions))));
    if (Status status = sequence.pages[t].grow(size_t(count)); !status) {
      sequence.result.error = std::move(status);
      return finish(sequence, FinishReason::error);
    }
  }
}

std::optional<Arrival> Scheduler::nextArrival() {
  std::optional<Arrival> arrival;
  Events events;
  {
    std::lock_guard<std::mutex> lock(mutex);
    sweep(events);
    admit(events);
    for (const auto &[id, sequence] : runningSequences)
      if (sequence->prompt == PromptPlace::arriving) {
        arrival = {id, heldPages(sequence->pages)};
        break;
      }
  }
  deliver(events);
  return arrival;
}

void Scheduler::promptArrived(SequenceId id, HeldPrompt prompt) {
  std::lock_guard<std::mutex> lock(mutex);
  auto found = runningSequences.find(id);
  if (found == runningSequences.end() || found->second->prompt != PromptPlace::arriving)
    return;
  Sequence &sequence = *found->second;
  sequence.prompt = PromptPlace::here;
  sequence.fed = sequence.result.promptTokens - 1;
  sequence.result.logits = std::move(prompt.logits);
  sequence.result.started = prompt.started;
}

void Scheduler::promptFailed(SequenceId first, int64_t completions, const Status &status) {
  std::lock_guard<std::mutex> lock(mutex);
  for (SequenceId id = first; id < first + SequenceId(completions); ++id)
    if (Sequence *sequence = find(id); sequence && sequence->prompt != PromptPlace::here) {
      sequence->result.error = status;
      finish(*sequence, FinishReason::error);
      endRequested = true;
    }
}
