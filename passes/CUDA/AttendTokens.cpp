//===- AttendTokens.cpp - Attention, token by token -----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A block has one token and one key/value head, and goes through what the token sees in
// chunks of 64 positions, in order, with online softmax (Milakov, Gimelshein 2018). Chunks
// begin at multiples of 64, so that a token's bits depend on its own past alone. Where a
// position of the token's path lies is looked up by position, so those of a tree have the
// bits of the chain, and those that see some behind them the bits of one behind these. No tensor cores: right for any
// shape and for states of f32, and slow for long prompts.
//
//===----------------------------------------------------------------------===//

#include "passes/CUDA/Attend.h"
#include "passes/CUDA/Pages.h"

#include <limits>

using namespace plait;
using kernel::PageLayout;

namespace {
class AttendTokens {
public:
  AttendTokens(lm::AttendOp op, CudaKernelEmitter &e)
      : op(op), e(e), pages(e, op.getState(), op.getRows()), layout(pages.layout),
        group(op.getHeads() / layout.kvHeads), sums(group * layout.headDim) {}
  void emit();

private:
  static constexpr int64_t kChunk = PageLayout::tokens;

  void emitToken();
  void locate(Value start);
  void emitScores(Value first, Value end);
  void emitWeights(Value first, Value end);
  SmallVector<Value> addValues(Value first, Value end, ValueRange before);
  /// Element `offset`, as f32, of the page that slot `s` of the chunk lies in.
  Value loadCell(Value s, Value offset);
  /// Sums of a thread: those of columns thread, thread + threads, ... of all heads.
  int64_t sumsOfThread() const { return llvm::divideCeilSigned(sums, e.threads()); }
  Value sumNumber(int64_t i) { return e.minimum(e.add(e.thread(), i * e.threads()), e.i32(sums - 1)); }

  lm::AttendOp op;
  CudaKernelEmitter &e;
  CudaPages pages;
  const PageLayout &layout;
  int64_t group, sums;
  Value token, kvHead, entries; ///< of the block
  CudaPages::Sight sight;
  Value query;          ///< [group][headDim]
  Value scores;         ///< [group][kChunk]: scores, then weights
  Value tops, totals;   ///< [group]: largest score, sum of weights
  Value factors;        ///< [group]: what sums before this chunk are multiplied by
  Value offsets, slots; ///< [kChunk]: the page in bytes (i64), the slot in it
};
} // namespace

void AttendTokens::emit() {
  e.forEachTile(e.rowTiles(op.getResult(), layout.kvHeads), [&](Value tile) {
    token = e.div(tile, layout.kvHeads);
    kvHead = e.rem(tile, layout.kvHeads);
    emitToken();
  });
}

void AttendTokens::emitToken() {
  query = e.shared(sums * 4, 16);
  scores = e.shared(group * kChunk * 4, 16);
  for (Value *perHead : {&tops, &totals, &factors})
    *perHead = e.shared(group * 4, 16);
  offsets = e.shared(kChunk * 8, 16);
  slots = e.shared(kChunk * 4, 16);
  Value position = e.loadIndex(e.pointer(op.getPositions()), token);
  entries = pages.entries(token);
  sight = pages.sight(pages.path(token), position);
  Value afterLast = e.add(sight.last, 1);
  Value row = e.mul(e.widen(token), op.getHeads() * layout.headDim);
  Value base = e.add(row, e.widen(e.mul(kvHead, sums)));
  e.forColumns(sums, 1, [&](CudaColumns c) {
    Value q = e.load(e.f32Type(), e.pointer(op.getQuery()), e.add(base, e.widen(c.first)));
    e.store(q, query, c.first);
  });
  e.forColumns(group, 1, [&](CudaColumns c) {
    e.store(e.f32(-std::numeric_limits<double>::infinity()), tops, c.first);
    e.store(e.f32(0), totals, c.first);
  });
  Value begin = e.i32(0);
  if (std::optional<int64_t> window = cast<lm::StateType>(op.getState().getType()).getWindow()) {
    Value reaches = e.below(e.i32(*window - 1), position); // else all is seen
    begin = e.select(reaches, e.add(position, 1 - *window), e.i32(0));
  }
  SmallVector<Value> zeros(sumsOfThread(), e.f32(0));
  Value firstChunk = e.div(begin, kChunk), endChunk = e.add(e.div(sight.last, kChunk), 1);
  SmallVector<Value> all = e.forLoop(firstChunk, endChunk, 1, zeros, [&](Value chunk, ValueRange carried) {
    Value start = e.mul(chunk, kChunk);
    // Slots [first, end) are seen.
    Value first = e.select(e.below(start, begin), e.sub(begin, start), e.i32(0));
    Value end = e.minimum(e.sub(afterLast, start), e.i32(kChunk));
    locate(start);
    e.barrier();
    emitScores(first, end);
    e.barrier();
    emitWeights(first, end);
    e.barrier();
    SmallVector<Value> next = addValues(first, end, carried);
    e.barrier(); // before the next chunk is written over this one
    return next;
  });
  for (auto [i, sum] : llvm::enumerate(all)) {
    Value number = sumNumber(i), total = e.load(e.f32Type(), totals, e.div(number, layout.headDim));
    auto put = [&, sum = sum] { e.store(e.div(sum, total), e.pointer(op.getResult()), e.add(base, e.widen(number))); };
    if (int64_t(i + 1) * e.threads() <= sums)
      put();
    else
      e.ifThen(e.below(e.thread(), e.i32(sums - int64_t(i) * e.threads())), put);
  }
}

/// Writes where positions start .. start + kChunk - 1 lie, of those that the token sees.
void AttendTokens::locate(Value start) {
  e.forColumns(kChunk, 1, [&](CudaColumns c) {
    Value slot = pages.slotOf(e.minimum(e.add(start, c.first), sight.last), sight);
    Value entry = e.add(entries, e.div(slot, PageLayout::tokens));
    Value offset = e.mul(e.widen(e.loadIndex(pages.table, entry)), layout.bytes());
    e.store(offset, offsets, c.first);
    e.store(e.rem(slot, PageLayout::tokens), slots, c.first);
  });
}

Value AttendTokens::loadCell(Value s, Value offset) {
  Value page = e.element(e.builder().getI8Type(), pages.memory, e.load(e.builder().getI64Type(), offsets, s));
  return e.loadWidened(layout.element, page, offset, 1);
}

/// Scores of all slots that are seen, of others what hides them.
void AttendTokens::emitScores(Value first, Value end) {
  e.forColumns(group * kChunk, 1, [&](CudaColumns c) {
    Value head = e.div(c.first, kChunk), s = e.rem(c.first, kChunk);
    Value isSeen = e.below(e.sub(s, first), e.sub(end, first));
    // What is not seen is not read: the first slot that is, instead.
    Value cell = e.select(isSeen, s, first), slot = e.load(e.builder().getI32Type(), slots, cell);
    Value slice = e.mul(e.div(slot, PageLayout::slice), layout.headDim * PageLayout::slice);
    Value ofHead = e.add(e.mul(kvHead, layout.keyOffset(1) - layout.keyOffset(0)), layout.keyOffset(0));
    Value key = e.add(e.add(ofHead, slice), e.rem(slot, PageLayout::slice)), own = e.mul(head, layout.headDim);
    Value dot = e.forLoop(e.i32(0), e.i32(layout.headDim), 1, e.f32(0), [&](Value d, ValueRange sum) {
      Value k = loadCell(cell, e.add(key, e.mul(d, PageLayout::slice)));
      Value q = e.load(e.f32Type(), query, e.add(own, d));
      return SmallVector<Value>{e.fma(q, k, sum[0])};
    })[0];
    Value score = e.mul(dot, e.f32(op.getScale().convertToDouble()));
    if (op.getSoftcap()) {
      Value cap = e.f32(op.getSoftcap()->convertToDouble());
      score = e.mul(cap, e.tanh(e.div(score, cap)));
    }
    Value hidden = e.f32(-std::numeric_limits<double>::infinity());
    e.store(e.select(isSeen, score, hidden), scores, c.first);
  });
}

/// Turns scores into weights, a warp for each head.
void AttendTokens::emitWeights(Value first, Value end) {
  e.forLoop(e.warp(), e.i32(group), e.threads() / 32, [&](Value head) {
    Value base = e.mul(head, kChunk), low = e.add(base, e.lane()), high = e.add(low, 32);
    Value x = e.load(e.f32Type(), scores, low), y = e.load(e.f32Type(), scores, high);
    Value top = e.max(x, y);
    for (int64_t mask = 1; mask < 32; mask *= 2)
      top = e.max(top, e.shuffle(top, mask));
    Value before = e.load(e.f32Type(), tops, head);
    top = e.max(top, before);
    Value factor = e.exp(e.sub(before, top));
    auto weigh = [&](Value score, Value slot) {
      Value isSeen = e.below(e.sub(slot, first), e.sub(end, first));
      return e.select(isSeen, e.exp(e.sub(score, top)), e.f32(0));
    };
    Value lane = e.lane(), u = weigh(x, lane), v = weigh(y, e.add(lane, 32));
    Value sum = e.sumOverThreads(e.add(u, v), /*warps=*/false);
    e.store(u, scores, low);
    e.store(v, scores, high);
    e.ifThen(e.equal(lane, e.i32(0)), [&] {
      e.store(top, tops, head);
      e.store(e.fma(e.load(e.f32Type(), totals, head), factor, sum), totals, head);
      e.store(factor, factors, head);
    });
  });
}

/// The sums of a thread: those before, times their head's factor, plus weights times values.
SmallVector<Value> AttendTokens::addValues(Value first, Value end, ValueRange before) {
  SmallVector<Value> heads, columns, next;
  for (auto [i, sum] : llvm::enumerate(before)) {
    Value number = sumNumber(i), head = e.div(number, layout.headDim), column = e.rem(number, layout.headDim);
    Value ofHead = e.add(e.mul(kvHead, layout.valueOffset(1) - layout.valueOffset(0)), layout.valueOffset(0));
    Value slice = e.mul(e.div(column, PageLayout::slice), PageLayout::tokens * PageLayout::slice);
    heads.push_back(e.mul(head, kChunk));
    columns.push_back(e.add(e.add(ofHead, slice), e.rem(column, PageLayout::slice)));
    next.push_back(e.mul(sum, e.load(e.f32Type(), factors, head)));
  }
  return e.forLoop(first, end, 1, next, [&](Value s, ValueRange carried) {
    Value slot = e.mul(e.load(e.builder().getI32Type(), slots, s), PageLayout::slice);
    SmallVector<Value> sums;
    for (auto [head, column, sum] : llvm::zip_equal(heads, columns, carried)) {
      Value weight = e.load(e.f32Type(), scores, e.add(head, s)), value = loadCell(s, e.add(column, slot));
      sums.push_back(e.fma(weight, value, sum));
    }
    return sums;
  });
}

void plait::emitAttendTokens(lm::AttendOp op, CudaKernelEmitter &e) { AttendTokens(op, e).emit(); }
