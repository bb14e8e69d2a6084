//===- Attend.cpp - Attention over the pages of a state -------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Attention is exact softmax in one pass over the pages of a token's row (online
// softmax: Milakov, Gimelshein 2018). A page is one chunk: chunks lie at fixed
// positions and are merged in increasing order, so that a token's bits depend on
// its own past alone, not on the step, the prompt's chunks or the page numbers.
//
// Slots of a page that hold no token are garbage. Their scores are replaced, not
// added to, and their values are never read. A window is treated alike: pages
// that lie before it are not looked at, of the first one the slots below it count
// as empty. What that leaves out follows from the token's position alone.
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/CpuKernels.h"
#include "passes/CPU/Pages.h"

#include <limits>

using namespace plait;
using kernel::PageLayout;

namespace {
/// One tile: a token and a key/value head, with all query heads that share it.
class Attend {
public:
  Attend(lm::AttendOp op, CpuKernelEmitter &e)
      : op(op), e(e), window(cast<lm::StateType>(op.getState().getType()).getWindow()),
        pages(e, op.getState(), op.getRows()), headDim(pages.layout.headDim), paddedHeadDim(pages.layout.paddedHeadDim),
        group(op.getHeads() / pages.layout.kvHeads), valueVectors(llvm::divideCeilSigned(headDim, e.lanes())) {
    // Query heads that share what is loaded, and vectors of each at a time: eight
    // sums in flight hide the latency of fma and fit into 16 registers.
    for (heads = e.lanes() == 16 ? 4 : 2; group % heads; heads /= 2)
      ;
    vectors = std::min<int64_t>(8 / std::min<int64_t>(heads, 2), PageLayout::tokens / e.lanes());
    block = vectors * e.lanes();
    scores = e.scratch(e.f32Type(), heads * PageLayout::tokens);
    sums = e.scratch(e.f32Type(), group * paddedHeadDim);
    tops = e.scratch(e.f32Type(), group);
    totals = e.scratch(e.f32Type(), group);
  }

  void emit();

private:
  /// The slots of a page that a token sees: [begin, end), and the blocks around
  /// them, [firstBlock, endBlocks).
  struct Slots {
    Value begin, end, firstBlock, endBlocks;
  };

  void reset();
  void emitChunk(Value page, Value begin, Value end);
  SmallVector<Value> emitScores(Value page, Value firstHead, const Slots &slots);
  Value emitScore(Value dot);
  void emitWeights(Value firstHead, ArrayRef<Value> chunkTops, const Slots &slots);
  void emitSums(Value page, Value firstHead, const Slots &slots);
  void emitResult();

  /// Vector `j` of a block of scores of head `i` of those at work.
  Value scoreOffset(Value first, int64_t i, int64_t j) { return e.add(first, i * PageLayout::tokens + j * e.lanes()); }
  Value loadVector(Value pointer, Value offset) { return e.load(e.f32VectorType(), pointer, offset); }
  Value loadSplat(Value pointer, Value offset) { return e.broadcast(e.load(e.f32Type(), pointer, offset)); }

  lm::AttendOp op;
  CpuKernelEmitter &e;
  std::optional<int64_t> window;
  Pages pages;
  int64_t headDim, paddedHeadDim, group, valueVectors;
  int64_t heads, vectors, block;
  Value scores;        ///< [heads][tokens of a page]: scores, then weights
  Value sums;          ///< [group][paddedHeadDim]: weighted sums of values
  Value tops, totals;  ///< [group]: largest score, sum of weights
  Value kvHead, query; ///< of the tile; `query` is the offset of its first head
};
} // namespace

void Attend::emit() {
  int64_t kvHeads = pages.layout.kvHeads;
  Value positions = e.pointer(op.getPositions());
  // Tiles cost as much as their token's past is long: dealt out one by one.
  e.forEachTile(e.rowTiles(op.getResult(), kvHeads, 1, /*cyclic=*/true), [&](Value tile) {
    Value token = e.div(tile, e.i64(kvHeads));
    kvHead = e.rem(tile, e.i64(kvHeads));
    query = e.mul(tile, group * headDim);
    Value entries = pages.entries(token);
    Value length = e.add(e.loadIndex(positions, token), 1);
    reset();
    Value tokens = e.i64(PageLayout::tokens);
    Value chunks = e.div(e.add(length, PageLayout::tokens - 1), tokens), zero = e.i64(0);
    Value first = window ? e.sub(length, e.minimum(length, e.i64(*window))) : zero;
    e.forLoop(window ? e.div(first, tokens) : zero, chunks, 1, [&](Value chunk) {
      Value start = e.mul(chunk, tokens);
      Value begin = window ? e.sub(e.select(e.less(start, first), first, start), start) : zero;
      emitChunk(pages.page(e.add(entries, chunk)), begin, e.minimum(e.sub(length, start), tokens));
    });
    emitResult();
  });
}

void Attend::reset() {
  e.forLoop(e.i64(0), e.i64(group), 1, [&](Value head) {
    e.store(e.f32(-std::numeric_limits<double>::infinity()), tops, head);
    e.store(e.f32(0), totals, head);
    e.forLoop(e.i64(0), e.i64(valueVectors * e.lanes()), e.lanes(),
              [&](Value i) { e.store(e.splat(0), sums, e.add(e.mul(head, paddedHeadDim), i)); });
  });
}

/// Adds slots begin .. end - 1 of `page` to the sums of all heads.
void Attend::emitChunk(Value page, Value begin, Value end) {
  // Blocks outside are left out; they would add exact zeros.
  Value endBlocks = e.mul(e.div(e.add(end, block - 1), e.i64(block)), block);
  Slots slots{begin, end, window ? e.mul(e.div(begin, e.i64(block)), block) : begin, endBlocks};
  e.forLoop(e.i64(0), e.i64(group), heads, [&](Value firstHead) {
    SmallVector<Value> chunkTops = emitScores(page, firstHead, slots);
    emitWeights(firstHead, chunkTops, slots);
    emitSums(page, firstHead, slots);
  });
}

/// What the softmax is taken of: `dot` scaled, and softly capped if the op says so.
Value Attend::emitScore(Value dot) {
  double scale = op.getScale().convertToDouble();
  std::optional<APFloat> softcap = op.getSoftcap();
  if (!softcap)
    return e.mul(dot, e.splat(scale));
  double cap = softcap->convertToDouble();
  return e.mul(e.tanh(e.mul(dot, e.splat(scale / cap))), e.splat(cap));
}

/// scores of query . keys, -infinity where the token does not look.
/// Returns the largest of each head, lane by lane.
SmallVector<Value> Attend::emitScores(Value page, Value firstHead, const Slots &slots) {
  Value queries = e.pointer(op.getQuery());
  Value first = e.add(query, e.mul(firstHead, headDim));
  Value keys = e.add(e.mul(kvHead, pages.layout.keyOffset(1)), pages.layout.keyOffset(0));
  Value lowest = e.splat(-std::numeric_limits<double>::infinity());
  SmallVector<Value> none(heads, lowest);
  return e.forLoop(slots.firstBlock, slots.endBlocks, block, none, [&](Value start, ValueRange carried) {
    SmallVector<Value> zeros(heads * vectors, e.splat(0));
    auto dots = e.forLoop(e.i64(0), e.i64(headDim), 1, zeros, [&](Value d, ValueRange dots) {
      Value column = e.add(keys, e.add(e.mul(d, PageLayout::tokens), start));
      SmallVector<Value> key, next;
      for (int64_t j = 0; j < vectors; ++j)
        key.push_back(loadVector(page, e.add(column, j * e.lanes())));
      for (int64_t i = 0; i < heads; ++i) {
        Value q = loadSplat(queries, e.add(e.add(first, i * headDim), d));
        for (int64_t j = 0; j < vectors; ++j)
          next.push_back(e.fma(q, key[j], dots[i * vectors + j]));
      }
      return next;
    });
    SmallVector<Value> largest = llvm::to_vector_of<Value>(carried);
    for (int64_t j = 0; j < vectors; ++j) {
      Value lanes = e.add(start, j * e.lanes()), used = e.lanesBelow(lanes, slots.end);
      Value before = window ? e.lanesBelow(lanes, slots.begin) : Value();
      for (int64_t i = 0; i < heads; ++i) {
        Value score = e.select(used, emitScore(dots[i * vectors + j]), lowest);
        if (before)
          score = e.select(before, lowest, score);
        e.store(score, scores, scoreOffset(start, i, j));
        largest[i] = e.max(largest[i], score);
      }
    }
    return largest;
  });
}

/// scores = e^(scores - top); rescales what was summed under a lower top.
void Attend::emitWeights(Value firstHead, ArrayRef<Value> chunkTops, const Slots &slots) {
  SmallVector<Value> shift, zeros(heads, e.splat(0));
  for (int64_t i = 0; i < heads; ++i) {
    Value head = e.add(firstHead, i), old = e.load(e.f32Type(), tops, head);
    Value top = e.max(old, e.reduceMax(chunkTops[i]));
    e.store(top, tops, head);
    shift.push_back(e.broadcast(top));
    Value factor = e.exp(e.sub(old, top));
    e.store(e.mul(e.load(e.f32Type(), totals, head), factor), totals, head);
    Value all = e.broadcast(factor);
    e.forLoop(e.i64(0), e.i64(valueVectors * e.lanes()), e.lanes(), [&](Value d) {
      Value offset = e.add(e.mul(head, paddedHeadDim), d);
      e.store(e.mul(loadVector(sums, offset), all), sums, offset);
    });
  }
  auto total = e.forLoop(slots.firstBlock, slots.endBlocks, block, zeros, [&](Value start, ValueRange carried) {
    SmallVector<Value> next = llvm::to_vector_of<Value>(carried);
    for (int64_t j = 0; j < vectors; ++j)
      for (int64_t i = 0; i < heads; ++i) {
        Value offset = scoreOffset(start, i, j);
        Value weight = e.exp(e.sub(loadVector(scores, offset), shift[i]));
        e.store(weight, scores, offset);
        next[i] = e.add(next[i], weight);
      }
    return next;
  });
  for (int64_t i = 0; i < heads; ++i) {
    Value head = e.add(firstHead, i);
    e.store(e.add(e.load(e.f32Type(), totals, head), e.reduceAdd(total[i])), totals, head);
  }
}

/// sums += weights * values.
void Attend::emitSums(Value page, Value firstHead, const Slots &slots) {
  Value values = e.add(e.mul(kvHead, PageLayout::tokens * paddedHeadDim), pages.layout.valueOffset(0));
  for (int64_t begin = 0; begin < valueVectors; begin += vectors) {
    int64_t width = std::min(vectors, valueVectors - begin);
    auto sumOffset = [&](int64_t i, int64_t j) {
      return e.add(e.mul(e.add(firstHead, i), paddedHeadDim), (begin + j) * e.lanes());
    };
    SmallVector<Value> init;
    for (int64_t i = 0; i < heads; ++i)
      for (int64_t j = 0; j < width; ++j)
        init.push_back(loadVector(sums, sumOffset(i, j)));
    auto result = e.forLoop(slots.begin, slots.end, 1, init, [&](Value p, ValueRange carried) {
      Value row = e.add(e.add(values, e.mul(p, paddedHeadDim)), begin * e.lanes());
      SmallVector<Value> value, next;
      for (int64_t j = 0; j < width; ++j)
        value.push_back(loadVector(page, e.add(row, j * e.lanes())));
      for (int64_t i = 0; i < heads; ++i) {
        Value weight = loadSplat(scores, e.add(p, i * PageLayout::tokens));
        for (int64_t j = 0; j < width; ++j)
          next.push_back(e.fma(weight, value[j], carried[i * width + j]));
      }
      return next;
    });
    for (int64_t i = 0; i < heads; ++i)
      for (int64_t j = 0; j < width; ++j)
        e.store(result[i * width + j], sums, sumOffset(i, j));
  }
}

/// result = sums / totals
void Attend::emitResult() {
  e.forLoop(e.i64(0), e.i64(group), 1, [&](Value head) {
    Value total = loadSplat(totals, head), to = e.add(query, e.mul(head, headDim));
    e.forColumns(headDim, [&](Columns c) {
      Value sum = loadVector(sums, e.add(e.mul(head, paddedHeadDim), c.first));
      e.store(e.div(sum, total), e.pointer(op.getResult()), e.add(to, c.first), c.mask);
    });
  });
}

static LogicalResult emitAttend(lm::AttendOp op, CpuKernelEmitter &e) {
  Attend(op, e).emit();
  return success();
}

void plait::registerAttendCpuKernels(DialectRegistry &registry) {
  registry.addExtension(
      +[](MLIRContext *context, lm::LmDialect *) { attachCpuKernel<lm::AttendOp, emitAttend>(context); });
}
