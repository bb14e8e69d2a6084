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
  value.set(e.add(top, e.f32(0))); // of zeros +0, whichever lane has it
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

/// -1 and 0, for as many tokens as any leaf wants.
static void clearTops(CpuKernelEmitter &e, Value leaf, Value entries, Value column) {
  Value width = e.dim(PLAIT_DIM_TOPS), begin = e.mul(leaf, width);
  e.forLoop(e.i64(0), width, 1, [&](Value i) {
    Value words = wordsOf(e, entries, e.add(begin, i));
    e.store(e.f32(-1), words, column);
    e.store(e.f32(0), words, e.add(column, 1));
  });
}

void plait::storeTops(CpuKernelEmitter &e, LogitsRow row, Value counts, Value leaf, Value first, Value entries,
                      Value column) {
  OpBuilder &b = e.builder();
  Value width = e.dim(PLAIT_DIM_TOPS), begin = e.mul(leaf, width);
  clearTops(e, leaf, entries, column);
  e.ifThen(e.less(e.i64(0), width), [&] {
    Value count = e.minimum(e.loadIndex(e.pointer(counts), leaf), width);
    e.ifThen(e.less(e.i64(0), count), [&] {
      TopEmitter top(e, row);
      e.forLoop(e.i64(0), count, 1, [&](Value i) {
        top.next();
        Value unmasked = e.less(e.f32(std::numeric_limits<float>::lowest()), top.logit());
        e.ifThen(unmasked, [&] {
          Value words = wordsOf(e, entries, e.add(begin, i));
          Value token = e.add(arith::ExtSIOp::create(b, e.loc(), b.getI64Type(), top.token()), first);
          e.store(arith::SIToFPOp::create(b, e.loc(), e.f32Type(), token), words, column);
          e.store(top.logit(), words, e.add(column, 1));
        });
      });
    });
  });
}

static LogicalResult emitTopPart(decode::TopPartOp op, CpuKernelEmitter &e) {
  e.forEachTile(e.rowTiles(op.getLogits(), /*perRow=*/1, /*block=*/1, /*cyclic=*/true), [&](Value leaf) {
    LogitsRow row(e, op.getLogits(), leaf);
    storeTops(e, row, op.getCounts(), leaf, e.i64(int64_t(op.getFirst())), op.getResult(), e.i64(0));
  });
  return success();
}

/// Runs `take(i, id, logit)` for the first `count` tokens of all parts together; their entries are in the rows of
/// `leaf`, and `heads` has room for a number of each part.
static void forJoined(CpuKernelEmitter &e, Value entries, Value leaf, Value count, Value heads,
                      llvm::function_ref<void(Value i, Value id, Value logit)> take) {
  OpBuilder &b = e.builder();
  Type i64 = b.getI64Type();
  int64_t parts = widthOf(entries) / 2;
  Value begin = e.mul(leaf, e.dim(PLAIT_DIM_TOPS));
  e.forLoop(e.i64(0), e.i64(parts), 1, [&](Value part) { e.store(e.i64(0), heads, part); });
  e.forLoop(e.i64(0), count, 1, [&](Value i) {
    // The largest of the parts' next ones; parts are in the order of ids.
    Value lowest = e.f32(std::numeric_limits<float>::lowest()), none = e.f32(-1);
    SmallVector<Value> best =
        e.forLoop(e.i64(0), e.i64(parts), 1, {lowest, none, e.i64(0)}, [&](Value part, ValueRange carried) {
          // None of them can be taken more often than there are entries of a leaf.
          Value entry = wordsOf(e, entries, e.add(begin, e.load(i64, heads, part)));
          Value at = e.mul(part, 2), id = e.load(e.f32Type(), entry, at);
          Value logit = e.load(e.f32Type(), entry, e.add(at, 1)), isThere = e.less(none, id);
          Value better = arith::AndIOp::create(b, e.loc(), isThere, e.less(carried[0], logit));
          return SmallVector<Value>{e.select(better, logit, carried[0]), e.select(better, id, carried[1]),
                                    e.select(better, part, carried[2])};
        });
    e.ifThen(e.less(none, best[1]), [&] {
      e.store(e.add(e.load(i64, heads, best[2]), 1), heads, best[2]);
      take(i, best[1], best[0]);
    });
  });
}

static LogicalResult emitJoinEntries(decode::JoinEntriesOp op, CpuKernelEmitter &e) {
  Value heads = e.scratch(e.builder().getI64Type(), widthOf(op.getEntries()) / 2);
  Value width = e.dim(PLAIT_DIM_TOPS);
  e.forEachTile(e.rowTiles(op.getCounts()), [&](Value leaf) {
    clearTops(e, leaf, op.getResult(), e.i64(0));
    Value count = e.minimum(e.loadIndex(e.pointer(op.getCounts()), leaf), width), begin = e.mul(leaf, width);
    e.ifThen(e.less(e.i64(0), count), [&] {
      forJoined(e, op.getEntries(), leaf, count, heads, [&](Value i, Value id, Value logit) {
        Value words = wordsOf(e, op.getResult(), e.add(begin, i));
        e.store(id, words, e.i64(0));
        e.store(logit, words, e.i64(1));
      });
    });
  });
  return success();
}

static LogicalResult emitJoinTops(decode::JoinTopsOp op, CpuKernelEmitter &e) {
  OpBuilder &b = e.builder();
  Type i32 = b.getI32Type();
  Value width = e.dim(PLAIT_DIM_TOPS), tokens = e.pointer(op.getTokens()), logprobs = e.pointer(op.getLogprobs());
  Value heads = e.scratch(b.getI64Type(), widthOf(op.getEntries()) / 2); // how many entries of each part are taken
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
      forJoined(e, op.getEntries(), leaf, count, heads, [&](Value i, Value id, Value logit) {
        Value at = e.add(first, i);
        e.store(arith::FPToSIOp::create(b, e.loc(), i32, id), tokens, at);
        e.store(summary.logprob(logit), logprobs, at);
      });
    });
  });
  return success();
}

void plait::registerTopLogprobsCpuKernels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, decode::DecodeDialect *) {
    attachCpuKernel<decode::TopLogprobsOp, emitTopLogprobs>(context);
    attachCpuKernel<decode::TopPartOp, emitTopPart>(context);
    attachCpuKernel<decode::JoinEntriesOp, emitJoinEntries>(context);
    attachCpuKernel<decode::JoinTopsOp, emitJoinTops>(context);
  });
}
