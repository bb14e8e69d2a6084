//===- Draw.h - A draw from warped logits -----------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_CPU_DRAW_H
#define PLAIT_PASSES_CPU_DRAW_H

#include "passes/CPU/Choose.h"
#include "passes/CPU/PhiloxEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace plait {

/// Emits the draw at one leaf (ChooseSample.cpp). Weights are relative to `row.top`.
class DrawEmitter {
public:
  DrawEmitter(CpuKernelEmitter &e, LogitsRow &row, Value temperature);

  void applyTopK(Value k);
  void applyTopP(Value p);
  void applyMinP(Value m);
  /// Drops the logits below `threshold`, in the place of top_k and top_p.
  void keepFrom(Value threshold) { least.set(threshold); }
  /// Who is first in a race: the column (i64) and the key (f32) of decode.choose_sample, if there is one (i1).
  struct Winner {
    Value column, key, exists;
  };
  /// The winner of what is kept, of a row whose first logit is of token `first` (Race.cpp).
  Winner race(PhiloxEmitter &random, int64_t first);
  /// The mass that is kept (f64).
  Value mass();
  /// The entropy (f32) of what is kept, in nats, of which `mass` is the mass.
  Value entropy(Value mass);
  /// The weight (f32) of a logit, 0 if it is not kept.
  Value weightOf(Value x);
  /// w = exp((x - top) / temperature) of a vector of logits, as `exact` rounds it.
  Value wideWeights(Value x) { return exact(weights(x)); }

private:
  Value extend(Value x, Type type) { return arith::ExtFOp::create(b, e.loc(), type, x); }
  Value atLeast(Value x, Value y) { return arith::CmpFOp::create(b, e.loc(), arith::CmpFPredicate::OGE, x, y); }
  Value bothOf(Value x, Value y) { return arith::AndIOp::create(b, e.loc(), x, y); }
  Value weights(Value x) { return e.exp(e.mul(e.sub(x, tops), scale)); }
  /// Lanes that top_k and top_p keep. `threshold` is `least`.
  Value kept(Columns columns, Value x, Value threshold) { return existing(e, columns, atLeast(x, threshold)); }
  /// The weights of what all warps keep, zero elsewhere.
  Value keptWeights(Value kept, Value x);
  /// Weights (f32) as f64, rounded to multiples of 2^-30: sums of up to 2^19 of them are exact,
  /// in f64 and as pairs of f32, whatever the order and however a row is divided.
  Value exact(Value weights);
  /// Four vectors of a race at work, and what is known before them.
  struct Lap;
  SmallVector<Value> runLap(PhiloxEmitter &random, const Lap &lap, ValueRange carried);

  CpuKernelEmitter &e;
  OpBuilder &b;
  LogitsRow &row;
  Type f64;
  VectorType wide;
  CpuCell least; ///< logits below are dropped
  Value temperature, scale, tops, leastWeight;
};

/// Applies the warps of an op with operands like those of decode.choose_sample, as `leaf` wants them.
template <typename Op> void applyWarps(CpuKernelEmitter &e, DrawEmitter &draw, Op op, Value leaf) {
  Type i32 = e.builder().getI32Type();
  auto parameter = [&](Type type, Value operand) { return e.load(type, e.pointer(operand), leaf); };
  if (op.getTopK())
    draw.applyTopK(parameter(i32, op.getTopK()));
  if (op.getTopP())
    draw.applyTopP(parameter(e.f32Type(), op.getTopP()));
  if (op.getMinP())
    draw.applyMinP(parameter(e.f32Type(), op.getMinP()));
}

/// The random numbers of such an op for the token after the position of `leaf`.
template <typename Op> PhiloxEmitter randomFor(CpuKernelEmitter &e, Op op, Value leaf) {
  OpBuilder &b = e.builder();
  auto parameter = [&](Type type, Value operand) { return e.load(type, e.pointer(operand), leaf); };
  Value seed = parameter(b.getI64Type(), op.getSeed()), sequence = parameter(b.getI64Type(), op.getSequence());
  Value position = e.add(parameter(b.getI32Type(), op.getPositions()), 1);
  return PhiloxEmitter(e, seed, sequence, position, RandomPurpose::sample);
}

/// The id (i64) that such an op draws after the position of `leaf`, of a row of all logits.
template <typename Op> Value drawFor(CpuKernelEmitter &e, DrawEmitter &draw, Op op, Value leaf) {
  PhiloxEmitter random = randomFor(e, op, leaf);
  return draw.race(random, /*first=*/0).column;
}

} // namespace plait

#endif // PLAIT_PASSES_CPU_DRAW_H
