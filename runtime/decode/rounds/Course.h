//===- Course.h - A sequence on its way through a round program -*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_DECODE_ROUNDS_COURSE_H
#define PLAIT_RUNTIME_DECODE_ROUNDS_COURSE_H

#include "runtime/decode/rounds/DraftOracle.h"
#include "runtime/decode/rounds/RoundProgram.h"

namespace plait {

/// Runs a program for one sequence up to its next forward, which somebody else computes
/// together with those of other sequences: each is at a place of its own, so batches are
/// ragged in whatever way they come. Values are those of the sequence alone. What the user's
/// text becomes does not depend on what is drafted, and neither does where it ends.
class Course {
public:
  /// What a sequence waits for.
  struct Forward {
    int text = 0;               ///< of `texts()`; a fork's pages are those of its base
    DraftBlock block;           ///< node 0 is the text's last token; pending tokens before it come first
    HiddenRow hidden = nullptr; ///< of a head: what it begins with, instead of a block; of what recurs, with
                                ///< a block of the token after it
    int64_t position = 0;       ///< of what recurs
    const RoundInstruction *instruction = nullptr;
    int32_t step = 0; ///< the number of what is run, among the program's
  };

  /// All texts begin with `prompt`, and `budget` tokens may be chosen. `maxPositions` are
  /// those of the program's models. The random numbers are those of `sampling`.
  Course(std::shared_ptr<const RoundProgram> program, std::vector<int32_t> prompt, int64_t budget,
         std::vector<int64_t> maxPositions, int64_t vocabulary, const Sampling &sampling = {});

  /// The ids that end the text. A step knows them for what it chooses itself.
  void setStops(std::vector<int32_t> stops) { context.stops = std::move(stops); }
  /// From now on tokens are drafted by `oracle`; what drafts by itself computes as before. Null:
  /// not at all.
  void setOracle(std::shared_ptr<const DraftOracle> wanted) { oracle = std::move(wanted); }
  /// What is known beyond this sequence, for ops that choose how much to draft.
  void setPace(std::shared_ptr<Pace> pace) { context.pace = std::move(pace); }

  /// Goes on to the next forward; none once the text has ended, or if `status` is an error.
  /// A forward of a text that has ended, or has no position for its last token, is passed
  /// over: nothing is chosen there.
  const Forward *advance();
  const Status &status() const { return failure; }
  /// What the step has chosen at each node of the forward's block, or after the hidden state.
  void supply(NodeChoices choices);

  std::vector<RoundText> &texts() { return context.texts; }
  const std::vector<RoundText> &texts() const { return context.texts; }
  const RoundText &text() const { return context.texts[0]; }
  int64_t rounds() const { return numRounds; }

private:
  /// A body under way.
  struct Frame {
    const RoundBody *body;
    const RoundInstruction *repeat; ///< null: the round
    size_t at = 0;
    int64_t left = 0; ///< iterations of a repeat after this one
  };

  std::vector<RoundValue> take(const std::vector<int32_t> &numbers) const;
  void assign(const std::vector<int32_t> &numbers, std::vector<RoundValue> taken);
  void run(const RoundInstruction &op);
  void redraft(const RoundInstruction &op, const RoundValue *source, RoundValue &result) const;
  void enter(const RoundInstruction &repeat);
  void endIteration();
  void endRound(bool stop);
  bool prepare(const RoundInstruction &forward);
  bool prepareHead(const RoundInstruction &head);
  bool prepareRecur(const RoundInstruction &recur);
  bool hasRoom(const std::vector<RoundValue> &carried) const;

  std::shared_ptr<const RoundProgram> program;
  RoundContext context;
  std::shared_ptr<const DraftOracle> oracle;
  std::vector<RoundValue> values;
  std::vector<Frame> frames;
  Forward wanted;
  int64_t numRounds = 0;
  size_t textSize = 0; ///< at the beginning of the round
  bool hasEnded = false;
  Status failure;
};

} // namespace plait

#endif // PLAIT_RUNTIME_DECODE_ROUNDS_COURSE_H
