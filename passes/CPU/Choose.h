//===- Choose.h - What the token choosing kernels share ---------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tile is a leaf: one row of logits is scanned a vector at a time, as often
// as the rule needs. Every order of summation depends on the vocabulary alone.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_CPU_CHOOSE_H
#define PLAIT_PASSES_CPU_CHOOSE_H

#include "passes/CPU/KernelEmitter.h"

namespace plait {

/// A variable of the emitted code, for values that leave a conditional block.
class CpuCell {
public:
  CpuCell(CpuKernelEmitter &e, Type type) : e(e), type(type), pointer(e.scratch(type, 1)) {}
  Value get() { return e.load(type, pointer, e.i64(0)); }
  void set(Value value) { e.store(value, pointer, e.i64(0)); }

private:
  CpuKernelEmitter &e;
  Type type;
  Value pointer;
};

/// The logits of one leaf.
class LogitsRow {
public:
  LogitsRow(CpuKernelEmitter &e, Value logits, Value leaf);
  /// `count` of them that lie at `memory`.
  LogitsRow(CpuKernelEmitter &e, Value memory, int64_t count) : e(e), row(memory), count(count) {}

  using Step = llvm::function_ref<SmallVector<Value>(Columns, Value x, ValueRange carried)>;
  /// Runs `step` over all logits in order of ids: `x` is a vector of them, zero
  /// in lanes that do not exist. Returns what the last step returned.
  SmallVector<Value> scan(ValueRange init, Step step);
  /// The logits of these ids.
  Value vectorAt(Columns columns);
  /// The logit of id `id`, i64.
  Value at(Value id);
  int64_t size() const { return count; }

  /// Filled by findTop.
  Value top, topId; ///< largest logit; the lowest id (i64) that has it
  Value finite;     ///< i1: no logit is NaN or infinite
  Value usable;     ///< i1: finite, and not all are masked
  void findTop();
  /// sum over v of exp(logit[v] - top), f64, as decode.join_summaries takes it
  Value sumExp();
  /// The same of one block, whose `top` is found.
  Value sumExpOfBlock();
  /// Rows of each of the blocks of decode.summarize_blocks: `body(block, row)`; the last one may
  /// be shorter.
  SmallVector<Value> forBlocks(ValueRange init,
                               llvm::function_ref<SmallVector<Value>(Value block, LogitsRow row, ValueRange)> body);
  /// Its logarithm, f32.
  Value logSumExp();

private:
  Value largest();

  CpuKernelEmitter &e;
  Value row; ///< address of logit 0
  int64_t count;
};

/// A logit below it is masked: its token has probability zero.
float lowestUnmasked();

/// The f64 `value` as the two f32 that stand for it in memory.
std::pair<Value, Value> splitPair(CpuKernelEmitter &e, Value value);
Value joinPair(CpuKernelEmitter &e, Value high, Value low);
/// `mass` (f64), relative to the logit `top`, relative to `newTop` and added to `sum`.
Value addMass(CpuKernelEmitter &e, Value sum, Value mass, Value top, Value newTop);

/// `condition` in the lanes that exist, false in the others.
Value existing(CpuKernelEmitter &e, Columns columns, Value condition);

/// What `body` returns if a lane of `mask` is set, else `otherwise`. Thresholds
/// lie far up as a rule: most vectors have nothing to compute an exponential of.
SmallVector<Value> ifAny(CpuKernelEmitter &e, Value mask, ValueRange otherwise,
                         llvm::function_ref<SmallVector<Value>()> body);

/// Raises `least` (f32) to the largest logit such that the logits not below it
/// have together at least the measure `goal` (f64). Those not below the present
/// `least` have at most `total`, which is enough. `measure` gives a vector of
/// logits' own (f64).
void raiseThreshold(CpuKernelEmitter &e, LogitsRow &row, CpuCell &least, Value total, Value goal,
                    llvm::function_ref<Value(Value x)> measure);

/// Where a rule puts what it chose.
struct ChosenBuffers {
  Value tokens, status, logprob; ///< results of the op
};
/// Emits the whole kernel of a rule over the leaves of `logits`: `choose(leaf,
/// row)` emits the choice for a usable row and returns the id (i64). Another row
/// gets token -1 and is reported.
void emitChoose(CpuKernelEmitter &e, Value logits, ChosenBuffers results, bool unequalCost,
                llvm::function_ref<Value(Value leaf, LogitsRow &row)> choose);

} // namespace plait

#endif // PLAIT_PASSES_CPU_CHOOSE_H
