//===- PartSummary.cpp - Greedy choice from parts of logits ---------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

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
  auto [high, low] = splitPair(e, value);
  e.store(high, pointer, offset);
  e.store(low, pointer, e.add(offset, 1));
}

Value plait::loadPair(CpuKernelEmitter &e, Value pointer, Value offset) {
  Value high = e.load(e.f32Type(), pointer, offset), low = e.load(e.f32Type(), pointer, e.add(offset, 1));
  return joinPair(e, high, low);
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
  finite = all[2];
  usable = arith::AndIOp::create(b, e.loc(), finite, unmasked);
}

Value MergedSummary::mass() {
  Value zero = e.constant(e.builder().getF64Type(), 0);
  return e.forLoop(e.i64(0), e.i64(4 * parts), 4, {zero}, [&](Value at, ValueRange carried) {
    Value own = loadPair(e, words, e.add(at, 2));
    return SmallVector<Value>{addMass(e, carried[0], own, e.load(e.f32Type(), words, at), top)};
  })[0];
}

Value MergedSummary::logprob(Value logit) {
  Value belowTop = e.sub(logit, top);
  return e.sub(belowTop, e.log(arith::TruncFOp::create(e.builder(), e.loc(), e.f32Type(), mass())));
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

/// The four numbers at `words`: of the largest logit `top`, of the token `id` (i64), or those
/// of logits that are not all `finite`.
static void storeSummary(CpuKernelEmitter &e, Value words, Value finite, Value top, Value id,
                         llvm::function_ref<Value()> mass) {
  OpBuilder &b = e.builder();
  e.store(e.f32(0), words, e.i64(0));
  e.store(e.f32(-1), words, e.i64(1));
  storePair(e, e.constant(b.getF64Type(), 0), words, e.i64(2));
  e.ifThen(finite, [&] {
    e.store(e.add(top, e.f32(0)), words, e.i64(0)); // of zeros +0, whichever of them was found
    e.store(arith::SIToFPOp::create(b, e.loc(), e.f32Type(), id), words, e.i64(1));
    storePair(e, mass(), words, e.i64(2));
  });
}

static LogicalResult emitSummarize(decode::SummarizeOp op, CpuKernelEmitter &e) {
  e.forEachTile(e.rowTiles(op.getResult()), [&](Value leaf) {
    LogitsRow row(e, op.getLogits(), leaf);
    row.findTop();
    Value words = wordsOf(e, op.getResult(), leaf), id = e.add(row.topId, int64_t(op.getFirst()));
    storeSummary(e, words, row.finite, row.top, id, [&] { return row.sumExp(); });
  });
  return success();
}

static void emitSummaryOfBlock(decode::SummarizeBlocksOp op, CpuKernelEmitter &e, LogitsRow row, Value leaf,
                               Value block) {
  row.findTop();
  Value first = e.add(e.mul(block, decode::SummarizeBlocksOp::blockTokens), int64_t(op.getFirst()));
  Value all = wordsOf(e, op.getSummaries(), leaf), words = e.element(e.f32Type(), all, e.mul(block, 4));
  Value id = e.add(first, row.topId);
  storeSummary(e, words, row.finite, row.top, id, [&] { return row.sumExpOfBlock(); });
  if (op.getCounts())
    storeTops(e, row, op.getCounts(), leaf, first, op.getEntries(), e.mul(block, 2));
}

static void emitBlock(decode::SummarizeBlocksOp op, CpuKernelEmitter &e, Value memory, Value row, Value block,
                      int64_t columns) {
  emitSummaryOfBlock(op, e, LogitsRow(e, memory, columns), row, block);
}

static LogicalResult emitSummarizeBlocks(decode::SummarizeBlocksOp op, CpuKernelEmitter &e) {
  e.forEachTile(e.rowTiles(op.getSummaries()), [&](Value leaf) {
    LogitsRow(e, op.getLogits(), leaf).forBlocks({}, [&](Value block, LogitsRow row, ValueRange) {
      emitSummaryOfBlock(op, e, row, leaf, block);
      return SmallVector<Value>();
    });
  });
  return success();
}

static LogicalResult emitJoinSummaries(decode::JoinSummariesOp op, CpuKernelEmitter &e) {
  e.forEachTile(e.rowTiles(op.getResult()), [&](Value leaf) {
    MergedSummary summary(e, op.getSummaries(), leaf);
    storeSummary(e, wordsOf(e, op.getResult(), leaf), summary.finite, summary.top, summary.topId,
                 [&] { return summary.mass(); });
  });
  return success();
}

static LogicalResult emitChooseSummarized(decode::ChooseSummarizedOp op, CpuKernelEmitter &e) {
  OpBuilder &b = e.builder();
  Type i32 = b.getI32Type();
  CpuCell token(e, b.getI64Type()), status(e, i32), logprob(e, e.f32Type()), logit(e, e.f32Type()), key(e, e.f32Type());
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
          key.set(e.f32(-std::numeric_limits<double>::infinity()));
          e.forLoop(e.i64(0), e.i64(widthOf(op.getDrawn())), 3, [&](Value at) {
            Value id = e.load(e.f32Type(), words, at), own = e.load(e.f32Type(), words, e.add(at, 2)), none = e.f32(-1);
            Value isThere = e.less(none, id), isLarger = e.less(key.get(), own);
            e.ifThen(arith::AndIOp::create(b, e.loc(), isThere, isLarger), [&] {
              token.set(arith::FPToSIOp::create(b, e.loc(), b.getI64Type(), id));
              logit.set(e.load(e.f32Type(), words, e.add(at, 1)));
              key.set(own);
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
    attachCpuKernel<decode::SummarizeBlocksOp, emitSummarizeBlocks>(context);
    decode::SummarizeBlocksOp::attachInterface<CpuBlockReductionModel<decode::SummarizeBlocksOp, emitBlock>>(*context);
    attachCpuKernel<decode::JoinSummariesOp, emitJoinSummaries>(context);
    attachCpuKernel<decode::ChooseSummarizedOp, emitChooseSummarized>(context);
  });
}
