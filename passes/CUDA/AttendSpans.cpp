//===- AttendSpans.cpp - Attention by tensor cores: spans -----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CUDA/AttendTiles.h"

#include <limits>

using namespace plait;

Value AttendTiles::isLowest(Value score) {
  return e.equal(e.bitcast(e.builder().getI32Type(), score), e.i32(int32_t(0xff800000)));
}

AttendTiles::Joint AttendTiles::joint(Value before, Value top) {
  Value shift = e.select(isLowest(top), e.f32(0), top);
  return {top, shift, e.exp(e.sub(before, shift))};
}

/// The weights that the four threads of a row have added up.
AttendTiles::Pair AttendTiles::wholeTotals(const Fold &fold) {
  Pair totals = fold.totals;
  for (Value &total : totals)
    for (int64_t mask : {1, 2})
      total = e.add(total, e.shuffle(total, mask));
  return totals;
}

std::pair<AttendTiles::Fold, AttendTiles::Fold> AttendTiles::joinRows(const Fold &joined, const Fold &own,
                                                                      const Pair &which) {
  Fold all = joined, rest = own, none = nothing();
  Pair totals = wholeTotals(own), factors, ownFactors;
  for (int64_t half : {0, 1}) {
    Joint before = joint(joined.tops[half], e.max(joined.tops[half], own.tops[half]));
    factors[half] = before.factor;
    ownFactors[half] = e.exp(e.sub(own.tops[half], before.shift));
    Value total = join(joined.totals[half], factors[half], totals[half], ownFactors[half]);
    all.tops[half] = e.select(which[half], before.top, joined.tops[half]);
    all.totals[half] = e.select(which[half], total, joined.totals[half]);
    rest.tops[half] = e.select(which[half], none.tops[half], own.tops[half]);
    rest.totals[half] = e.select(which[half], none.totals[half], own.totals[half]);
  }
  for (size_t i = 0; i < all.sums.size(); ++i) {
    int64_t half = int64_t(i) / 2 % 2;
    Value sum = join(joined.sums[i], factors[half], own.sums[i], ownFactors[half]);
    all.sums[i] = e.select(which[half], sum, joined.sums[i]);
    rest.sums[i] = e.select(which[half], none.sums[i], own.sums[i]);
  }
  return {all, rest};
}

void AttendTiles::forSums(const Fold &fold, const Rows &rows, PairBody body) {
  Value own = firstSlice(), lane = e.lane();
  for (int64_t s = 0; s < slicesOfWarp(); ++s) {
    Value number = e.add(own, s), exists;
    if (slices() % columnWarps)
      exists = e.below(number, e.i32(slices()));
    for (int64_t half : {0, 1})
      e.ifThen(e.both(rows.exists[half], exists), [&] {
        for (int64_t i : {0, 4}) {
          Value column = e.add(e.mul(number, slice), cuda::sumColumn(CudaIndex{&e, lane}, i).value);
          int64_t at = 8 * s + i + 2 * half;
          body(half, column, e.fromLanes({fold.sums[size_t(at)], fold.sums[size_t(at) + 1]}));
        }
      });
  }
}

/// result = sums / totals
void AttendTiles::storeResult(const Run &run, const Rows &rows, const Fold &fold, Value to) {
  forSums(fold, rows, [&](int64_t half, Value column, Value pair) {
    Value row = e.mul(e.widen(e.add(run.token, rows.token[half])), heads * layout.headDim);
    Value offset = e.add(row, e.widen(e.add(e.mul(rows.head[half], layout.headDim), column)));
    e.store(e.div(pair, e.broadcast(fold.totals[half], 2)), to, offset);
  });
}

Value AttendTiles::spanOffset(Value token, Value number) {
  Value row = e.mul(token, spansOfRow());
  return e.mul(e.widen(e.add(row, number)), heads * (layout.headDim + 2));
}

/// Of each head sums, then tops, then totals.
void AttendTiles::storeSpan(const Run &run, const Rows &rows, const Fold &fold, Value number, Value to) {
  Pair totals = wholeTotals(fold), offset;
  for (int64_t half : {0, 1})
    offset[half] = spanOffset(e.add(run.token, rows.token[half]), number);
  forSums(fold, rows, [&](int64_t half, Value column, Value pair) {
    Value inRow = e.add(e.mul(rows.head[half], layout.headDim), column);
    e.store(pair, to, e.add(offset[half], e.widen(inRow)));
  });
  Value inWarp = e.equal(e.rem(e.lane(), e.i32(4)), e.i32(0)), isFirst = e.equal(firstSlice(), e.i32(0));
  for (int64_t half : {0, 1})
    e.ifThen(e.both(rows.exists[half], e.both(inWarp, isFirst)), [&] {
      Value top = e.add(e.add(offset[half], e.widen(rows.head[half])), heads * layout.headDim);
      e.store(fold.tops[half], to, top);
      e.store(totals[half], to, e.add(top, heads));
    });
}

void AttendTiles::emitSpans(Value result) {
  allocate();
  Value to = e.pointer(result);
  e.forEachTile(e.rowTiles(result, layout.kvHeads * headTiles()), [&](Value tile) {
    Value row = e.div(tile, layout.kvHeads * headTiles()), perToken = spansOfRow();
    setHeads(e.rem(tile, layout.kvHeads * headTiles()));
    Value token = e.div(row, perToken), number = e.rem(row, perToken);
    ifBeginsRun(token, [&](Value count) {
      Run run = runOf(token, count, number);
      e.ifThen(e.below(e.i32(0), run.visits), [&] {
        Rows rows = rowsOf(run);
        storeSpan(run, rows, foldRun(run, rows, /*joins=*/false), number, to);
      });
    });
  });
}

/// The result of `token` out of its spans, an element at a time.
void AttendTiles::emitJoin(Value token, Value spans, Value to) {
  Value position = e.loadIndex(positions, token), last = pages.sight(pages.path(token), position).last;
  Value first = window ? beyond(e.add(position, 1), e.i32(*window)) : e.i32(0);
  Value begin = e.div(first, span), end = e.add(e.div(last, span), 1);
  e.forColumns(headsOfTile * layout.headDim, 1, [&](CudaColumns c) {
    Value inGroup = e.add(firstHead, e.div(c.first, layout.headDim)), column = e.rem(c.first, layout.headDim);
    e.ifThen(e.below(inGroup, e.i32(group)), [&] {
      Value head = e.add(e.mul(kvHead, group), inGroup), element = e.add(e.mul(head, layout.headDim), column);
      SmallVector<Value> none = {e.f32(0), e.f32(-std::numeric_limits<double>::infinity()), e.f32(0)};
      SmallVector<Value> all = e.forLoop(begin, end, 1, none, [&](Value number, ValueRange before) {
        e.keepLoop();
        Value offset = spanOffset(token, number), ofTop = e.add(e.add(offset, e.widen(head)), heads * layout.headDim);
        Value sum = e.load(e.f32Type(), spans, e.add(offset, e.widen(element)));
        Value top = e.load(e.f32Type(), spans, ofTop), total = e.load(e.f32Type(), spans, e.add(ofTop, heads));
        Joint both = joint(before[1], e.max(before[1], top));
        Value ownFactor = e.exp(e.sub(top, both.shift)), sums = join(before[0], both.factor, sum, ownFactor);
        return SmallVector<Value>{sums, both.top, join(before[2], both.factor, total, ownFactor)};
      });
      Value row = e.mul(e.widen(token), heads * layout.headDim);
      e.store(e.div(all[0], all[2]), to, e.add(row, e.widen(element)));
    });
  });
}
