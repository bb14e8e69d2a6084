//===- StepSplit.h - A step in two parts -----------------------*- C++ -*--===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The first tokens of a step and the others, which may go on with the last row of the first
// part. Tokens do not depend on how their sequence is cut, so results are those of the whole
// step. Every rank splits by itself, and all alike: by the step's inputs, which they have in common.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_CORE_STEPSPLIT_H
#define PLAIT_RUNTIME_CORE_STEPSPLIT_H

#include "runtime/device/Device.h"

namespace plait {

/// The first part of a step is a multiple of so many tokens, so that products have no more tiles
/// than those of the whole step.
inline constexpr int64_t kSplitAlign = 32;

/// Arrays of both parts of a step: those of the whole step but for what counts tokens and leaves.
class StepSplit {
public:
  /// Splits a step of these extents and arrays in the middle; `logitColumns` and `hiddenColumns` of its
  /// outputs, 0 for none. Returns false, and does nothing, for a step that has fewer than two parts of kSplitAlign
  /// tokens, rows that are trees, or leaves that depend on each other.
  bool split(const StepDims &dims, const StepArrays &arrays, int64_t logitColumns, int64_t hiddenColumns);

  /// Without contexts.
  std::array<StepPart, 2> parts;
  /// Leaves of the first part.
  int64_t firstLeaves = 0;

private:
  std::vector<int32_t> leaves, editEnds; ///< of the second part
};

} // namespace plait

#endif // PLAIT_RUNTIME_CORE_STEPSPLIT_H
