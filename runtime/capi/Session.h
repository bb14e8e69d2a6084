//===- Session.h - What a plait_session points to ---------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_CAPI_SESSION_H
#define PLAIT_RUNTIME_CAPI_SESSION_H

#include "runtime/capi/Boundary.h"
#include "runtime/capi/Strategies.h"
#include "runtime/decode/CompletionText.h"
#include "runtime/decode/Scheduler.h"

#include <map>
#include <mutex>

namespace plait::capi {

/// What a sequence has generated.
struct Output {
  std::string text;
  std::vector<int32_t> tokens;
  std::vector<float> logprobs;
};

/// A sequence of a session.
struct Record {
  /// Notes that there are `tokens` more, and that drafting has come to `now`.
  void count(int64_t tokens, const DraftCounts &now);

  std::mutex mutex;
  SequenceId id = 0;
  std::optional<CompletionText> text; ///< none without a tokenizer
  Output pending;                     ///< since the last poll
  Output shown;                       ///< what the last poll gave
  FinishReason reason = FinishReason::none;
  int32_t stopToken = -1;
  std::string message;
  std::shared_ptr<Strategy> strategy;
  Tally tally{1, 0, {}};
};

} // namespace plait::capi

struct plait_session {
  plait_session(const plait_model &model, std::shared_ptr<plait::Instance> instance, plait::capi::Strategies given,
                int64_t chunk)
      : model(model.model), tokenizer(model.tokenizer), strategies(std::move(given)),
        scheduler(std::move(instance), {.chunk = chunk}, strategies.takeModels()) {}

  plait::Expected<std::shared_ptr<plait::capi::Record>> find(uint64_t sequence) {
    std::lock_guard<std::mutex> lock(mutex);
    auto found = records.find(sequence);
    if (found == records.end())
      return plait::notFound("sequence: found " + std::to_string(sequence) +
                             "; expected one that was submitted to this session and not released");
    return found->second;
  }

  // In this order: the scheduler's callbacks use the tokenizer.
  std::shared_ptr<const plait::Model> model;
  std::shared_ptr<const plait::Tokenizer> tokenizer;
  plait::capi::Strategies strategies;
  plait::Scheduler scheduler;
  std::mutex stepping; ///< held by the thread that steps
  std::mutex mutex;    ///< of what follows
  std::map<uint64_t, std::shared_ptr<plait::capi::Record>> records;
  uint64_t nextId = 1;
};

#endif // PLAIT_RUNTIME_CAPI_SESSION_H
