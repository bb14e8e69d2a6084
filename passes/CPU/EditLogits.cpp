//===- EditLogits.cpp - Sparse changes of logits on CPUs ------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tile is a leaf. Normally the result lies over the logits, and a leaf without
// entries costs a comparison of two numbers.
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/Choose.h"
#include "passes/CPU/CpuKernels.h"

#include "dialects/Decode/Decode.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <limits>

using namespace plait;

/// The logit `x` (f32) after one entry.
static Value editLogit(CpuKernelEmitter &e, Value x, Value bias, Value scale, Value offset) {
  OpBuilder &b = e.builder();
  constexpr double infinity = std::numeric_limits<double>::infinity();
  Value biased = e.add(x, bias);
  Value divided = e.div(biased, scale), multiplied = e.mul(biased, scale);
  Value scaled = e.select(e.less(e.f32(0), biased), divided, multiplied);
  Value edited = e.sub(scaled, offset);
  // What is not finite stays so, lest a mask hide it.
  Value aboveLeast = e.less(e.f32(-infinity), x), belowMost = e.less(x, e.f32(infinity));
  Value finite = arith::AndIOp::create(b, e.loc(), aboveLeast, belowMost);
  Value mask = e.f32(std::numeric_limits<float>::lowest());
  Value masks = arith::AndIOp::create(b, e.loc(), finite, e.equal(bias, e.f32(-infinity)));
  return e.select(arith::OrIOp::create(b, e.loc(), masks, e.equal(x, mask)), mask, edited);
}

/// Copies the row of `leaf` if the result has a buffer of its own.
static void copyRow(CpuKernelEmitter &e, Value from, Value to, Value leaf, int64_t count) {
  Value apart = LLVM::ICmpOp::create(e.builder(), e.loc(), LLVM::ICmpPredicate::ne, from, to);
  e.ifThen(apart, [&] {
    Value row = e.mul(leaf, count);
    e.forColumns(count, [&](Columns c) {
      Value at = e.add(row, c.first);
      e.store(e.load(e.f32Type(), from, at, c.mask), to, at, c.mask);
    });
  });
}

static LogicalResult emitEditLogits(decode::EditLogitsOp op, CpuKernelEmitter &e) {
  OpBuilder &b = e.builder();
  Type f32 = e.f32Type();
  int64_t vocabulary = cast<RankedTensorType>(op.getLogits().getType()).getDimSize(1);
  Value logits = e.pointer(op.getResult()), ends = e.pointer(op.getEnds());
  CpuCell begin(e, b.getI64Type());
  e.forEachTile(e.rowTiles(op.getLogits()), [&](Value leaf) {
    copyRow(e, e.pointer(op.getLogits()), logits, leaf, vocabulary);
    begin.set(e.i64(0));
    e.ifThen(e.less(e.i64(0), leaf), [&] { begin.set(e.loadIndex(ends, e.add(leaf, -1))); });
    Value row = e.mul(leaf, vocabulary), first = begin.get(), end = e.loadIndex(ends, leaf);
    e.forLoop(first, end, 1, [&](Value entry) {
      Value token = e.loadIndex(e.pointer(op.getTokens()), entry);
      if (op.getFirst())
        token = e.add(token, -int64_t(op.getFirst()));
      Value known = arith::CmpIOp::create(b, e.loc(), arith::CmpIPredicate::ult, token, e.i64(vocabulary));
      e.ifThen(known, [&] {
        Value at = e.add(row, token);
        auto parameter = [&](Value list) { return e.load(f32, e.pointer(list), entry); };
        Value logit = e.load(f32, logits, at), bias = parameter(op.getBiases());
        Value scale = parameter(op.getScales()), offset = parameter(op.getOffsets());
        e.store(editLogit(e, logit, bias, scale, offset), logits, at);
      });
    });
  });
  return success();
}

void plait::registerEditCpuKernels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, decode::DecodeDialect *) {
    attachCpuKernel<decode::EditLogitsOp, emitEditLogits>(context);
  });
}
