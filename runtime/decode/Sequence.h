//===- Sequence.h - A request and what becomes of it -----------*- C++ -*--===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_DECODE_SEQUENCE_H
#define PLAIT_RUNTIME_DECODE_SEQUENCE_H

#include "runtime/base/Status.h"
#include "runtime/core/PagePool.h"
#include "runtime/core/StepBatch.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace plait {

/// Numbers sequences of one scheduler from 1, in order of arrival.
using SequenceId = uint64_t;
using DecodeClock = std::chrono::steady_clock;

enum class FinishReason {
  none,      ///< still going
  stop,      ///< chose one of its stop ids
  length,    ///< reached its number of tokens
  cancelled, ///< on request
  error,     ///< see the result's `error`
};
const char *finishReasonName(FinishReason reason);

/// A chosen token.
struct TokenEvent {
  SequenceId id = 0;
  int64_t index = 0; ///< 0 for the first token after the prompt
  int32_t token = 0;
  float logprob = 0;
};

struct SequenceResult {
  SequenceId id = 0;
  std::vector<int32_t> tokens; ///< generated, without the stop id
  std::vector<float> logprobs; ///< of `tokens`
  FinishReason reason = FinishReason::none;
  int32_t stopToken = -1; ///< the stop id that was chosen, or -1
  Status error;           ///< of FinishReason::error
  std::string note;       ///< for the user, e.g. that max tokens was lowered
  int64_t promptTokens = 0;
  std::vector<int32_t> fed;  ///< with logits: the tokens that were computed ...
  std::vector<float> logits; ///< ... and [fed][vocabulary] what followed each
  DecodeClock::time_point added, started, firstToken, finished;
};

struct Request {
  std::vector<int32_t> prompt; ///< at least one token
  Sampling sampling;
  std::vector<int32_t> stops; ///< ids that end the sequence, besides the model's own
  bool ignoreEos = false;     ///< the model's own ids do not end it
  int64_t maxTokens = 128;    ///< to generate; 0 only computes what is asked for
  bool wantLogits = false;    ///< logits of every position; needs a debug variant
  /// Called between steps by the thread that steps; must not throw. They may
  /// add and cancel sequences.
  std::function<void(const TokenEvent &)> onToken;
  /// With it the result is handed over here and not kept for `take`.
  std::function<void(SequenceResult)> onFinish;
};

/// A request under way; the scheduler's own record.
struct Sequence {
  explicit Sequence(SequenceId id) : id(id) {}

  /// Tokens that are known but not computed yet.
  int64_t pending() const { return int64_t(tokens.size()) - fed; }
  bool inPrompt() const { return fed < result.promptTokens; }

  SequenceId id;
  Request request;
  std::vector<int32_t> tokens;        ///< prompt and generated
  int64_t fed = 0;                    ///< of `tokens`: their keys and values are in pages
  std::vector<int64_t> reservedPages; ///< of each page table
  bool cancelled = false;
  std::vector<PageList> pages; ///< of each page table
  SequenceResult result;
};

} // namespace plait

#endif // PLAIT_RUNTIME_DECODE_SEQUENCE_H
