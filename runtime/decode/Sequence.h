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
#include "runtime/decode/LogitRules.h"
#include "runtime/decode/SequenceCourse.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace plait {

/// Numbers sequences of one scheduler from 1, in order of arrival.
using SequenceId = uint64_t;
using DecodeClock = std::chrono::steady_clock;

enum class FinishReason {
  none,      ///< still going
  stop,      ///< chose one of its stop ids, or its text holds a stop string
  length,    ///< reached its number of tokens
  cancelled, ///< on request
  error,     ///< see the result's `error`
};
const char *finishReasonName(FinishReason reason);

/// What drafting has come to.
struct DraftCounts {
  /// With a strategy: blocks that the model has verified, the tokens that were drafted in
  /// them, and how many of those became tokens of the text.
  int64_t rounds = 0, draftedTokens = 0, acceptedTokens = 0;
  /// Tokens that lay beside others in a tree, whose keys and values were moved.
  int64_t movedTokens = 0;

  DraftCounts &operator+=(const DraftCounts &other);
  /// That rounds have chosen; 1 of plain decoding, which has no rounds.
  double tokensPerRound() const { return rounds ? double(rounds + acceptedTokens) / double(rounds) : 1; }
};

/// A chosen token.
struct TokenEvent {
  SequenceId id = 0;
  int64_t completion = 0; ///< which one of the request's
  int64_t index = 0;      ///< 0 for the first token after the prompt
  int32_t token = 0;
  float logprob = 0;
  std::vector<TokenLogprob> top; ///< as many as the request asks for
  DraftCounts drafting;          ///< of the sequence, with the round that chose the token
};

struct SequenceResult {
  SequenceId id = 0;
  int64_t completion = 0;                     ///< which one of the request's
  std::vector<int32_t> tokens;                ///< generated, without the stop id
  std::vector<float> logprobs;                ///< of `tokens`, under the edited logits before temperature
  std::vector<std::vector<TokenLogprob>> top; ///< beside each of `tokens`, if asked for
  FinishReason reason = FinishReason::none;
  int32_t stopToken = -1; ///< the stop id that was chosen, or -1
  Status error;           ///< of FinishReason::error
  std::string note;       ///< for the user, e.g. that max tokens was lowered
  int64_t promptTokens = 0;
  int64_t reusedTokens = 0; ///< of the prompt: computed for an earlier sequence that was kept
  DraftCounts drafting;
  std::vector<int32_t> fed;  ///< with logits: the tokens that were computed ...
  std::vector<float> logits; ///< ... and [fed][vocabulary] what followed each
  DecodeClock::time_point added, started, firstToken, finished;
};

struct Request {
  std::vector<int32_t> prompt; ///< at least one token
  Sampling sampling;
  LogitRules rules;
  std::vector<int32_t> stops; ///< ids that end the sequence, besides the model's own
  bool ignoreEos = false;     ///< the model's own ids do not end it
  int64_t maxTokens = 128;    ///< to generate; 0 only computes what is asked for
  int32_t topLogprobs = 0;    ///< most probable tokens to report beside each token
  /// How tokens are drafted; null: not at all. The tokens are the same.
  std::shared_ptr<const RoundProgram> strategy = nullptr;
  /// For tests and measurements: drafts instead of what the strategy drafts with.
  std::shared_ptr<const DraftOracle> oracle = nullptr;
  bool alwaysDraft = false; ///< for these, too: as much as may be, whether it pays or not
  /// Sequences from this prompt, which is computed once as far as they run side
  /// by side. Number c draws as sequence number `sampling.sequence + (c << 32)`.
  int64_t completions = 1;
  bool wantLogits = false; ///< logits of every position; needs a debug variant
  /// What was computed stays, until its room is needed: the next request whose
  /// prompt begins in the same way takes it over. Of one completion only.
  bool keep = false;
  /// Another replica computes the prompt, all but its last token, and hands it over: see
  /// Scheduler::promptComputed. Without it, and of a prompt of one token, it is computed here.
  bool promptElsewhere = false;
  /// Only computes the keys and values of the prompt, all of it, and holds them until the
  /// sequence is cancelled: see Scheduler::held. Of one completion only.
  bool hold = false;
  /// Called between steps by the thread that steps; must not throw. They may
  /// add and cancel sequences.
  std::function<void(const TokenEvent &)> onToken;
  /// With it the result is handed over here and not kept for `take`.
  std::function<void(SequenceResult)> onFinish;
};

/// Where the keys and values of a sequence's prompt come from.
enum class PromptPlace {
  here,     ///< they are computed here, or have come
  awaited,  ///< another replica is computing them
  computed, ///< it has, and holds them
  arriving, ///< there are pages for them here
};

/// The completions of one request: those that run have the whole pages of the
/// prompt in common, all but its last token, which each computes for itself.
struct PromptGroup {
  std::vector<int64_t> sharedPages; ///< of each page table; reserved once while there are members
  std::set<SequenceId> members;     ///< that run
};

/// A request under way; the scheduler's own record.
struct Sequence {
  explicit Sequence(SequenceId id) : id(id) {}

  /// Tokens that are known but not computed yet.
  int64_t pending() const { return int64_t(tokens.size()) - fed; }
  bool inPrompt() const { return fed < result.promptTokens; }
  /// Tokens that all completions of the request have in common. The prompt's last
  /// one is not among them: its logits choose each one's first token.
  int64_t sharedTokens() const { return group ? result.promptTokens - 1 : 0; }

  SequenceId id;
  Request request;
  std::vector<int32_t> tokens; ///< prompt and generated
  int64_t fed = 0;             ///< of `tokens`: their keys and values are in pages
  PromptPlace prompt = PromptPlace::here;
  std::vector<int64_t> reservedPages;       ///< of each page table, besides those of its group
  std::shared_ptr<PromptGroup> group;       ///< null for a request of one completion
  FinishReason wanted = FinishReason::none; ///< how it is to end before its next token
  SequenceEdits edits;
  std::vector<PageList> pages;            ///< of each page table
  std::unique_ptr<SequenceCourse> course; ///< with a strategy, once it runs
  int64_t lastStep = 0;                   ///< number of the last one with a row of it
  SequenceResult result;
};

/// The prompt of a sequence with Request::hold, once it has been computed.
struct HeldPrompt {
  std::vector<std::vector<int32_t>> pages; ///< of each page table, without those that were given back
  std::vector<float> logits;               ///< as of SequenceResult
  DecodeClock::time_point started;
};

/// A sequence for whose prompt there are pages now.
struct Arrival {
  SequenceId id = 0;
  std::vector<std::vector<int32_t>> pages; ///< of each page table, in which it is wanted
};

/// What stays of a sequence that has ended: tokens and their keys and values.
struct KeptPrefix {
  std::vector<int32_t> tokens;
  std::vector<PageList> pages; ///< of each page table
};

} // namespace plait

#endif // PLAIT_RUNTIME_DECODE_SEQUENCE_H
