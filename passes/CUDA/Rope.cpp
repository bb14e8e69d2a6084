//===- Rope.cpp - Rotary position embedding -------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A row at a time. Sines and cosines of a row are worked out once, and used for all
// heads. Angles are large numbers whose fraction of a turn matters: f64.
//
//===----------------------------------------------------------------------===//

#include "passes/CUDA/CudaKernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace plait;

static LogicalResult emitRopeRow(lm::RopeOp op, CudaKernelEmitter &e, Value row) {
  if (op.getGrowth())
    return op.emitOpError("expected frequencies that do not depend on the position: those that do have no CUDA kernel");
  int64_t columns = cast<RankedTensorType>(op.getInput().getType()).getDimSize(1), headDim = op.getHeadDim();
  int64_t pairs = op.getPairs(), heads = columns / headDim;
  Value input = e.rowPointer(op.getInput(), row), result = e.rowPointer(op.getResult(), row);
  Value frequencies = e.table("frequencies", op.getFrequencies(/*position=*/0));
  Value sines = e.shared(pairs * 4, 16), cosines = e.shared(pairs * 4, 16);
  Value position = e.loadIndex(e.pointer(op.getPositions()), row);
  Type wide = e.builder().getF64Type();
  Value factor = arith::SIToFPOp::create(e.builder(), e.loc(), wide, position);
  e.forColumns(pairs, 1, [&](CudaColumns c) {
    Value angle = e.mul(e.load(wide, frequencies, c.first), factor);
    auto [sine, cosine] = e.sinCos(angle);
    if (double magnitude = op.getMagnitude(); magnitude != 1) {
      sine = e.mul(sine, e.f32(magnitude));
      cosine = e.mul(cosine, e.f32(magnitude));
    }
    e.store(sine, sines, c.first);
    e.store(cosine, cosines, c.first);
  });
  e.barrier();
  e.forColumns(heads * pairs, 1, [&](CudaColumns c) {
    Value pair = e.rem(c.first, pairs), head = e.mul(e.div(c.first, pairs), headDim);
    Value first = e.add(head, op.getInterleaved() ? e.mul(pair, 2) : pair);
    Value second = e.add(first, op.getInterleaved() ? 1 : pairs);
    Value x = e.load(e.f32Type(), input, first), y = e.load(e.f32Type(), input, second);
    Value sine = e.load(e.f32Type(), sines, pair), cosine = e.load(e.f32Type(), cosines, pair);
    Value minus = e.negate(e.mul(y, sine)), plus = e.mul(x, sine);
    e.store(e.fma(x, cosine, minus), result, first);
    e.store(e.fma(y, cosine, plus), result, second);
  });
  int64_t rest = headDim - 2 * pairs;
  if (rest)
    e.forColumns(heads * rest, 1, [&](CudaColumns c) {
      Value head = e.mul(e.div(c.first, rest), headDim);
      Value column = e.add(e.add(head, e.rem(c.first, rest)), 2 * pairs);
      e.store(e.load(e.f32Type(), input, column), result, column);
    });
  return success();
}

void plait::registerRopeCudaKernels(DialectRegistry &registry) {
  registry.addExtension(
      +[](MLIRContext *context, lm::LmDialect *) { attachCudaRowKernel<lm::RopeOp, emitRopeRow>(context); });
}
