//===- Rope.cpp - Rotary position embedding -------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/CpuKernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace plait;

static LogicalResult emitRope(lm::RopeOp op, CpuKernelEmitter &e) {
  OpBuilder &b = e.builder();
  int64_t columns = cast<RankedTensorType>(op.getInput().getType()).getDimSize(1);
  int64_t headDim = op.getHeadDim(), half = headDim / 2;
  Value input = e.pointer(op.getInput()), positions = e.pointer(op.getPositions()), result = e.pointer(op.getResult());
  // Padded, so that it is read in whole vectors.
  std::vector<double> frequencies = op.getFrequencies();
  frequencies.resize(llvm::alignTo(frequencies.size(), e.lanes()));
  Value table = e.table("frequencies", frequencies);

  e.forEachTile(e.rowTiles(op.getResult()), [&](Value row) {
    // The angle is a large number whose fraction of a turn matters: f64.
    Value position = arith::SIToFPOp::create(b, e.loc(), b.getF64Type(), e.loadIndex(positions, row));
    Value base = e.mul(row, columns);
    e.forColumns(half, [&](Columns c) {
      Value frequency = e.load(e.vectorType(b.getF64Type()), table, c.first);
      auto [sine, cosine] = e.sinCos(e.mul(frequency, e.broadcast(position)));
      Value first = e.add(base, c.first);
      auto rotate = [&, sine = sine, cosine = cosine](Value head) {
        Value lower = e.add(first, head), upper = e.add(lower, half);
        Value x = e.load(e.f32Type(), input, lower, c.mask), y = e.load(e.f32Type(), input, upper, c.mask);
        e.store(e.fma(x, cosine, e.negate(e.mul(y, sine))), result, lower, c.mask);
        e.store(e.fma(y, cosine, e.mul(x, sine)), result, upper, c.mask);
      };
      e.forLoop(e.i64(0), e.i64(columns), headDim, rotate);
    });
  });
  return success();
}

void plait::registerRopeCpuKernels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, lm::LmDialect *) { attachCpuKernel<lm::RopeOp, emitRope>(context); });
}
