//===- Norm.cpp - Normalisations ------------------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/CpuKernels.h"

using namespace plait;

/// Sum over a row of `term(columns)`, which is zero in masked lanes.
static Value sumColumns(CpuKernelEmitter &e, int64_t columns, llvm::function_ref<Value(Columns)> term) {
  return e.reduceColumns(
      columns, 0, [&](Columns c, Value sum) { return e.add(sum, term(c)); },
      [&](Value x, Value y) { return e.add(x, y); });
}

/// 1 / sqrt(sum / columns + eps)
static Value inverseDeviation(CpuKernelEmitter &e, Value sum, int64_t columns, const APFloat &eps) {
  Value variance = e.div(sum, e.f32(double(columns)));
  return e.div(e.f32(1), e.sqrt(e.add(variance, e.f32(eps.convertToDouble()))));
}

/// Columns base .. of one group; `input` and `result` are addresses of what base counts from.
static void emitRmsNormGroup(lm::RmsNormOp op, CpuKernelEmitter &e, Value input, Value result, Value base) {
  int64_t columns = cast<lm::WeightType>(op.getGain().getType()).getRows();
  Value gain = e.pointer(op.getGain());
  auto x = [&](Columns c) { return e.load(e.f32Type(), input, e.add(base, c.first), c.mask); };
  Value squares = e.reduceColumns(
      columns, 0,
      [&](Columns c, Value sum) {
        Value v = x(c);
        return e.fma(v, v, sum);
      },
      [&](Value a, Value b) { return e.add(a, b); });
  Value inverse = e.broadcast(inverseDeviation(e, squares, columns, op.getEps()));
  e.forColumns(columns, [&](Columns c) {
    Value factor = e.load(e.f32Type(), gain, c.first, c.mask);
    if (op.getUnitOffset())
      factor = e.add(factor, e.splat(1));
    Value y = e.mul(e.mul(x(c), inverse), factor);
    e.store(y, result, e.add(base, c.first), c.mask);
  });
}

static LogicalResult emitRmsNorm(lm::RmsNormOp op, CpuKernelEmitter &e) {
  int64_t columns = cast<lm::WeightType>(op.getGain().getType()).getRows();
  e.forEachTile(e.rowTiles(op.getResult(), op.getGroups()), [&](Value group) {
    Value base = e.mul(group, columns);
    emitRmsNormGroup(op, e, e.pointer(op.getInput()), e.pointer(op.getResult()), base);
  });
  return success();
}

static void emitRmsNormRow(lm::RmsNormOp op, CpuKernelEmitter &e, Value row) {
  int64_t columns = cast<lm::WeightType>(op.getGain().getType()).getRows();
  Value input = e.rowPointer(op.getInput(), row), result = e.rowPointer(op.getResult(), row);
  e.forLoop(e.i64(0), e.i64(op.getGroups() * columns), columns,
            [&](Value base) { emitRmsNormGroup(op, e, input, result, base); });
}

static void emitLayerNormRow(lm::LayerNormOp op, CpuKernelEmitter &e, Value row) {
  int64_t columns = cast<RankedTensorType>(op.getInput().getType()).getDimSize(1);
  Value input = e.rowPointer(op.getInput(), row), result = e.rowPointer(op.getResult(), row);
  Value gain = e.pointer(op.getGain()), bias = e.pointer(op.getBias());
  auto x = [&](Columns c) { return e.load(e.f32Type(), input, c.first, c.mask); };
  // Two passes: the difference of two large sums would lose the variance of a
  // row that lies far from zero.
  Value mean = e.broadcast(e.div(sumColumns(e, columns, x), e.f32(double(columns))));
  Value squares = e.reduceColumns(
      columns, 0,
      [&](Columns c, Value sum) {
        Value d = e.sub(x(c), mean);
        return e.keep(c, e.fma(d, d, sum), sum);
      },
      [&](Value a, Value b) { return e.add(a, b); });
  Value inverse = e.broadcast(inverseDeviation(e, squares, columns, op.getEps()));
  e.forColumns(columns, [&](Columns c) {
    Value y = e.mul(e.sub(x(c), mean), inverse);
    Value factor = e.load(e.f32Type(), gain, c.first, c.mask), offset = e.load(e.f32Type(), bias, c.first, c.mask);
    y = e.fma(y, factor, offset);
    e.store(y, result, c.first, c.mask);
  });
}

void plait::registerNormCpuKernels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, lm::LmDialect *) {
    attachCpuRowKernel<lm::RmsNormOp, emitRmsNorm, emitRmsNormRow>(context);
    attachCpuRowKernel<lm::LayerNormOp, emitLayerNormRow>(context);
  });
}
