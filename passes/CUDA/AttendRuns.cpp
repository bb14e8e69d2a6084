//===- AttendRuns.cpp - Attention by tensor cores: runs of tokens ---------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CUDA/AttendTiles.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace plait;

void AttendTiles::allocate() {
  queries = e.shared(tileRows() * layout.headDim * 2, cuda::kSwizzleBytes);
  ring = e.shared(2 * 2 * keyBytes(), cuda::kSwizzleBytes);
  offsets = e.shared(chunk * 8, 16);
  slots = e.shared(chunk * 4, 16);
}

void AttendTiles::setHeads(Value number) {
  kvHead = e.div(number, headTiles());
  firstHead = e.mul(e.rem(number, headTiles()), headsOfTile);
}

void AttendTiles::emit(Value result, Value spans) {
  allocate();
  Value to = e.pointer(result);
  // A block looks at some tokens for runs that begin there. Long ones are in the way of those that follow.
  int64_t perToken = layout.kvHeads * headTiles(), looks = rowWarps > 1 ? 4 : 1;
  e.forEachTile(e.rowTiles(result, perToken, looks), [&](Value tile) {
    Value tokens = e.narrow(e.rows(result)), blocks = e.div(e.add(tokens, looks - 1), looks);
    // The last tokens first, as they see most.
    Value number = e.sub(e.add(blocks, -1), e.div(tile, perToken)), first = e.mul(number, looks);
    setHeads(e.rem(tile, perToken));
    e.forLoop(first, e.minimum(e.add(first, looks), tokens), 1, [&](Value token) {
      auto emitRuns = [&] {
        ifBeginsRun(token, [&](Value count) {
          Run run = runOf(token, count, Value());
          Rows rows = rowsOf(run);
          storeResult(run, rows, foldRun(run, rows, /*joins=*/true), to);
        });
      };
      if (!spans)
        return emitRuns();
      e.ifThenElse(e.equal(e.narrow(e.dim(PLAIT_DIM_SPANS)), e.i32(0)), emitRuns,
                   [&] { emitJoin(token, e.pointer(spans), to); });
    });
  });
}

/// Whether `token` goes through pages with `first`, which lies before it in the step: both are of one row and, in a
/// chain, as far from each other as their positions; in a tree both have paths.
Value AttendTiles::belongs(Value token, Value first) {
  Value zero = e.i32(0), no = e.integer(e.builder().getI1Type(), 0);
  Value isBeside = e.below(zero, pages.path(token).count), firstIsBeside = e.below(zero, pages.path(first).count);
  Value position = e.loadIndex(positions, token), before = e.loadIndex(positions, first);
  Value isAsFar = e.equal(e.sub(position, before), e.sub(token, first));
  Value isNext = e.select(firstIsBeside, no, isAsFar), isBranch = window ? no : firstIsBeside;
  Value row = e.loadIndex(pages.tokenRows, token), rowBefore = e.loadIndex(pages.tokenRows, first);
  return e.both(e.equal(row, rowBefore), e.select(isBeside, isBranch, isNext));
}

/// Runs begin at multiples of the most tokens that they have, and wherever a token does not belong to the one before
/// it.
void AttendTiles::ifBeginsRun(Value token, llvm::function_ref<void(Value count)> body) {
  if (tokensOfTile == 1)
    return body(e.i32(1));
  Value inBlock = e.rem(token, tokensOfTile), isFirst = e.equal(inBlock, e.i32(0));
  Value before = e.select(isFirst, token, e.add(token, -1)), yes = e.integer(e.builder().getI1Type(), 1);
  Value isInside = e.select(isFirst, e.integer(e.builder().getI1Type(), 0), belongs(token, before));
  e.ifThen(e.select(isInside, e.integer(e.builder().getI1Type(), 0), yes), [&] {
    // Each thread looks at a token; those that belong to the first one are one after the other.
    Value end = e.minimum(e.add(e.sub(token, inBlock), tokensOfTile), e.narrow(e.rows(query)));
    Value own = e.minimum(e.add(token, e.thread()), e.add(end, -1));
    Value isOwn = e.both(e.below(e.thread(), e.sub(end, token)), belongs(own, token));
    Value isRest = e.both(isOwn, e.below(e.i32(0), e.thread()));
    Value count = e.sumOverThreads(e.select(isRest, e.f32(1), e.f32(0)), /*warps=*/true);
    body(e.add(arith::FPToUIOp::create(e.builder(), e.loc(), e.builder().getI32Type(), count), 1));
    e.barrier(); // before the next run's count is written over this one's
  });
}

AttendTiles::Way AttendTiles::wayOf(Value token, Value count) {
  Value zero = e.i32(0), first = e.loadIndex(positions, token), isTree = e.below(zero, pages.path(token).count);
  Value singles = e.select(isTree, count, zero);
  // The first position of a path, and the last one that is seen.
  SmallVector<Value> ends = {first, e.select(isTree, first, e.add(e.add(first, count), -1))};
  ends = e.forLoop(token, e.add(token, singles), 1, ends, [&](Value t, ValueRange carried) {
    CudaPages::Sight sight = pages.sight(pages.path(t), e.loadIndex(positions, t));
    Value before = e.minimum(carried[0], sight.branch);
    return SmallVector<Value>{before, largest(carried[1], sight.last)};
  });
  Value seen = window ? beyond(e.add(first, 1), e.i32(*window)) : zero;
  Value begin = e.div(seen, chunk), end = e.add(e.div(ends[1], chunk), 1);
  Value shared = e.select(isTree, largest(e.div(ends[0], chunk), begin), end);
  return {begin, shared, end, singles, seen, ends[1]};
}

AttendTiles::Run AttendTiles::runOf(Value token, Value count, Value number) {
  Run run{token, count, pages.entries(token), wayOf(token, count), Value()};
  Way &way = run.way;
  if (number) {
    Value low = e.mul(number, span / chunk), high = e.add(low, span / chunk);
    for (Value *at : {&way.begin, &way.shared, &way.end})
      *at = e.minimum(largest(*at, low), high);
  }
  Value together = e.sub(way.shared, way.begin), apart = e.mul(way.singles, e.sub(way.end, way.shared));
  run.visits = e.add(together, apart);
  return run;
}

AttendTiles::Visit AttendTiles::visitOf(const Run &run, Value number) {
  const Way &way = run.way;
  Value together = e.sub(way.shared, way.begin), isShared = e.below(number, together), past = e.sub(number, together);
  Value own = largest(e.sub(way.end, way.shared), e.i32(1)), inOwn = e.add(way.shared, e.rem(past, own));
  Value at = e.select(isShared, e.add(way.begin, number), inOwn);
  return {isShared, e.select(isShared, e.i32(0), e.div(past, own)), e.mul(at, chunk)};
}

AttendTiles::Rows AttendTiles::rowsOf(const Run &run) {
  Rows rows;
  Value first = e.mul(rowWarp(), 16), lane = e.lane();
  for (int64_t half : {0, 1}) {
    Value row = e.add(first, cuda::sumRow(CudaIndex{&e, lane}, 2 * half).value), token = e.div(row, headsOfTile);
    Value inGroup = e.add(firstHead, e.rem(row, headsOfTile)), hasToken = e.below(token, run.count);
    rows.exists[half] = e.both(hasToken, e.below(inGroup, e.i32(group)));
    rows.token[half] = e.minimum(token, e.add(run.count, -1));
    rows.head[half] = e.add(e.mul(kvHead, group), inGroup);
    Value number = e.add(run.token, rows.token[half]);
    rows.position[half] = e.loadIndex(positions, number);
    rows.last[half] = pages.sight(number, positions).last;
  }
  return rows;
}

/// Rows that do not exist become zero.
void AttendTiles::copyQueries(const Run &run) {
  int64_t chunks = layout.headDim / cuda::kChunkColumns;
  Value from = e.pointer(query), last = e.add(run.count, -1);
  e.forColumns(tileRows() * chunks, 1, [&](CudaColumns c) {
    Value row = e.div(c.first, chunks), number = e.rem(c.first, chunks), token = e.div(row, headsOfTile);
    Value inGroup = e.add(firstHead, e.rem(row, headsOfTile));
    Value exists = e.both(e.below(token, run.count), e.below(inGroup, e.i32(group)));
    Value head = e.add(e.mul(kvHead, group), e.minimum(inGroup, e.i32(group - 1)));
    Value ofToken = e.mul(e.widen(e.add(run.token, e.minimum(token, last))), heads * layout.headDim);
    Value inToken = e.add(e.mul(head, layout.headDim), e.mul(number, cuda::kChunkColumns));
    Value source = e.element(e.builder().getBF16Type(), from, e.add(ofToken, e.widen(inToken)));
    Value target = index(e.add(e.mul(e.div(number, 2), tileRows()), row), e.rem(number, 2));
    copyChunk(e, byte(queries, target), source, e.select(exists, e.i32(cuda::kChunkBytes), e.i32(0)));
  });
}

void AttendTiles::copyVisit(const Run &run, Value number) {
  Visit visit = visitOf(run, number);
  Value keys = byte(ring, e.mul(e.rem(number, 2), 2 * keyBytes()));
  e.ifThenElse(visit.isShared, [&] { copyPage(run, visit, keys); }, [&] { gatherPage(run, visit, keys); });
}

/// A page's part of a head, which lies there as it shall here.
void AttendTiles::copyPage(const Run &run, const Visit &visit, Value keys) {
  Type element = e.builder().getBF16Type();
  Value page = pages.page(e.add(run.entries, e.div(visit.start, chunk))), values = byte(keys, e.i32(keyBytes()));
  Value first = beyond(run.way.first, visit.start);
  Value end = e.minimum(e.sub(e.add(run.way.last, 1), visit.start), e.i32(chunk)), count = e.sub(end, first);
  e.forColumns(keyBytes() / cuda::kChunkBytes, 1, [&](CudaColumns c) {
    Value row = e.div(c.first, 2), target = index(row, e.rem(c.first, 2));
    Value inHead = e.mul(c.first, cuda::kChunkColumns), ofHead = e.mul(kvHead, layout.keyOffset(1));
    Value key = e.element(element, page, e.add(ofHead, inHead)), full = e.i32(cuda::kChunkBytes);
    copyChunk(e, byte(keys, target), key, full);
    Value slot = e.rem(row, chunk),
          value = e.element(element, page, e.add(e.add(ofHead, inHead), layout.valueOffset(0)));
    // What nobody sees need not be a number.
    Value isSeen = e.below(e.sub(slot, first), count);
    copyChunk(e, byte(values, target), value, e.select(isSeen, full, e.i32(0)));
  });
}

/// What one token of a tree sees of a chunk, from wherever it lies.
void AttendTiles::gatherPage(const Run &run, const Visit &visit, Value keys) {
  OpBuilder &b = e.builder();
  Value token = e.add(run.token, visit.token);
  CudaPages::Sight sight = pages.sight(token, positions);
  e.forColumns(chunk, 1, [&](CudaColumns c) {
    Value at = e.minimum(e.add(visit.start, c.first), sight.last);
    Value slot = pages.slotOf(at, sight), entry = e.add(run.entries, e.div(slot, chunk));
    e.store(e.mul(e.widen(e.loadIndex(pages.table, entry)), layout.bytes()), offsets, c.first);
    e.store(e.rem(slot, chunk), slots, c.first);
  });
  e.barrier();
  auto cellOf = [&](Value s, Value inPage) {
    Value page = byte(pages.memory, e.load(b.getI64Type(), offsets, s));
    return e.element(b.getBF16Type(), page, e.add(e.mul(kvHead, layout.keyOffset(1)), inPage));
  };
  e.forColumns(chunk * layout.headDim, 1, [&](CudaColumns c) {
    Value s = e.rem(c.first, chunk), d = e.div(c.first, chunk), slot = e.loadIndex(slots, s);
    Value row = e.add(e.mul(e.div(slot, slice), layout.headDim), d), column = e.rem(slot, slice);
    Value key = e.load(b.getI16Type(), cellOf(s, e.add(e.mul(row, slice), column)), e.i32(0));
    Value inChunk = e.rem(s, slice), to = e.add(e.mul(e.div(s, slice), layout.headDim), d);
    Value target = e.add(index(to, e.div(inChunk, cuda::kChunkColumns)), e.mul(e.rem(inChunk, cuda::kChunkColumns), 2));
    e.store(key, byte(keys, target), e.i32(0));
  });
  Value values = byte(keys, e.i32(keyBytes())), count = beyond(e.add(sight.last, 1), visit.start);
  e.forColumns(keyBytes() / cuda::kChunkBytes, 1, [&](CudaColumns c) {
    Value row = e.div(c.first, 2), half = e.rem(c.first, 2), s = e.rem(row, chunk), slot = e.loadIndex(slots, s);
    Value from = e.add(e.mul(e.div(row, chunk), chunk), slot);
    Value inPage = e.add(e.add(e.mul(from, slice), e.mul(half, cuda::kChunkColumns)), layout.valueOffset(0));
    Value bytes = e.select(e.below(s, count), e.i32(cuda::kChunkBytes), e.i32(0));
    copyChunk(e, byte(values, index(row, half)), cellOf(s, inPage), bytes);
  });
}

AttendTiles::Fold AttendTiles::foldRun(const Run &run, const Rows &rows, bool joins) {
  OpBuilder &b = e.builder();
  auto commit = [&] { NVVM::CpAsyncCommitGroupOp::create(b, e.loc()); };
  auto changeIf = [&](Value condition, ValueRange values, llvm::function_ref<SmallVector<Value>(ValueRange)> body) {
    auto choice = scf::IfOp::create(
        b, e.loc(), condition, [&](OpBuilder &, Location) { scf::YieldOp::create(b, e.loc(), body(values)); },
        [&](OpBuilder &, Location) { scf::YieldOp::create(b, e.loc(), values); });
    return SmallVector<Value>(choice.getResults());
  };
  copyQueries(run);
  copyVisit(run, e.i32(0));
  commit();
  size_t count = nothing().flat().size();
  SmallVector<Value> values = nothing().flat();
  if (joins)
    llvm::append_range(values, nothing().flat());
  Value hasRows = e.below(e.div(e.mul(rowWarp(), 16), headsOfTile), run.count);
  values = e.forLoop(e.i32(0), run.visits, 1, values, [&](Value number, ValueRange carried) {
    e.keepLoop();
    NVVM::CpAsyncWaitGroupOp::create(b, e.loc(), 0);
    e.barrier();
    Value next = e.add(number, 1);
    e.ifThen(e.below(next, run.visits), [&] { copyVisit(run, next); });
    commit();
    Visit visit = visitOf(run, number);
    Value keys = byte(ring, e.mul(e.rem(number, 2), 2 * keyBytes()));
    return changeIf(hasRows, carried, [&](ValueRange carried) {
      SmallVector<Value> folds(carried);
      if (joins) {
        Value isBegin = e.both(e.equal(e.rem(visit.start, span), e.i32(0)), e.below(e.i32(0), visit.start));
        folds = changeIf(isBegin, folds, [&](ValueRange before) {
          Pair which;
          Seen seen = seenOf(visit, rows);
          for (int64_t half : {0, 1})
            which[half] = e.below(e.i32(0), seen.count[half]);
          auto [joined, own] = joinRows(Fold::of(before.drop_front(count)), Fold::of(before.take_front(count)), which);
          SmallVector<Value> after = own.flat();
          llvm::append_range(after, joined.flat());
          return after;
        });
      }
      Fold fold = addChunk(Fold::of(ValueRange(folds).take_front(count)), visit, rows, keys);
      llvm::copy(fold.flat(), folds.begin());
      return folds;
    });
  });
  e.barrier(); // before another run is copied over this one
  Fold fold = Fold::of(ValueRange(values).take_front(count));
  if (!joins)
    return fold;
  return joinRows(Fold::of(ValueRange(values).drop_front(count)), fold, rows.exists).first;
}
