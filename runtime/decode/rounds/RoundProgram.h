//===- RoundProgram.h - A strategy as the runtime runs it -------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A decoding strategy (decode.strategy) once its forwards have become steps: ops on small
// host values, for one sequence. An artifact holds it as JSON:
//
//   {"name": "prompt_lookup", "exact": "identical", "models": ["main"], "values": 6,
//    "begin": [], "inits": [0], "arguments": [0],
//    "round": {"ops": [{"op": "lookup", "operands": [0], "results": [1], "size": 5, ...},
//                      {"op": "forward", "operands": [0, 1], "results": [2], "step": "ar"},
//                      {"op": "walk", "operands": [1, 2], "results": [3]},
//                      {"op": "commit", "operands": [0, 3], "results": [4]},
//                      {"op": "stop", "operands": [4], "results": [5]}],
//              "yield": [4], "stop": 5}}
//
// A forward with further results gives hidden states of its nodes as well, behind the layers that its step is
// named for: they stand side by side in what the step returns of a leaf. Of one node's
// {"op": "head", "operands": [6], "results": [7], "step": "head_medusa_0", "count": 3} gives
// the most probable tokens. With the token after it, of a path or of a list, and its text
// {"op": "recur", "operands": [6, 3, 4], "results": [8, 9], "step": "recur_mtp", "count": 3} gives
// those after both, and the next hidden state.
//
// A forward of several steps names the others, and takes the number of one of them:
// {"op": "forward", "operands": [0, 1, 8], "results": [2], "step": "ar_skip_1_2", "others": ["ar_skip_1"]}.
//
// Values 0, 1, ... as many as there are models are the texts at the beginning. A repeat is
// {"op": "repeat", "count": 4, "times": 7, "operands": inits, "arguments": [...],
//  "results": [...], "body": {...}} with a body like a round's, whose stop may be absent.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_DECODE_ROUNDS_ROUNDPROGRAM_H
#define PLAIT_RUNTIME_DECODE_ROUNDS_ROUNDPROGRAM_H

#include "runtime/decode/rounds/RoundOp.h"

#include <optional>

namespace plait {

struct RoundBody;

/// An op with the numbers of its values. One of `op`, `body` and `step` says what it does.
struct RoundInstruction {
  std::vector<int32_t> operands, results;
  std::shared_ptr<const RoundOp> op;
  // A repeat.
  std::shared_ptr<const RoundBody> body;
  int64_t count = 0;
  int32_t times = -1; ///< a value, or -1
  // A step: of a forward, (text, block) -> choices, or also hidden states; of a head,
  // hidden state -> tokens; of what recurs, (hidden state, token, text) -> (tokens, hidden state).
  std::string step;
  int32_t number = 0;                ///< of the step in the program's
  std::vector<std::string> others;   ///< of a forward with a third operand: the steps of variants 1, 2, ...
  std::vector<int32_t> otherNumbers; ///< theirs
  int32_t top = 0;                   ///< most probable tokens to report at each node
  bool isHead = false, recurs = false;
};

struct RoundBody {
  std::vector<int32_t> arguments; ///< take the inits, then what was yielded
  std::vector<RoundInstruction> ops;
  std::vector<int32_t> yield;
  int32_t stop = -1; ///< a value, or -1
};

struct RoundProgram {
  std::string name, exact;
  std::vector<std::string> models;     ///< of the texts, the user's first
  std::vector<RoundInstruction> begin; ///< before the first round
  std::vector<int32_t> inits;          ///< of the round
  RoundBody round;
  std::vector<size_t> kinds; ///< of each value

  // What it asks of an engine.
  std::vector<std::string> steps; ///< that its forwards run
  std::vector<bool> isHead;       ///< of each of them
  std::vector<bool> recurs;       ///< of each of them
  int64_t mostNodes = 1;          ///< of a block
  int64_t mostAhead = 0;          ///< tokens that a text is at most ahead of what was published before the round
  int32_t mostTop = 0;            ///< most probable tokens of a node
  size_t variants = 1;            ///< of its forwards
  bool hasTrees = false;          ///< a node may have several children

  /// Whether its text is that of plain decoding: the one that the steps choose, whatever is
  /// drafted. Of a rule of another distribution it is one of its own.
  bool hasPlainText() const { return exact == "identical" || exact == "distribution"; }

  /// Reads and checks a program: what runs cannot go wrong.
  static Expected<std::shared_ptr<const RoundProgram>> read(const JsonView &program);
};

} // namespace plait

#endif // PLAIT_RUNTIME_DECODE_ROUNDS_ROUNDPROGRAM_H
