//===- Norm.cpp - Normalisations ------------------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CUDA/CudaKernels.h"

using namespace plait;

/// 1 / sqrt(sum / columns + eps)
static Value inverseDeviation(CudaKernelEmitter &e, Value sum, int64_t columns, const APFloat &eps) {
  Value variance = e.div(sum, e.f32(double(columns)));
  return e.div(e.f32(1), e.sqrt(e.add(variance, e.f32(eps.convertToDouble()))));
}

/// Columns base .. (i32) of a row by the threads of the block, or of each warp by themselves.
static void emitRmsNormGroup(lm::RmsNormOp op, CudaKernelEmitter &e, Value row, Value base, bool warps) {
  int64_t columns = cast<lm::WeightType>(op.getGain().getType()).getRows();
  int64_t width = CudaKernelEmitter::width({columns});
  Value input = e.rowPointer(op.getInput(), row), result = e.rowPointer(op.getResult(), row);
  Value gain = e.pointer(op.getGain());
  auto x = [&](CudaColumns c) { return e.load(e.typeOf(e.f32Type(), c.count), input, e.add(base, c.first)); };
  auto square = [&](CudaColumns c) {
    Value v = x(c);
    return e.mul(v, v);
  };
  Value squares = e.sumColumns(columns, width, square, warps);
  Value inverse = inverseDeviation(e, squares, columns, op.getEps());
  auto normalise = [&](CudaColumns c) {
    Value factor = e.load(e.typeOf(e.f32Type(), c.count), gain, c.first);
    if (op.getUnitOffset())
      factor = e.add(factor, e.constant(factor.getType(), 1));
    Value y = e.mul(e.mul(x(c), e.broadcast(inverse, c.count)), factor);
    e.store(y, result, e.add(base, c.first));
  };
  e.forColumns(columns, width, normalise, warps);
}

static LogicalResult emitRmsNormRow(lm::RmsNormOp op, CudaKernelEmitter &e, Value row) {
  int64_t columns = cast<lm::WeightType>(op.getGain().getType()).getRows(), groups = op.getGroups();
  if (groups == 1)
    emitRmsNormGroup(op, e, row, e.i32(0), /*warps=*/true);
  else // heads: a warp for each
    e.forLoop(e.warp(), e.i32(groups), e.threads() / 32,
              [&](Value group) { emitRmsNormGroup(op, e, row, e.mul(group, columns), /*warps=*/false); });
  return success();
}

static LogicalResult emitLayerNormRow(lm::LayerNormOp op, CudaKernelEmitter &e, Value row) {
  int64_t columns = cast<RankedTensorType>(op.getInput().getType()).getDimSize(1);
  int64_t width = CudaKernelEmitter::width({columns});
  Value input = e.rowPointer(op.getInput(), row), result = e.rowPointer(op.getResult(), row);
  Value gain = e.pointer(op.getGain()), bias = e.pointer(op.getBias());
  auto x = [&](CudaColumns c) { return e.load(e.typeOf(e.f32Type(), c.count), input, c.first); };
  // Two passes: the difference of two large sums would lose the variance of a row that
  // lies far from zero.
  Value mean = e.div(e.sumColumns(columns, width, x), e.f32(double(columns)));
  Value squares = e.sumColumns(columns, width, [&](CudaColumns c) {
    Value d = e.sub(x(c), e.broadcast(mean, c.count));
    return e.mul(d, d);
  });
  Value inverse = inverseDeviation(e, squares, columns, op.getEps());
  e.forColumns(columns, width, [&](CudaColumns c) {
    Type type = e.typeOf(e.f32Type(), c.count);
    Value centred = e.sub(x(c), e.broadcast(mean, c.count));
    Value factor = e.load(type, gain, c.first), offset = e.load(type, bias, c.first);
    Value y = e.fma(e.mul(centred, e.broadcast(inverse, c.count)), factor, offset);
    e.store(y, result, c.first);
  });
  return success();
}

void plait::registerNormCudaKernels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, lm::LmDialect *) {
    attachCudaRowKernel<lm::RmsNormOp, emitRmsNormRow>(context);
    attachCudaRowKernel<lm::LayerNormOp, emitLayerNormRow>(context);
  });
}
