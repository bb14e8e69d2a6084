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

Attend::Attend(lm::AttendOp op, CpuKernelEmitter &e)
    : op(op), e(e), window(cast<lm::StateType>(op.getState().getType()).getWindow()),
      pages(e, op.getState(), op.getRows()), headDim(pages.layout.headDim), paddedHeadDim(pages.layout.paddedHeadDim),
      group(op.getHeads() / pages.layout.kvHeads), mostTokens(llvm::divideCeil(rowsWanted, group)) {
  // Sums at work beside what is multiplied, and products where these are apart: of
  // 16 vector registers, 32 with AVX-512.
  mostSums = e.lanes() == 16 ? 24 : e.target().fma ? 12 : 8;
  mostRows = mostSums * e.lanes() / (e.lanes() == 16 ? 32 : PageLayout::slice);
  int64_t rows = mostTokens * group;
  queries = e.scratch(e.f32Type(), rows * headDim);
  scores = e.scratch(e.f32Type(), rows * PageLayout::tokens);
  sums = e.scratch(e.f32Type(), rows * paddedHeadDim);
  for (Value *perRow : {&tops, &totals, &shifts, &factors})
    *perRow = e.scratch(e.f32Type(), rows);
}

void Attend::emit() {
  // As many tiles as if every token were a run; those of tokens inside of runs
  // are empty. What begins a block of tokens always begins a run, so that these
  // tiles come first and are dealt out evenly.
  int64_t kvHeads = pages.layout.kvHeads;
  Value tokens = e.rows(op.getResult()), most = e.i64(mostTokens);
  Value tilesOfTurn = e.mul(e.div(e.add(tokens, mostTokens - 1), most), kvHeads);
  e.forEachTile(e.rowTiles(op.getResult(), mostTokens * kvHeads, mostTokens, /*cyclic=*/true), [&](Value tile) {
    Value turn = e.div(tile, tilesOfTurn), rest = e.rem(tile, tilesOfTurn);
    Value block = e.mul(e.div(rest, e.i64(kvHeads)), most), token = e.add(block, turn);
    kvHead = e.rem(rest, e.i64(kvHeads));
    e.ifThen(e.less(token, tokens), [&] {
      Value end = e.minimum(e.add(block, mostTokens), tokens), one = e.i64(1), none = e.i64(0);
      Value isInside = e.select(e.less(block, token), follows(token), none);
      e.ifThen(e.equal(isInside, none), [&] {
        Value count = e.forLoop(e.add(token, 1), end, 1, one, [&](Value next, ValueRange count) {
          Value isNext = e.equal(e.sub(next, token), count[0]);
          return SmallVector<Value>{e.add(count[0], e.select(isNext, follows(next), none))};
        })[0];
        emitRun(token, count);
      });
    });
  });
}

/// 1 if `token` is of the row of the one before it and at the next position.
Value Attend::follows(Value token) {
  Value before = e.max(e.add(token, -1), e.i64(0)), positions = e.pointer(op.getPositions());
  Value step = e.sub(e.loadIndex(positions, token), e.loadIndex(positions, before));
  Value isOfRow = e.equal(pages.row(token), pages.row(before));
  return e.select(e.equal(step, e.i64(1)), e.select(isOfRow, e.i64(1), e.i64(0)), e.i64(0));
}

/// Tokens token .. token + count - 1.
void Attend::emitRun(Value token, Value count) {
  position = e.loadIndex(e.pointer(op.getPositions()), token);
  query = e.add(e.mul(token, op.getHeads() * headDim), e.mul(kvHead, group * headDim));
  reset(count);
  Value entries = pages.entries(token), tokens = e.i64(PageLayout::tokens), zero = e.i64(0);
  Value chunks = e.div(e.add(e.add(position, count), PageLayout::tokens - 1), tokens);
  Value first = window ? e.max(e.add(position, 1 - *window), zero) : zero;
  e.forLoop(e.div(first, tokens), chunks, 1, [&](Value chunk) {
    Value next = e.minimum(e.add(chunk, 1), e.add(chunks, -1));
    emitPage(pages.page(e.add(entries, chunk)), pages.page(e.add(entries, next)), e.mul(chunk, tokens), count);
  });
  emitResult(count);
}

void Attend::reset(Value count) {
  Value from = e.pointer(op.getQuery());
  e.forLoop(e.i64(0), count, 1, [&](Value i) {
    Value source = e.add(query, e.mul(i, op.getHeads() * headDim)), to = e.mul(i, group * headDim);
    e.forColumns(group * headDim, [&](Columns c) {
      Value q = e.load(e.f32Type(), from, e.add(source, c.first), c.mask);
      e.store(q, queries, e.add(to, c.first), c.mask);
    });
  });
  forRows(e.i64(0), count, [&](Value row) {
    e.store(e.f32(-std::numeric_limits<double>::infinity()), tops, row);
    e.store(e.f32(0), totals, row);
    Value to = e.mul(row, paddedHeadDim);
    e.forColumns(paddedHeadDim, [&](Columns c) { e.store(e.splat(0), sums, e.add(to, c.first)); });
  });
}

/// result = sums / totals
void Attend::emitResult(Value count) {
  Value result = e.pointer(op.getResult());
  e.forLoop(e.i64(0), count, 1, [&](Value i) {
    Value to = e.add(query, e.mul(i, op.getHeads() * headDim));
    e.forLoop(e.i64(0), e.i64(group), 1, [&](Value head) {
      Value row = e.add(firstRow(i), head), total = loadSplat(totals, row);
      e.forColumns(headDim, [&](Columns c) {
        Value sum = loadVector(sums, e.add(e.mul(row, paddedHeadDim), c.first));
        e.store(e.div(sum, total), result, e.add(e.add(to, e.mul(head, headDim)), c.first), c.mask);
      });
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
