//===- Race.cpp - The first token in a race, on CPUs ----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One pass over the row, four vectors at a time, which are one vector of Philox
// blocks. Keys, and so the winner, depend neither on the lanes nor on which part
// of a row this is. Random numbers are computed where a token is kept and could
// overtake the best one so far: not of what the warps drop, nor of most tokens of
// a distribution that is peaked.
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/Draw.h"

#include <limits>

using namespace plait;

struct DrawEmitter::Lap {
  Value start, token; ///< i64: the first column, and its token, which is a multiple of 4
  Value threshold;    ///< `least`, in every lane
  bool isMasked;      ///< some columns may not exist
  int64_t before;     ///< of them, before the row: fewer than 4
};

/// Carried are, per lane, the largest key and its column (i32), and the largest key of all.
SmallVector<Value> DrawEmitter::runLap(PhiloxEmitter &random, const Lap &lap, ValueRange carried) {
  int64_t lanes = e.lanes();
  VectorType ids = e.vectorType(b.getI32Type());
  auto numbers = llvm::to_vector(llvm::seq<int32_t>(0, int32_t(lanes)));
  Value laneIds = arith::ConstantOp::create(b, e.loc(), DenseElementsAttr::get(ids, ArrayRef<int32_t>(numbers)));
  Value best = e.broadcast(carried[2]), noise = e.splat(PhiloxEmitter::kMostNoise);
  Value relative[4], runs[4], anyRuns;
  for (int64_t i = 0; i < 4; ++i) {
    Value first = e.add(lap.start, i * lanes), x, exists;
    if (lap.before > 0 && i == 0) {
      // Memory before the row is not touched: what begins there is moved into place.
      Columns there{e.i64(0), e.lanesBelow(e.i64(0), e.i64(std::min(row.size(), lanes - lap.before)))};
      SmallVector<int64_t> order;
      for (int64_t lane = 0; lane < lanes; ++lane)
        order.push_back(std::max<int64_t>(lane - lap.before, 0));
      Value loaded = row.vectorAt(there), last = e.integer(ids, lap.before - 1);
      x = vector::ShuffleOp::create(b, e.loc(), loaded, loaded, order);
      Value isInside = e.less(last, laneIds);
      exists = bothOf(isInside, e.lanesBelow(first, e.i64(row.size())));
    } else {
      Columns columns{first, lap.isMasked ? e.lanesBelow(first, e.i64(row.size())) : Value()};
      x = row.vectorAt(columns);
      exists = columns.mask;
    }
    relative[i] = e.mul(e.sub(x, tops), scale);
    Value isKept = atLeast(x, lap.threshold), mayWin = atLeast(e.add(relative[i], noise), best);
    runs[i] = existing(e, {first, exists}, bothOf(isKept, mayWin));
    anyRuns = i ? arith::OrIOp::create(b, e.loc(), anyRuns, runs[i]).getResult() : runs[i];
  }
  return ifAny(e, anyRuns, carried, [&] {
    PhiloxEmitter::Vectors logs = random.logExponentials(lap.token);
    Value keys = carried[0], columns = carried[1];
    for (int64_t i = 0; i < 4; ++i) {
      Value key = e.sub(relative[i], logs[size_t(i)]), isKept = atLeast(e.exp(relative[i]), leastWeight);
      Value isLarger = e.less(keys, key), better = bothOf(bothOf(runs[i], isKept), isLarger);
      Value start = arith::TruncIOp::create(b, e.loc(), b.getI32Type(), e.add(lap.start, i * lanes));
      Value own = e.add(e.broadcast(start), laneIds);
      keys = e.select(better, key, keys);
      columns = e.select(better, own, columns);
    }
    return SmallVector<Value>{keys, columns, e.reduceMax(keys)};
  });
}

DrawEmitter::Winner DrawEmitter::race(PhiloxEmitter &random, int64_t first) {
  // Philox blocks are of tokens 4i .. 4i + 3: a part may begin within one.
  int64_t before = first % 4, lap = 4 * e.lanes(), columns = before + row.size();
  Value threshold = e.broadcast(least.get());
  auto run = [&](Value number, bool isMasked, int64_t missing, ValueRange carried) {
    Value begin = e.mul(number, lap), start = e.add(begin, -before), token = e.add(begin, first - before);
    return runLap(random, {start, token, threshold, isMasked, missing}, carried);
  };
  VectorType ids = e.vectorType(b.getI32Type());
  int64_t none = std::numeric_limits<int32_t>::max();
  constexpr double infinity = std::numeric_limits<double>::infinity();
  Value keys = e.splat(-infinity), ends = e.integer(ids, none);
  SmallVector<Value> carried = {keys, ends, e.f32(-infinity)};
  int64_t begin = before > 0 ? 1 : 0, whole = std::max(columns / lap, begin);
  if (before > 0)
    carried = run(e.i64(0), /*isMasked=*/true, before, carried);
  if (begin < whole)
    carried = e.forLoop(e.i64(begin), e.i64(whole), 1, carried,
                        [&](Value number, ValueRange values) { return run(number, /*isMasked=*/false, 0, values); });
  if (whole * lap < columns)
    carried = run(e.i64(whole), /*isMasked=*/true, 0, carried);
  // Of the lanes that share the largest key, the lowest id.
  Value shares = e.equal(carried[0], e.broadcast(carried[2]));
  Value column = e.reduce(e.select(shares, carried[1], e.integer(ids, none)),
                          [&](Value x, Value y) -> Value { return arith::MinSIOp::create(b, e.loc(), x, y); });
  Value exists = e.less(e.f32(-infinity), carried[2]);
  return {arith::ExtSIOp::create(b, e.loc(), b.getI64Type(), column), carried[2], exists};
}
