//===- AttendTiles.cpp - Attention by tensor cores: a chunk ---------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CUDA/AttendTiles.h"

#include <limits>

using namespace plait;

AttendTiles::AttendTiles(CudaKernelEmitter &e, Value query, Value state, Value rows, Value positions, int64_t heads,
                         double scale)
    : e(e), query(query), rowsValue(rows), positions(e.pointer(positions)), pages(e, state, rows), layout(pages.layout),
      window(cast<lm::StateType>(state.getType()).getWindow()), heads(heads), group(heads / layout.kvHeads),
      scale(scale) {
  int64_t warps = e.threads() / 32;
  // A warp has sums of at most 128 columns in registers, twice.
  rowWarps = warps == 4 ? 1 : layout.headDim <= 128 ? warps : warps / 2;
  columnWarps = warps / rowWarps;
  headsOfTile = std::min(group, tileRows());
  tokensOfTile = tileRows() / headsOfTile;
}

SmallVector<CudaKernelEmitter::Entry> plait::attendTilesEntries(lm::AttendOp) {
  return {AttendTiles::smallEntry(64), AttendTiles::largeEntry()};
}
SmallVector<CudaKernelEmitter::Entry> plait::attendTilesEntries(lm::AttendSpansOp) {
  return {AttendTiles::smallEntry(0)};
}

void plait::emitAttendTiles(lm::AttendOp op, CudaKernelEmitter &e) {
  AttendTiles(op, e).emit(op.getResult(), op.getSpans());
}
void plait::emitAttendTiles(lm::AttendSpansOp op, CudaKernelEmitter &e) {
  AttendTiles(op, e).emitSpans(op.getResult());
}

SmallVector<Value> AttendTiles::Fold::flat() const {
  SmallVector<Value> values(sums);
  llvm::append_range(values, tops);
  llvm::append_range(values, totals);
  return values;
}

AttendTiles::Fold AttendTiles::Fold::of(ValueRange values) {
  size_t count = values.size() - 4;
  return {llvm::to_vector(values.take_front(count)),
          {values[count], values[count + 1]},
          {values[count + 2], values[count + 3]}};
}

AttendTiles::Fold AttendTiles::nothing() {
  Value zero = e.f32(0), lowest = e.f32(-std::numeric_limits<double>::infinity());
  return {SmallVector<Value>(size_t(8 * slicesOfWarp()), zero), {lowest, lowest}, {zero, zero}};
}

/// `row` is a multiple of 16, so that where chunks lie is a fact of the lane.
SmallVector<Value> AttendTiles::loadRows(Value tile, Value row, bool transposed) {
  cuda::Cell<CudaIndex> cell = cuda::firstOperandCell(CudaIndex{&e, e.lane()});
  Value inRows = index(cell.row.value, cell.chunk.value);
  return loadMatrices(e, byte(byte(tile, e.mul(row, cuda::kSliceBytes)), inRows), transposed);
}

/// Queries times keys: 4 f32 for 8 positions, as mma has them. A loop, as ptxas would load what all its steps take at
/// once, and has no registers for that.
SmallVector<Value> AttendTiles::scoresOf(Value keys) {
  SmallVector<Value> scores(size_t(chunk / 8 * 4), e.f32(0));
  Value ownRows = e.mul(rowWarp(), 16);
  return e.forLoop(e.i32(0), e.i32(slices()), 1, scores, [&](Value k, ValueRange carried) {
    e.keepLoop();
    SmallVector<Value> next(carried);
    SmallVector<Value> own = loadRows(queries, e.add(ownRows, e.mul(k, tileRows())), /*transposed=*/false);
    for (int64_t n = 0; n < chunk / 16; ++n) {
      Value row = e.add(e.mul(k, 16), n * layout.headDim);
      SmallVector<Value> columns = loadRows(keys, row, /*transposed=*/true);
      for (int64_t half : {0, 1}) {
        int64_t at = (2 * n + half) * 4;
        llvm::copy(multiplyAdd(e, own, ValueRange(columns).slice(2 * half, 2), ValueRange(next).slice(at, 4)),
                   next.begin() + at);
      }
    }
    return next;
  });
}

Value AttendTiles::scoreOf(Value dot) {
  if (!softcap)
    return e.mul(dot, e.f32(scale));
  return e.mul(e.tanh(e.mul(dot, e.f32(scale / *softcap))), e.f32(*softcap));
}

AttendTiles::Seen AttendTiles::seenOf(const Visit &visit, const Rows &rows) {
  Seen seen;
  for (int64_t half : {0, 1}) {
    Value isOwn = e.both(rows.exists[half], e.equal(rows.token[half], visit.token));
    Value takesPart = e.select(visit.isShared, rows.exists[half], isOwn);
    Value end = e.minimum(beyond(e.add(rows.last[half], 1), visit.start), e.i32(chunk));
    Value hidden = window ? beyond(e.add(rows.position[half], 1), e.i32(*window)) : Value();
    seen.first[half] = window ? beyond(hidden, visit.start) : e.i32(0);
    seen.count[half] = e.select(takesPart, beyond(end, seen.first[half]), e.i32(0));
  }
  return seen;
}

AttendTiles::Fold AttendTiles::addChunk(const Fold &fold, const Visit &visit, const Rows &rows, Value keys) {
  SmallVector<Value> scores = scoresOf(keys);
  Seen seen = seenOf(visit, rows);
  Fold next = fold;
  Value lowest = e.f32(-std::numeric_limits<double>::infinity()), zero = e.f32(0), lane = e.lane();
  auto halfOf = [](size_t i) { return int64_t(i) / 2 % 2; };
  for (auto [i, score] : llvm::enumerate(scores)) {
    Value slot = cuda::sumColumn(CudaIndex{&e, lane}, int64_t(i)).value;
    Value isSeen = e.below(e.sub(slot, seen.first[halfOf(i)]), seen.count[halfOf(i)]);
    score = e.select(isSeen, scoreOf(score), lowest);
    next.tops[halfOf(i)] = e.max(next.tops[halfOf(i)], score);
  }
  Pair shifts, factors, added;
  for (int64_t half : {0, 1}) {
    Value &top = next.tops[half];
    for (int64_t mask : {1, 2})
      top = e.max(top, e.shuffle(top, mask));
    Joint factor = joint(fold.tops[half], top);
    factors[half] = factor.factor;
    shifts[half] = factor.shift;
  }
  SmallVector<Value> weights;
  for (auto [i, score] : llvm::enumerate(scores)) {
    Value weight = e.select(isLowest(score), zero, e.exp(e.sub(score, shifts[halfOf(i)])));
    weights.push_back(weight);
    Value &sum = added[halfOf(i)];
    sum = sum ? e.add(sum, weight) : weight;
  }
  for (int64_t half : {0, 1})
    next.totals[half] = e.fma(fold.totals[half], factors[half], added[half]);
  for (auto [i, sum] : llvm::enumerate(next.sums))
    sum = e.mul(sum, factors[halfOf(i)]);
  // Sums of scores lie in threads as operands of the next product do.
  auto rounded = [&](size_t i) {
    return e.bitcast(e.builder().getI32Type(), e.roundToBF16(e.fromLanes({weights[i], weights[i + 1]})));
  };
  Value values = byte(keys, e.i32(keyBytes())), own = firstSlice();
  for (int64_t k = 0; k < chunk / 16; ++k) {
    SmallVector<Value> first;
    for (size_t i = 0; i < 8; i += 2)
      first.push_back(rounded(size_t(8 * k) + i));
    for (int64_t s = 0; s < slicesOfWarp(); ++s) {
      // What a warp has beyond the last slice it computes twice.
      Value number = e.minimum(e.add(own, s), e.i32(slices() - 1));
      SmallVector<Value> columns = loadRows(values, e.add(e.mul(number, chunk), 16 * k), /*transposed=*/true);
      for (int64_t half : {0, 1}) {
        int64_t at = (2 * s + half) * 4;
        llvm::copy(multiplyAdd(e, first, ValueRange(columns).slice(2 * half, 2), ValueRange(next.sums).slice(at, 4)),
                   next.sums.begin() + at);
      }
    }
  }
  return next;
}
