//===- Attend.cpp - Attention: runs of tokens -----------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/Attend.h"
#include "passes/CPU/CpuKernels.h"

#include <limits>

using namespace plait;
using kernel::PageLayout;

static_assert(PLAIT_SPAN_POSITIONS == lm::spanPositions && PLAIT_SPAN_POSITIONS % PageLayout::tokens == 0,
              "spans are the runtime's, and whole pages");

Attend::Attend(Operands op, CpuKernelEmitter &e)
    : op(op), e(e), window(cast<lm::StateType>(op.state.getType()).getWindow()), pages(e, op.state, op.rows),
      oneHead(pages.layout.ofOneHead()), headDim(pages.layout.headDim), paddedHeadDim(pages.layout.paddedHeadDim),
      group(op.heads / pages.layout.kvHeads), mostTokens(llvm::divideCeil(rowsWanted, group)) {
  // Sums at work beside what is multiplied, and products where these are apart: of
  // 16 vector registers, 32 with AVX-512.
  mostSums = e.lanes() == 16 ? 24 : e.target().fma ? 12 : 8;
  mostRows = mostSums * e.lanes() / (e.lanes() == 16 ? 32 : PageLayout::slice);
  int64_t rows = mostTokens * group;
  queries = e.scratch(e.f32Type(), rows * headDim);
  scores = e.scratch(e.f32Type(), rows * PageLayout::tokens);
  for (Value *perColumn : {&sums, &joinedSums})
    *perColumn = e.scratch(e.f32Type(), rows * paddedHeadDim);
  gathered = e.scratch(e.builder().getI8Type(), oneHead.bytes());
  for (Value *perRow : {&tops, &totals, &joinedTops, &joinedTotals, &shifts, &factors})
    *perRow = e.scratch(e.f32Type(), rows);
}

void Attend::emit(Value to, Value parts) {
  result = e.pointer(to);
  joins = true;
  // As many tiles as if every token were a run; those of tokens inside of runs
  // are empty. What begins a block of tokens always begins a run, so that these
  // tiles come first and are dealt out evenly.
  int64_t kvHeads = pages.layout.kvHeads;
  Value tokens = e.rows(to), most = e.i64(mostTokens);
  Value tilesOfTurn = e.mul(e.div(e.add(tokens, mostTokens - 1), most), kvHeads);
  e.forEachTile(e.rowTiles(to, mostTokens * kvHeads, mostTokens, /*cyclic=*/true), [&](Value tile) {
    Value turn = e.div(tile, tilesOfTurn), rest = e.rem(tile, tilesOfTurn);
    Value token = e.add(e.mul(e.div(rest, e.i64(kvHeads)), most), turn);
    kvHead = e.rem(rest, e.i64(kvHeads));
    e.ifThen(e.less(token, tokens), [&] {
      auto emitRuns = [&] { ifBeginsRun(token, [&](Value count) { emitRun(token, count); }); };
      if (!parts)
        return emitRuns();
      spans = e.pointer(parts);
      e.ifElse(e.less(e.i64(0), e.dim(PLAIT_DIM_SPANS)), [&] { emitJoin(token, turn); }, emitRuns);
    });
  });
}

/// 1 if `token` is of the row of the one before it and what both see may be gone through at
/// once: in a chain it is at the next position; in a tree both have paths.
Value Attend::follows(Value token) {
  Value before = e.max(e.add(token, -1), e.i64(0)), step = e.sub(positionOf(token), positionOf(before));
  Value none = e.i64(0), one = e.i64(1), isOfRow = e.select(e.equal(pages.row(token), pages.row(before)), one, none);
  Value isBeside = e.less(none, pages.path(token).count), inTree = none;
  if (!window)
    inTree = e.select(e.less(none, pages.path(before).count), isOfRow, none);
  return e.select(isBeside, inTree, e.select(e.equal(step, one), isOfRow, none));
}

/// `body` of the tokens from `token` on that go through pages together, if it is the first of them.
void Attend::ifBeginsRun(Value token, RunBody body) {
  Value tokens = e.rows(op.query), most = e.i64(mostTokens), block = e.mul(e.div(token, most), most);
  Value end = e.minimum(e.add(block, mostTokens), tokens), one = e.i64(1), none = e.i64(0);
  Value isInside = e.select(e.less(block, token), follows(token), none);
  e.ifThen(e.equal(isInside, none), [&] {
    Value count = e.forLoop(e.add(token, 1), end, 1, one, [&](Value next, ValueRange count) {
      Value isNext = e.equal(e.sub(next, token), count[0]);
      return SmallVector<Value>{e.add(count[0], e.select(isNext, follows(next), none))};
    })[0];
    body(count);
  });
}

/// Tokens of a run go through pages together as far as these hold what all see; those of
/// a tree then one by one, each through what it alone sees as well.
Attend::Way Attend::wayOf(Value token, Value count) {
  Value first = positionOf(token), tokens = e.i64(PageLayout::tokens), zero = e.i64(0);
  Value isTree = e.less(zero, pages.path(token).count), singles = e.select(isTree, count, zero);
  // The first position of a path, and the last one that is seen.
  SmallVector<Value> ends = {first, e.select(isTree, first, e.add(e.add(first, count), -1))};
  ends = e.forLoop(token, e.add(token, singles), 1, ends, [&](Value t, ValueRange carried) {
    Pages::Path path = pages.path(t);
    Value last = pages.last(path, positionOf(t));
    return SmallVector<Value>{e.minimum(carried[0], pages.branch(path, last)), e.max(carried[1], last)};
  });
  Value begin = window ? e.div(e.max(e.add(first, 1 - *window), zero), tokens) : zero;
  Value last = e.div(ends[1], tokens), end = e.add(last, 1);
  Value shared = e.select(isTree, e.max(e.div(ends[0], tokens), begin), end);
  return {begin, shared, end, last, singles, ends[1]};
}

/// Tokens token .. token + count - 1, through all that they see.
void Attend::emitRun(Value token, Value count) {
  begin(token, count);
  beginResult(e.i64(0), count);
  emitPages(token, count, wayOf(token, count));
  joinSpan(e.i64(0), count);
  emitResult(e.i64(0), count);
}

void Attend::emitPages(Value token, Value count, const Way &way) {
  Value entries = pages.entries(token), tokens = e.i64(PageLayout::tokens), zero = e.i64(0);
  Value own = e.sub(way.end, way.shared);
  e.forLoop(way.begin, e.add(way.shared, e.mul(way.singles, own)), 1, [&](Value visit) {
    Value isShared = e.less(visit, way.shared), past = e.sub(visit, way.shared), some = e.max(own, e.i64(1));
    Value i = e.select(isShared, zero, e.div(past, some)), t = e.add(token, i), at = positionOf(t);
    Pages::Path path = pages.path(t);
    Value last = pages.last(path, at);
    Value chunk = e.select(isShared, visit, e.add(way.shared, e.rem(past, some))), start = e.mul(chunk, tokens);
    position = e.sub(at, i);
    ahead = e.sub(last, at);
    Value isSeen = e.less(start, e.add(e.select(isShared, way.seen, last), 1));
    e.ifThen(isSeen, [&] {
      Value next = e.minimum(e.add(chunk, 1), way.last);
      Part part{pages.page(e.add(entries, chunk)),
                pages.page(e.add(entries, next)),
                start,
                placeIn(pages.layout, kvHead),
                i,
                e.select(isShared, count, e.add(i, 1)),
                {},
                {}};
      gather(part, {entries, last, path});
      emitPage(part);
    });
  });
}

/// Loads the queries of the run, which has not seen anything yet.
void Attend::begin(Value token, Value count) {
  query = e.add(e.mul(token, op.heads * headDim), e.mul(kvHead, group * headDim));
  Value from = e.pointer(op.query);
  e.forLoop(e.i64(0), count, 1, [&](Value i) {
    Value source = e.add(query, e.mul(i, op.heads * headDim)), to = e.mul(i, group * headDim);
    e.forColumns(group * headDim, [&](Columns c) {
      Value q = e.load(e.f32Type(), from, e.add(source, c.first), c.mask);
      e.store(q, queries, e.add(to, c.first), c.mask);
    });
  });
  beginSpan(e.i64(0), count);
}

/// result = sums / totals, of tokens [first, end) of the run
void Attend::emitResult(Value first, Value end) {
  e.forLoop(first, end, 1, [&](Value i) {
    Value to = e.add(query, e.mul(i, op.heads * headDim));
    e.forLoop(e.i64(0), e.i64(group), 1, [&](Value head) {
      Value row = e.add(firstRow(i), head), total = loadSplat(joinedTotals, row);
      e.forColumns(headDim, [&](Columns c) {
        Value sum = loadVector(joinedSums, e.add(e.mul(row, paddedHeadDim), c.first));
        e.store(e.div(sum, total), result, e.add(e.add(to, e.mul(head, headDim)), c.first), c.mask);
      });
    });
  });
}

/// Queries of bf16 are for tensor cores.
template <typename Op> static LogicalResult checkQueries(Op op) {
  if (getElementTypeOrSelf(op.getQuery()).isF32())
    return success();
  return op.emitOpError("expected queries of f32 for CPUs but got ") << op.getQuery().getType();
}

static LogicalResult emitAttend(lm::AttendOp op, CpuKernelEmitter &e) {
  if (failed(checkQueries(op)))
    return failure();
  Attend(Attend::operandsOf(op), e).emit(op.getResult(), op.getSpans());
  return success();
}

static LogicalResult emitAttendSpans(lm::AttendSpansOp op, CpuKernelEmitter &e) {
  if (failed(checkQueries(op)))
    return failure();
  Attend(Attend::operandsOf(op), e).emitSpans(op.getResult());
  return success();
}

void plait::registerAttendCpuKernels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, lm::LmDialect *) {
    attachCpuKernel<lm::AttendOp, emitAttend>(context);
    attachCpuKernel<lm::AttendSpansOp, emitAttendSpans>(context);
  });
}
