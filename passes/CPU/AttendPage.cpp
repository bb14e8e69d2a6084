//===- AttendPage.cpp - Attention: one page -------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/Attend.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <limits>

using namespace plait;
using kernel::PageLayout;

/// Adds what the tokens see of the page of positions start .. to their sums.
void Attend::emitPage(Part part) {
  part.first = e.max(e.sub(e.sub(part.start, position), ahead), part.first);
  if (window) // a later token's begins behind the page
    part.end = e.minimum(part.end, e.sub(e.add(part.start, PageLayout::tokens - 1 + *window), position));
  Value slice = e.i64(PageLayout::slice), last = e.add(part.end, -1);
  part.firstSlice = e.div(beginOf(part, part.first), slice);
  part.endSlices = e.div(e.add(endOf(part, last), PageLayout::slice - 1), slice);
  if (joins)
    emitSpanBegin(part);
  emitScores(part);
  // The first token may not see the last of these slots, the last not the first.
  Value isHidden = e.less(endOf(part, part.first), e.mul(part.endSlices, slice));
  if (window) {
    Value isCut = e.less(e.mul(part.firstSlice, slice), beginOf(part, last));
    isHidden = arith::OrIOp::create(e.builder(), e.loc(), isHidden, isCut);
  }
  e.ifThen(isHidden, [&] { hide(part); });
  emitWeights(part);
  emitSums(part);
}

/// Goes through rows [first, end) and slices [firstSlice, endSlices) of
/// `sliceCount` in blocks that the registers hold; a few slices more at both
/// ends do no harm. A slice stays in the cache while all rows go by.
void Attend::forBlocks(Value first, Value end, Value firstSlice, Value endSlices, int64_t sliceCount, BlockBody body) {
  Value left = e.rem(e.sub(end, first), e.i64(mostRows)), row = first;
  auto emitBlocks = [&](int64_t size, Value count) {
    int64_t slices = std::max<int64_t>(1, mostSums / (size * vectorsOf(1)));
    for (slices = std::min(slices, sliceCount); sliceCount % slices; --slices)
      ;
    Value firstBlock = e.mul(e.div(firstSlice, e.i64(slices)), slices), endRows = e.add(row, count);
    e.forLoop(firstBlock, endSlices, slices,
              [&](Value slice) { e.forLoop(row, endRows, size, [&](Value r) { body(r, size, slice, slices); }); });
    row = endRows;
  };
  emitBlocks(mostRows, e.sub(e.sub(end, first), left));
  // The binary digits of what is left, of those that can be.
  int64_t digits = 0;
  for (int64_t tokens = 1; tokens <= mostTokens; ++tokens)
    digits |= tokens * group % mostRows;
  for (int64_t size = llvm::PowerOf2Ceil(mostRows) / 2; size; size /= 2)
    if (digits & size)
      emitBlocks(size, arith::AndIOp::create(e.builder(), e.loc(), left, e.i64(size)));
}

/// init[r][...] + sum over k in [begin, end) of left[r][k] * right[slice][k][...],
/// in the order of k.
SmallVector<Value> Attend::multiply(Left left, int64_t rows, Right right, int64_t slices, Value begin, Value end,
                                    SmallVector<Value> init) {
  return e.forLoop(
      begin, end, 1, init,
      [&](Value k, ValueRange carried) {
        SmallVector<Value> loaded, next;
        for (int64_t s = 0; s < slices; ++s) {
          Value column = e.add(e.mul(k, PageLayout::slice), s * right.length * PageLayout::slice);
          for (int64_t i = 0; i < PageLayout::slice; i += e.lanes())
            loaded.push_back(pages.load(right.page, e.add(e.add(right.offset, column), i)));
          pages.prefetch(right.ahead, column);
        }
        for (int64_t r = 0; r < rows; ++r) {
          Value factor = loadSplat(left.pointer, e.add(e.add(left.offset, k), r * left.stride));
          for (Value value : loaded)
            next.push_back(e.fma(factor, value, carried[next.size()]));
        }
        return next;
      },
      /*unroll=*/2);
}

/// What the softmax is taken of: `dot` scaled, and softly capped if the op says so.
Value Attend::emitScore(Value dot) {
  if (!op.softcap)
    return e.mul(dot, e.splat(op.scale));
  return e.mul(e.tanh(e.mul(dot, e.splat(op.scale / *op.softcap))), e.splat(*op.softcap));
}

/// scores of query . keys
void Attend::emitScores(const Part &part) {
  Value keys = part.head.keys, values = part.head.values;
  forBlocks(firstRow(part.first), firstRow(part.end), part.firstSlice, part.endSlices, PageLayout::slices,
            [&](Value row, int64_t rows, Value slice, int64_t slices) {
              Left left{queries, e.mul(row, headDim), headDim};
              Value offset = e.mul(slice, headDim * PageLayout::slice);
              Right right{part.page, e.add(keys, offset), headDim, pages.element(part.page, e.add(values, offset))};
              SmallVector<Value> zeros(rows * vectorsOf(slices), e.splat(0));
              auto dots = multiply(left, rows, right, slices, e.i64(0), e.i64(headDim), zeros);
              Value slot = e.mul(slice, PageLayout::slice), to = scoreOffset(row, slot);
              for (auto [i, dot] : llvm::enumerate(dots)) {
                int64_t r = int64_t(i) / vectorsOf(slices), v = int64_t(i) % vectorsOf(slices);
                if (pages.layout.isScaled)
                  dot = e.mul(dot, loadVector(part.page, e.add(e.add(part.head.keyScale, slot), v * e.lanes())));
                e.store(emitScore(dot), scores, e.add(to, r * PageLayout::tokens + v * e.lanes()));
              }
            });
}

/// scores = -infinity where a token does not look.
void Attend::hide(const Part &part) {
  Value lowest = e.splat(-std::numeric_limits<double>::infinity());
  Value firstSlot = e.mul(part.firstSlice, PageLayout::slice), endSlots = e.mul(part.endSlices, PageLayout::slice);
  e.forLoop(part.first, part.end, 1, [&](Value token) {
    Value begin = beginOf(part, token), end = endOf(part, token);
    forRows(token, e.add(token, 1), [&](Value row) {
      e.forLoop(firstSlot, endSlots, e.lanes(), [&](Value slot) {
        Value offset = scoreOffset(row, slot);
        Value score = e.select(e.lanesBelow(slot, end), loadVector(scores, offset), lowest);
        if (window)
          score = e.select(e.lanesBelow(slot, begin), lowest, score);
        e.store(score, scores, offset);
      });
    });
  });
}

/// scores = e^(scores - top); rescales what was summed under a lower top.
void Attend::emitWeights(const Part &part) {
  Value lowest = e.splat(-std::numeric_limits<double>::infinity());
  Value firstSlot = e.mul(part.firstSlice, PageLayout::slice), endSlots = e.mul(part.endSlices, PageLayout::slice);
  forRows(part.first, part.end, [&](Value row) {
    Value top = e.forLoop(firstSlot, endSlots, e.lanes(), lowest, [&](Value slot, ValueRange top) {
      return SmallVector<Value>{e.max(top[0], loadVector(scores, scoreOffset(row, slot)))};
    })[0];
    e.store(e.reduceMax(top), shifts, row);
  });
  e.forLoop(firstRow(part.first), firstRow(part.end), e.lanes(), [&](Value row) {
    Value mask = e.lanesBelow(row, firstRow(part.end));
    Value old = e.load(e.f32Type(), tops, row, mask), total = e.load(e.f32Type(), totals, row, mask);
    Value top = e.max(old, e.load(e.f32Type(), shifts, row, mask));
    // A row whose scores are all -infinity so far has summed nothing.
    Value shift = e.select(e.equal(top, lowest), e.splat(0), top), factor = e.expOfNegative(e.sub(old, shift));
    e.store(top, tops, row, mask);
    e.store(shift, shifts, row, mask);
    e.store(factor, factors, row, mask);
    e.store(e.mul(total, factor), totals, row, mask);
  });
  forRows(part.first, part.end, [&](Value row) {
    Value factor = loadSplat(factors, row), shift = loadSplat(shifts, row), to = e.mul(row, paddedHeadDim);
    e.forColumns(paddedHeadDim, [&](Columns c) {
      Value offset = e.add(to, c.first);
      e.store(e.mul(loadVector(sums, offset), factor), sums, offset);
    });
    Value total = e.forLoop(firstSlot, endSlots, e.lanes(), e.splat(0), [&](Value slot, ValueRange total) {
      Value offset = scoreOffset(row, slot), weight = e.expOfNegative(e.sub(loadVector(scores, offset), shift));
      Value used = weight;
      if (pages.layout.isScaled) // of the value that it is multiplied with
        used = e.mul(weight, loadVector(part.page, e.add(part.head.valueScale, slot)));
      e.store(used, scores, offset);
      return SmallVector<Value>{e.add(total[0], weight)};
    })[0];
    e.store(e.add(e.load(e.f32Type(), totals, row), e.reduceAdd(total)), totals, row);
  });
}

/// sums += weights * values: of the slots that all tokens see for all at once, of
/// those before and behind them token by token.
void Attend::emitSums(const Part &part) {
  Value keys = part.head.keys, values = part.head.values;
  auto add = [&](Value first, Value end, Value begin, Value stop) {
    forBlocks(first, end, e.i64(0), e.i64(paddedHeadDim / PageLayout::slice), paddedHeadDim / PageLayout::slice,
              [&](Value row, int64_t rows, Value slice, int64_t slices) {
                Left left{scores, e.mul(row, PageLayout::tokens), PageLayout::tokens};
                Value offset = e.mul(slice, PageLayout::tokens * PageLayout::slice);
                Right right{part.page, e.add(values, offset), PageLayout::tokens,
                            pages.element(part.next, e.add(keys, offset))};
                Value at = e.add(e.mul(row, paddedHeadDim), e.mul(slice, PageLayout::slice));
                SmallVector<Value> offsets, old;
                for (int64_t r = 0; r < rows; ++r)
                  for (int64_t v = 0; v < vectorsOf(slices); ++v) {
                    offsets.push_back(e.add(at, r * paddedHeadDim + v * e.lanes()));
                    old.push_back(loadVector(sums, offsets.back()));
                  }
                auto result = multiply(left, rows, right, slices, begin, stop, old);
                for (auto [value, offset] : llvm::zip_equal(result, offsets))
                  e.store(value, sums, offset);
              });
  };
  Value last = e.add(part.end, -1), count = e.sub(part.end, part.first), zero = e.i64(0);
  Value begin = beginOf(part, last), end = e.max(endOf(part, part.first), begin);
  Value lower = zero;
  if (window)
    lower = e.select(e.less(beginOf(part, part.first), begin), e.sub(zero, count), zero);
  Value upper = e.select(e.less(end, endOf(part, last)), e.add(count, 1), e.i64(1));
  // Step 0 is for all; the tokens' own come before and behind it, so that each
  // row goes through its slots in order.
  e.forLoop(lower, upper, 1, [&](Value step) {
    Value isBefore = e.less(step, zero), isAll = e.equal(step, zero);
    Value token = e.add(part.first, e.select(isBefore, e.add(step, count), e.add(step, -1)));
    Value ownBegin = e.select(isBefore, beginOf(part, token), e.max(beginOf(part, token), end));
    Value ownEnd = e.select(isBefore, e.minimum(endOf(part, token), begin), endOf(part, token));
    add(firstRow(e.select(isAll, part.first, token)), firstRow(e.select(isAll, part.end, e.add(token, 1))),
        e.select(isAll, begin, ownBegin), e.select(isAll, end, ownEnd));
  });
}
