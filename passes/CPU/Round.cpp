//===- Round.cpp - Activations rounded to bf16 ----------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/CpuKernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace plait;

/// The upper halves of f32 numbers, rounded to nearest even; a NaN stays one.
/// In integers: VCVTNEPS2BF16 would take subnormal numbers for zeros.
static Value roundToBF16(CpuKernelEmitter &e, Value x) {
  VectorType words = e.vectorType(e.builder().getI32Type());
  auto shifted = [&](Value value) -> Value {
    return arith::ShRUIOp::create(e.builder(), e.loc(), value, e.integer(words, 16));
  };
  Value bits = e.bitcast(words, x);
  Value odd = arith::AndIOp::create(e.builder(), e.loc(), shifted(bits), e.integer(words, 1));
  Value rounded = shifted(e.add(bits, e.add(odd, 0x7FFF)));
  // Rounding could carry a NaN's bits into an infinity or a zero.
  Value quiet = arith::OrIOp::create(e.builder(), e.loc(), shifted(bits), e.integer(words, 0x40));
  Value isNumber = arith::CmpFOp::create(e.builder(), e.loc(), arith::CmpFPredicate::ORD, x, x);
  return arith::TruncIOp::create(e.builder(), e.loc(), e.vectorType(e.builder().getI16Type()),
                                 e.select(isNumber, rounded, quiet));
}

static void emitRoundRow(lm::RoundOp op, CpuKernelEmitter &e, Value row) {
  int64_t columns = cast<RankedTensorType>(op.getInput().getType()).getDimSize(1), padded = op.getColumns();
  Value input = e.rowPointer(op.getInput(), row), result = e.rowPointer(op.getResult(), row);
  Type half = e.builder().getI16Type();
  Value zero = e.integer(e.vectorType(half), 0);
  // Zeros first, the last numbers over them.
  for (int64_t c = columns / e.lanes() * e.lanes(); c < padded; c += e.lanes())
    if (c + e.lanes() <= padded)
      e.store(zero, result, e.i64(c));
    else
      for (int64_t i = c; i < padded; ++i)
        e.store(e.integer(half, 0), result, e.i64(i));
  e.forColumns(columns, [&](Columns c) {
    Value x = e.load(e.f32Type(), input, c.first, c.mask);
    e.store(roundToBF16(e, x), result, c.first, c.mask);
  });
}

void plait::registerRoundCpuKernels(DialectRegistry &registry) {
  registry.addExtension(
      +[](MLIRContext *context, lm::LmDialect *) { attachCpuRowKernel<lm::RoundOp, emitRoundRow>(context); });
}
