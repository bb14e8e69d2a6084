//===- StepTime.h - What a step of a sharded program takes ------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A prediction from a machine's description (par.machine), on the program as
// plait-insert-reshards leaves it: whole types, constraints and reshards. A device takes
// for an op the longer of computing and reading, and a launch; what it has of the op's work
// is its share of the factors that are split. Devices wait for each other where they
// exchange. Ops are counted as if each ran alone: fusion is not foreseen.
//
//===----------------------------------------------------------------------===//
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_COST_STEPTIME_H
#define PLAIT_COST_STEPTIME_H

#include "dialects/Decode/Decode.h"
#include "dialects/Par/Par.h"

namespace plait {

/// The symbolic extents of a step (plait/Support/Cost.h).
struct StepExtents {
  int64_t tokens = 1, rows = 1, leaves = 1, tokenPositions = 0;

  /// A step that gives each of `sequences` a token, each after `past` others.
  static StepExtents decode(int64_t sequences, int64_t past) {
    return {sequences, sequences, sequences, sequences * (past + 1)};
  }
  /// A step that reads a prompt.
  static StepExtents prefill(int64_t tokens) { return {tokens, 1, 1, tokens * (tokens + 1) / 2}; }
};

struct StepTime {
  double seconds = 0;         ///< of the step, with the host's share
  double exchangeSeconds = 0; ///< of it, in collectives
};

/// The element type that `op` multiplies by: its name in the peak of a device ("bf16").
std::string getPeakName(Operation *op);

/// The time of `step`, whose values are sharded over `mesh`, which is on `machine`.
StepTime predictStep(decode::StepOp step, par::MeshOp mesh, par::MachineOp machine, const StepExtents &extents);

/// Bytes that each rank holds: of weights, and of the states of `positions` positions.
SmallVector<int64_t> predictMemory(decode::StepOp step, par::MeshOp mesh, int64_t positions);

} // namespace plait

#endif // PLAIT_COST_STEPTIME_H
