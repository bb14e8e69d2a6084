//===- Course.h - A sequence on its way through a round program -*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_DECODE_ROUNDS_COURSE_H
#define PLAIT_RUNTIME_DECODE_ROUNDS_COURSE_H

#include "runtime/decode/rounds/RoundProgram.h"

namespace plait {

/// Runs a program for one sequence up to its next forward, which somebody else computes
/// together with those of other sequences: each is at a place of its own, so batches are
/// ragged in whatever way they come. Values are those of the sequence alone.
class Course {
public:
  /// What a sequence waits for.
  struct Forward {
    int text = 0;     ///< of `texts()`; a fork's pages are those of its base
    DraftBlock block; ///< node 0 is the text's last token; pending tokens before it come first
    const RoundInstruction *instruction = nullptr;
  };

  /// All texts begin with `prompt`. `maxPositions` are those of the program's models.
  Course(std::shared_ptr<const RoundProgram> program, std::vector<int32_t> prompt, int64_t budget,
         std::vector<int64_t> maxPositions, int64_t vocabulary);

  /// Goes on to the next forward; none once the text has ended.
  const Forward *advance();
  /// What the step has chosen at each node of the forward's block.
  void supply(NodeChoices choices);

  std::vector<RoundText> &texts() { return context.texts; }
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
  void enter(const RoundInstruction &repeat);
  void endIteration();
  bool hasRoom(const std::vector<RoundValue> &carried) const;

  std::shared_ptr<const RoundProgram> program;
  RoundContext context;
  std::vector<RoundValue> values;
  std::vector<Frame> frames;
  Forward wanted;
  int64_t numRounds = 0;
  bool hasEnded = false;
};

} // namespace plait

#endif // PLAIT_RUNTIME_DECODE_ROUNDS_COURSE_H
