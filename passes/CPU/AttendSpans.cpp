//===- AttendSpans.cpp - Attention: spans of positions --------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/Attend.h"

#include <limits>

using namespace plait;
using kernel::PageLayout;

/// The pages of a span.
static constexpr int64_t spanPages = PLAIT_SPAN_POSITIONS / PageLayout::tokens;

/// Tokens [first, end) of a run have seen nothing.
void Attend::clear(Seen seen, Value first, Value end) {
  forRows(first, end, [&](Value row) {
    e.store(e.f32(-std::numeric_limits<double>::infinity()), seen.tops, row);
    e.store(e.f32(0), seen.totals, row);
    Value to = e.mul(row, paddedHeadDim);
    e.forColumns(paddedHeadDim, [&](Columns c) { e.store(e.splat(0), seen.sums, e.add(to, c.first)); });
  });
}

/// Joins the span at work with those before it, as lm.attend_spans has it. One in which
/// nothing was seen, before any other, changes nothing.
void Attend::joinSpan(Value first, Value end) {
  Value lowest = e.splat(-std::numeric_limits<double>::infinity());
  e.forLoop(firstRow(first), firstRow(end), e.lanes(), [&](Value row) {
    Value mask = e.lanesBelow(row, firstRow(end));
    Value before = e.load(e.f32Type(), joinedTops, row, mask), own = e.load(e.f32Type(), tops, row, mask);
    Value top = e.max(before, own), shift = e.select(e.equal(top, lowest), e.splat(0), top);
    Value factor = e.expOfNegative(e.sub(before, shift)), ownFactor = e.expOfNegative(e.sub(own, shift));
    Value old = e.load(e.f32Type(), joinedTotals, row, mask), total = e.load(e.f32Type(), totals, row, mask);
    e.store(top, joinedTops, row, mask);
    e.store(e.fma(total, ownFactor, e.mul(old, factor)), joinedTotals, row, mask);
    e.store(factor, factors, row, mask);
    e.store(ownFactor, shifts, row, mask);
  });
  forRows(first, end, [&](Value row) {
    Value factor = loadSplat(factors, row), ownFactor = loadSplat(shifts, row), at = e.mul(row, paddedHeadDim);
    e.forColumns(paddedHeadDim, [&](Columns c) {
      Value offset = e.add(at, c.first), old = e.mul(loadVector(joinedSums, offset), factor);
      e.store(e.fma(loadVector(sums, offset), ownFactor, old), joinedSums, offset);
    });
  });
}

/// Where a span begins, tokens that see something of the page are done with the one before.
void Attend::emitSpanBegin(const Part &part) {
  Value inSpan = e.rem(part.start, e.i64(PLAIT_SPAN_POSITIONS));
  Value isBegin = e.equal(e.select(e.less(e.i64(0), part.start), inSpan, e.i64(1)), e.i64(0));
  e.ifThen(isBegin, [&] {
    joinSpan(part.first, part.end);
    beginSpan(part.first, part.end);
  });
}

void Attend::emitSpans(Value to) {
  spans = e.pointer(to);
  int64_t kvHeads = pages.layout.kvHeads;
  // Those of a row lie behind each other, so that the short ones at the ends of rows are dealt out evenly, too.
  e.forEachTile(e.rowTiles(to, kvHeads, 1, /*cyclic=*/true), [&](Value tile) {
    Value row = e.div(tile, e.i64(kvHeads)), perToken = spansOfRow();
    kvHead = e.rem(tile, e.i64(kvHeads));
    emitSpan(e.div(row, perToken), e.rem(row, perToken));
  });
}

/// What the run that begins at `token`, if one does, sees in span `span`.
void Attend::emitSpan(Value token, Value span) {
  ifBeginsRun(token, [&](Value count) {
    Way way = wayOf(token, count);
    Value low = e.mul(span, spanPages), high = e.add(low, spanPages);
    for (Value *page : {&way.begin, &way.shared, &way.end})
      *page = e.minimum(e.max(*page, low), high);
    way.last = e.minimum(way.last, e.add(high, -1));
    e.ifThen(e.less(way.begin, way.end), [&] {
      begin(token, count);
      emitPages(token, count, way);
      e.forLoop(e.i64(0), count, 1, [&](Value i) { storeSpan(i, spanOffset(e.add(token, i), span)); });
    });
  });
}

/// The span at work of token `i` of the run to `offset` in `spans`: sums, tops, totals of its heads.
void Attend::storeSpan(Value i, Value offset) {
  Value heads = e.mul(kvHead, group);
  e.forLoop(e.i64(0), e.i64(group), 1, [&](Value head) {
    Value row = e.add(firstRow(i), head), own = e.add(heads, head), to = e.add(offset, e.mul(own, headDim));
    e.forColumns(headDim, [&](Columns c) {
      Value sum = loadVector(sums, e.add(e.mul(row, paddedHeadDim), c.first));
      e.store(sum, spans, e.add(to, c.first), c.mask);
    });
    Value top = e.load(e.f32Type(), tops, row), total = e.load(e.f32Type(), totals, row);
    Value ofTop = e.add(e.add(offset, own), op.heads * headDim);
    e.store(top, spans, ofTop);
    e.store(total, spans, e.add(ofTop, op.heads));
  });
}

/// The other way.
void Attend::loadSpan(Value i, Value offset) {
  Value heads = e.mul(kvHead, group);
  e.forLoop(e.i64(0), e.i64(group), 1, [&](Value head) {
    Value row = e.add(firstRow(i), head), own = e.add(heads, head), from = e.add(offset, e.mul(own, headDim));
    e.forColumns(headDim, [&](Columns c) {
      Value sum = e.load(e.f32Type(), spans, e.add(from, c.first), c.mask);
      e.store(sum, sums, e.add(e.mul(row, paddedHeadDim), c.first));
    });
    Value ofTop = e.add(e.add(offset, own), op.heads * headDim);
    Value top = e.load(e.f32Type(), spans, ofTop), total = e.load(e.f32Type(), spans, e.add(ofTop, op.heads));
    e.store(top, tops, row);
    e.store(total, totals, row);
  });
}

/// The result of `token` out of its spans. It is token `i` of its block, and works in that token's rows: in
/// those of the first one, which are constant, LLVM would unroll all loops at once.
void Attend::emitJoin(Value token, Value i) {
  query = e.add(e.mul(e.sub(token, i), op.heads * headDim), e.mul(kvHead, group * headDim));
  Value own = positionOf(token), last = pages.last(pages.path(token), own), end = e.add(i, 1), zero = e.i64(0);
  Value first = window ? e.max(e.add(own, 1 - *window), zero) : zero, positions = e.i64(PLAIT_SPAN_POSITIONS);
  beginResult(i, end);
  e.forLoop(e.div(first, positions), e.add(e.div(last, positions), 1), 1, [&](Value span) {
    loadSpan(i, spanOffset(token, span));
    joinSpan(i, end);
  });
  emitResult(i, end);
}
