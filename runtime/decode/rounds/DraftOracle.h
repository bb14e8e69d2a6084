//===- DraftOracle.h - Drafts that are right as often as wanted -*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_DECODE_ROUNDS_DRAFTORACLE_H
#define PLAIT_RUNTIME_DECODE_ROUNDS_DRAFTORACLE_H

#include "runtime/decode/rounds/RoundValues.h"

#include <cstdint>
#include <vector>

namespace plait {

/// For tests and measurements: knows the text that plain decoding gives, and drafts its
/// tokens in place of whatever drafts (Course::setOracle), each right with a probability.
/// What it drafts for a position depends on the position alone, so runs repeat whatever the
/// batch is; of the drafts for one position that have the same parent at most one is right.
struct DraftOracle {
  std::vector<int32_t> text; ///< the prompt, and what was chosen after it
  double accuracy = 1;
  uint64_t seed = 0, sequence = 0;

  /// Draft number `place` of `siblings` for `position`. Wrong ones are other tokens.
  int32_t draft(int64_t position, int32_t place, int32_t siblings, int64_t vocabulary) const;
  /// Drafts all nodes of `block` but the root, which stands at `root`. A chain that is
  /// `filled` has as many of them as it may.
  void draft(DraftBlock &block, int64_t root, int64_t most, bool filled, int64_t vocabulary) const;
};

} // namespace plait

#endif // PLAIT_RUNTIME_DECODE_ROUNDS_DRAFTORACLE_H
