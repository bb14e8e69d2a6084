//===- PartSummary.cpp - Greedy choice from parts of logits ---------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/Choose.h"
#include "passes/CPU/CpuKernels.h"
#include "passes/CPU/Parts.h"

#include "dialects/Decode/Decode.h"
#include "dialects/Rt/Rt.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <limits>

using namespace plait;

//===----------------------------------------------------------------------===//
// Words
//===----------------------------------------------------------------------===//

int64_t plait::widthOf(Value tensor) { return cast<RankedTensorType>(tensor.getType()).getDimSize(1); }

Value plait::wordsOf(CpuKernelEmitter &e, Value tensor, Value row) {
  return e.element(e.f32Type(), e.pointer(tensor), e.mul(row, widthOf(tensor)));
}

void plait::storePair(CpuKernelEmitter &e, Value value, Value pointer, Value offset) {
  OpBuilder &b = e.builder();
  Value high = arith::TruncFOp::create(b, e.loc(), e.f32Type(), value);
  Value rest = e.sub(value, arith::ExtFOp::create(b, e.loc(), b.getF64Type(), high));
  Value low = arith::TruncFOp::create(b, e.loc(), e.f32Type(), rest);
  e.store(high, pointer, offset);
  e.store(low, pointer, e.add(offset, 1));
}

Value plait::loadPair(CpuKernelEmitter &e, Value pointer, Value offset) {
  OpBuilder &b = e.builder();
  Value high = e.load(e.f32Type(), pointer, offset), low = e.load(e.f32Type(), pointer, e.add(offset, 1));
  Value wide = arith::ExtFOp::create(b, e.loc(), b.getF64Type(), high);
  return e.add(wide, arith::ExtFOp::create(b, e.loc(), b.getF64Type(), low));
}

MergedSummary::MergedSummary(CpuKernelEmitter &e, Value summaries, Value leaf)
    : e(e), words(wordsOf(e, summaries, leaf)), parts(widthOf(summaries) / 4) {
  OpBuilder &b = e.builder();
  Value lowest = e.f32(-std::numeric_limits<double>::infinity()), none = e.f32(-1);
  Value yes = e.integer(b.getI1Type(), 1);
  SmallVector<Value> all =
      e.forLoop(e.i64(0), e.i64(4 * parts), 4, {lowest, none, yes}, [&](Value at, ValueRange carried) {
        Value own = e.load(e.f32Type(), words, at), id = e.load(e.f32Type(), words, e.add(at, 1));
        Value better = e.less(carried[0], own), bad = e.less(id, e.f32(0));
        Value finite = e.select(bad, e.integer(b.getI1Type(), 0), carried[2]);
        return SmallVector<Value>{e.select(better, own, carried[0]), e.select(better, id, carried[1]), finite};
      });
  top = all[0];
  topId = arith::FPToSIOp::create(b, e.loc(), b.getI64Type(), all[1]);
  Value unmasked = e.less(e.f32(std::numeric_limits<float>::lowest()), top);
  usable = arith::AndIOp::create(b, e.loc(), all[2], unmasked);
}

Value MergedSummary::logprob(Value logit) {
  OpBuilder &b = e.builder();
  Type f64 = b.getF64Type();
  Value mass = e.forLoop(e.i64(0), e.i64(4 * parts), 4, {e.constant(f64, 0)}, [&](Value at, ValueRange carried) {
    Value weight = e.exp(e.sub(e.load(e.f32Type(), words, at), top));
    Value own = loadPair(e, words, e.add(at, 2));
    Value share = e.mul(own, arith::ExtFOp::create(b, e.loc(), f64, weight));
    return SmallVector<Value>{e.add(carried[0], share)};
  })[0];
  Value belowTop = e.sub(logit, top);
  return e.sub(belowTop, e.log(arith::TruncFOp::create(b, e.loc(), e.f32Type(), mass)));
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

static LogicalResult emitSummarize(decode::SummarizeOp op, CpuKernelEmitter &e) {
  OpBuilder &b = e.builder();
  e.forEachTile(e.rowTiles(op.getResult()), [&](Value leaf) {
    LogitsRow row(e, op.getLogits(), leaf);
    row.findTop();
    Value words = wordsOf(e, op.getResult(), leaf);
    e.store(e.f32(0), words, e.i64(0));
    e.store(e.f32(-1), words, e.i64(1));
    storePair(e, e.constant(b.getF64Type(), 0), words, e.i64(2));
    e.ifThen(row.finite, [&] {
      e.store(row.top, words, e.i64(0));
      Value id = e.add(row.topId, int64_t(op.getFirst()));
      e.store(arith::SIToFPOp::create(b, e.loc(), e.f32Type(), id), words, e.i64(1));
      storePair(e, row.sumExp(), words, e.i64(2));
    });
  });
  return success();
}

static LogicalResult emitChooseSummarized(decode::ChooseSummarizedOp op, CpuKernelEmitter &e) {
  OpBuilder &b = e.builder();
  Type i32 = b.getI32Type();
  CpuCell token(e, b.getI64Type()), status(e, i32), logprob(e, e.f32Type()), logit(e, e.f32Type());
  e.forEachTile(e.rowTiles(op.getSummaries()), [&](Value leaf) {
    MergedSummary summary(e, op.getSummaries(), leaf);
    token.set(e.i64(-1));
    status.set(e.integer(i32, PLAIT_LEAF_NONFINITE));
    logprob.set(e.f32(0));
    e.ifThen(summary.usable, [&] {
      token.set(summary.topId);
      logit.set(summary.top);
      status.set(e.integer(i32, PLAIT_LEAF_OK));
      if (op.getDrawn()) {
        // Nothing is drawn in a step in which all temperatures are 0.
        Value temperature = e.load(e.f32Type(), e.pointer(op.getTemperature()), leaf);
        e.ifThen(e.less(e.f32(0), temperature), [&] {
          Value words = wordsOf(e, op.getDrawn(), leaf);
          e.forLoop(e.i64(0), e.i64(widthOf(op.getDrawn())), 2, [&](Value at) {
            Value id = e.load(e.f32Type(), words, at), none = e.f32(-1);
            e.ifThen(e.less(none, id), [&] {
              token.set(arith::FPToSIOp::create(b, e.loc(), b.getI64Type(), id));
              logit.set(e.load(e.f32Type(), words, e.add(at, 1)));
            });
          });
        });
      }
      logprob.set(summary.logprob(logit.get()));
    });
    e.ifThen(e.equal(status.get(), e.integer(i32, PLAIT_LEAF_NONFINITE)),
             [&] { rt::ReportNonfiniteOp::create(b, e.loc(), e.context(), leaf); });
    e.store(arith::TruncIOp::create(b, e.loc(), i32, token.get()), e.pointer(op.getTokens()), leaf);
    e.store(status.get(), e.pointer(op.getStatus()), leaf);
    e.store(logprob.get(), e.pointer(op.getLogprob()), leaf);
  });
  return success();
}

void plait::registerPartSummaryCpuKernels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, decode::DecodeDialect *) {
    attachCpuKernel<decode::SummarizeOp, emitSummarize>(context);
    attachCpuKernel<decode::ChooseSummarizedOp, emitChooseSummarized>(context);
  });
}
