//===- TopLogprobs.cpp - The most probable tokens on CPUs -----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tile is a leaf. Few tokens are wanted, so each takes a pass over the logits
// of its own: the first, in order of the results, of those that come after the
// one before it.
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/Choose.h"
#include "passes/CPU/CpuKernels.h"
#include "passes/CPU/Parts.h"

#include "dialects/Decode/Decode.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <limits>

using namespace plait;

namespace {

/// Finds the tokens of one row in falling order of their logits.
class TopEmitter {
public:
  TopEmitter(CpuKernelEmitter &e, LogitsRow &row)
      : e(e), b(e.builder()), row(row), ids(e.vectorType(b.getI32Type())), none(std::numeric_limits<int32_t>::max()),
        value(e, e.f32Type()), id(e, b.getI32Type()) {
    value.set(e.f32(std::numeric_limits<double>::infinity()));
    id.set(e.integer(b.getI32Type(), none));
  }

  /// Advances `value` and `id` to the next token; the lowest finite f32, that of
  /// masked tokens, once there is none.
  void next();
  Value logit() { return value.get(); }
  Value token() { return id.get(); }

private:
  Value bothOf(Value x, Value y) { return arith::AndIOp::create(b, e.loc(), x, y); }

  CpuKernelEmitter &e;
  OpBuilder &b;
  LogitsRow &row;
  VectorType ids;
  int64_t none; ///< an id after all others
  CpuCell value, id;
};

} // namespace

void TopEmitter::next() {
  auto numbers = llvm::to_vector(llvm::seq<int32_t>(0, int32_t(e.lanes())));
  Value laneIds = arith::ConstantOp::create(b, e.loc(), DenseElementsAttr::get(ids, ArrayRef<int32_t>(numbers)));
  Value before = e.broadcast(value.get()), beforeId = e.broadcast(id.get());
  Value lowest = e.splat(std::numeric_limits<float>::lowest());
  SmallVector<Value> found = row.scan({lowest, e.integer(ids, none), laneIds}, [&](Columns columns, Value x,
                                                                                   ValueRange carried) {
    Value best = carried[0], bestIds = carried[1], current = carried[2];
    Value same = e.equal(x, before), later = e.less(beforeId, current), tie = bothOf(same, later);
    Value after = arith::OrIOp::create(b, e.loc(), e.less(x, before), tie);
    Value better = existing(e, columns, bothOf(after, e.less(best, x)));
    return SmallVector<Value>{e.select(better, x, best), e.select(better, current, bestIds), e.add(current, e.lanes())};
  });
  Value top = e.reduceMax(found[0]), noId = e.integer(ids, none);
  // Of the lanes that share the value, the lowest id.
  Value lowestId = e.reduce(e.select(e.equal(found[0], e.broadcast(top)), found[1], noId),
                            [&](Value x, Value y) -> Value { return arith::MinSIOp::create(b, e.loc(), x, y); });
  value.set(top);
  id.set(lowestId);
}

static LogicalResult emitTopLogprobs(decode::TopLogprobsOp op, CpuKernelEmitter &e) {
  OpBuilder &b = e.builder();
  Type i32 = b.getI32Type();
  Value width = e.dim(PLAIT_DIM_TOPS), tokens = e.pointer(op.getTokens()), logprobs = e.pointer(op.getLogprobs());
  e.forEachTile(e.rowTiles(op.getLogits(), /*perRow=*/1, /*block=*/1, /*cyclic=*/true), [&](Value leaf) {
    Value first = e.mul(leaf, width);
    e.forLoop(e.i64(0), width, 1, [&](Value i) {
      e.store(e.integer(i32, -1), tokens, e.add(first, i));
      e.store(e.f32(0), logprobs, e.add(first, i));
    });
    // The extent bounds what may be written, whatever the count says.
    Value count = e.minimum(e.loadIndex(e.pointer(op.getCounts()), leaf), width);
    e.ifThen(e.less(e.i64(0), count), [&] {
      LogitsRow row(e, op.getLogits(), leaf);
      row.findTop();
      e.ifThen(row.usable, [&] {
        Value normalizer = row.logSumExp();
        TopEmitter top(e, row);
        e.forLoop(e.i64(0), count, 1, [&](Value i) {
          top.next();
          Value unmasked = e.less(e.f32(std::numeric_limits<float>::lowest()), top.logit());
          e.ifThen(unmasked, [&] {
            Value at = e.add(first, i);
            e.store(top.token(), tokens, at);
            e.store(e.sub(e.sub(top.logit(), row.top), normalizer), logprobs, at);
          });
        });
      });
    });
  });
  return success();
}

//===----------------------------------------------------------------------===//
// Where ranks have parts of the logits
//===----------------------------------------------------------------------===//

static LogicalResult emitTopPart(decode::TopPartOp op, CpuKernelEmitter &e) {
  OpBuilder &b = e.builder();
  Value width = e.dim(PLAIT_DIM_TOPS);
  e.forEachTile(e.rowTiles(op.getLogits(), /*perRow=*/1, /*block=*/1, /*cyclic=*/true), [&](Value leaf) {
    Value first = e.mul(leaf, width);
    e.forLoop(e.i64(0), width, 1, [&](Value i) {
      Value words = wordsOf(e, op.getResult(), e.add(first, i));
      e.store(e.f32(-1), words, e.i64(0));
      e.store(e.f32(0), words, e.i64(1));
    });
    Value count = e.minimum(e.loadIndex(e.pointer(op.getCounts()), leaf), width);
    e.ifThen(e.less(e.i64(0), count), [&] {
      LogitsRow row(e, op.getLogits(), leaf);
      TopEmitter top(e, row);
      e.forLoop(e.i64(0), count, 1, [&](Value i) {
        top.next();
        Value unmasked = e.less(e.f32(std::numeric_limits<float>::lowest()), top.logit());
        e.ifThen(unmasked, [&] {
          Value words = wordsOf(e, op.getResult(), e.add(first, i));
          Value token = e.add(top.token(), int64_t(op.getFirst()));
          e.store(arith::SIToFPOp::create(b, e.loc(), e.f32Type(), token), words, e.i64(0));
          e.store(top.logit(), words, e.i64(1));
        });
      });
    });
  });
  return success();
}

static LogicalResult emitJoinTops(decode::JoinTopsOp op, CpuKernelEmitter &e) {
  OpBuilder &b = e.builder();
  Type i32 = b.getI32Type(), i64 = b.getI64Type();
  int64_t words = widthOf(op.getEntries());
  Value width = e.dim(PLAIT_DIM_TOPS), tokens = e.pointer(op.getTokens()), logprobs = e.pointer(op.getLogprobs());
  Value heads = e.scratch(i64, words / 2); // how many entries of each part are taken
  e.forEachTile(e.rowTiles(op.getSummaries()), [&](Value leaf) {
    Value first = e.mul(leaf, width);
    e.forLoop(e.i64(0), width, 1, [&](Value i) {
      e.store(e.integer(i32, -1), tokens, e.add(first, i));
      e.store(e.f32(0), logprobs, e.add(first, i));
    });
    Value count = e.minimum(e.loadIndex(e.pointer(op.getCounts()), leaf), width);
    MergedSummary summary(e, op.getSummaries(), leaf);
    Value wanted = arith::AndIOp::create(b, e.loc(), e.less(e.i64(0), count), summary.usable);
    e.ifThen(wanted, [&] {
      e.forLoop(e.i64(0), e.i64(words / 2), 1, [&](Value part) { e.store(e.i64(0), heads, part); });
      e.forLoop(e.i64(0), count, 1, [&](Value i) {
        // The largest of the parts' next ones; parts are in the order of ids.
        Value lowest = e.f32(std::numeric_limits<float>::lowest()), none = e.f32(-1);
        SmallVector<Value> best =
            e.forLoop(e.i64(0), e.i64(words / 2), 1, {lowest, none, e.i64(0)}, [&](Value part, ValueRange carried) {
              // None of them can be taken more often than there are entries of a leaf.
              Value entry = wordsOf(e, op.getEntries(), e.add(first, e.load(i64, heads, part)));
              Value at = e.mul(part, 2), id = e.load(e.f32Type(), entry, at);
              Value logit = e.load(e.f32Type(), entry, e.add(at, 1)), isThere = e.less(none, id);
              Value better = arith::AndIOp::create(b, e.loc(), isThere, e.less(carried[0], logit));
              return SmallVector<Value>{e.select(better, logit, carried[0]), e.select(better, id, carried[1]),
                                        e.select(better, part, carried[2])};
            });
        e.ifThen(e.less(none, best[1]), [&] {
          Value taken = e.load(i64, heads, best[2]), at = e.add(first, i);
          e.store(e.add(taken, 1), heads, best[2]);
          e.store(arith::FPToSIOp::create(b, e.loc(), i32, best[1]), tokens, at);
          e.store(summary.logprob(best[0]), logprobs, at);
        });
      });
    });
  });
  return success();
}

void plait::registerTopLogprobsCpuKernels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, decode::DecodeDialect *) {
    attachCpuKernel<decode::TopLogprobsOp, emitTopLogprobs>(context);
    attachCpuKernel<decode::TopPartOp, emitTopPart>(context);
    attachCpuKernel<decode::JoinTopsOp, emitJoinTops>(context);
  });
}
