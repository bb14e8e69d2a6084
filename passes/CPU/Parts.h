//===- Parts.h - What ranks tell each other of their logits -----*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernels of the ops in dialects/Decode/DecodePartOps.td. Every rank computes what
// follows from the numbers of all in one order, so that all get the same bits.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_CPU_PARTS_H
#define PLAIT_PASSES_CPU_PARTS_H

#include "passes/CPU/Choose.h"

namespace plait {

/// The f64 `value` as a pair of f32 at element `offset`.
void storePair(CpuKernelEmitter &e, Value value, Value pointer, Value offset);
Value loadPair(CpuKernelEmitter &e, Value pointer, Value offset);

/// Address of row `row` of a matrix of words.
Value wordsOf(CpuKernelEmitter &e, Value tensor, Value row);
/// How many columns a matrix of words has.
int64_t widthOf(Value tensor);

/// Stores what decode.top_part says of `leaf`, whose logits are `row`, of which the first one is of token `first`
/// (i64), as many as `counts` wants, in the words of `entries` from `column` on.
void storeTops(CpuKernelEmitter &e, LogitsRow row, Value counts, Value leaf, Value first, Value entries, Value column);

/// One leaf, from the summaries of all parts.
class MergedSummary {
public:
  MergedSummary(CpuKernelEmitter &e, Value summaries, Value leaf);

  Value top, topId; ///< the largest logit and its token (i64)
  Value finite;     ///< i1: no logit is NaN or infinite
  Value usable;     ///< i1: finite, and not all are masked
  /// sum over v of exp(logit[v] - top), f64, of a finite leaf
  Value mass();
  /// The logprob (f32) of a token with this logit, of a usable leaf.
  Value logprob(Value logit);

private:
  CpuKernelEmitter &e;
  Value words;
  int64_t parts;
};

} // namespace plait

#endif // PLAIT_PASSES_CPU_PARTS_H
