//===- ChooseSample.cpp - Drawing from a warped distribution on CPUs ------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The row is never sorted. top_k and top_p are thresholds on the logits: the
// largest one such that the kept tokens are enough, by number or by mass
// (ChooseThreshold.cpp). Then one pass gives the kept mass, and one finds the
// token at the drawn quantile.
//
// Weights are f32, exp((logit - top) / temperature), in sums rounded to multiples
// of 2^-30, finer than the 24 bits of a draw. So a token's share is off by about 1e-7
// of it, and a draw within that distance of a boundary may fall on its other side.
// But sums are exact, so that it is the same side wherever parts of a row are summed.
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/CpuKernels.h"
#include "passes/CPU/Draw.h"

#include "dialects/Decode/Decode.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <limits>

using namespace plait;

DrawEmitter::DrawEmitter(CpuKernelEmitter &e, LogitsRow &row, Value temperature)
    : e(e), b(e.builder()), row(row), f64(b.getF64Type()), wide(e.vectorType(f64)), least(e, e.f32Type()),
      temperature(temperature) {
  // A finite factor, so that the top logit has weight exp(0 * factor) = 1: a
  // temperature below 2^-128 counts as that.
  Value factor = e.div(e.f32(1), temperature), largest = e.f32(std::numeric_limits<float>::max());
  scale = e.broadcast(e.select(e.less(factor, largest), factor, largest));
  tops = e.broadcast(row.top);
  leastWeight = e.splat(0); // without min_p nothing is too light
  least.set(e.f32(lowestUnmasked()));
}

void DrawEmitter::applyMinP(Value m) {
  Value one = e.f32(1); // above it not even the top would be kept
  leastWeight = e.broadcast(e.select(e.less(m, one), m, one));
}

//===----------------------------------------------------------------------===//
// Warps
//===----------------------------------------------------------------------===//

void DrawEmitter::applyTopK(Value k) {
  Type i32 = k.getType();
  Value some = e.less(e.integer(i32, 0), k), notAll = e.less(k, e.integer(i32, row.size()));
  Value limited = bothOf(some, notAll);
  e.ifThen(limited, [&] {
    Value one = e.constant(wide, 1);
    raiseThreshold(e, row, least, e.constant(f64, double(row.size())), arith::SIToFPOp::create(b, e.loc(), f64, k),
                   [&](Value) { return one; });
  });
}

void DrawEmitter::applyTopP(Value p) {
  e.ifThen(e.less(p, e.f32(1)), [&] {
    auto mass = [&](Value x) { return wideWeights(x); };
    Value threshold = e.broadcast(least.get()), zeros = e.constant(wide, 0);
    Value total = e.reduceAdd(row.scan({zeros}, [&](Columns columns, Value x, ValueRange carried) {
      Value lanes = kept(columns, x, threshold);
      return ifAny(e, lanes, carried,
                   [&] { return SmallVector<Value>{e.add(carried[0], e.select(lanes, mass(x), zeros))}; });
    })[0]);
    // All weights below (1 - p) / V, were there nothing else, have less than the
    // mass that may go, since the total is at least 1: the search can begin
    // there. One more unit covers all rounding.
    Value rest = e.sub(e.f32(1), p);
    Value depth = e.add(e.log(e.div(e.f32(double(row.size())), rest)), e.f32(1));
    Value bound = e.sub(row.top, e.mul(depth, temperature)), low = least.get();
    least.set(e.select(e.less(low, bound), bound, low));
    raiseThreshold(e, row, least, total, e.mul(extend(p, f64), total), mass);
  });
}

//===----------------------------------------------------------------------===//
// Draw
//===----------------------------------------------------------------------===//

Value DrawEmitter::keptWeights(Value kept, Value x) {
  Value weight = weights(x);
  return e.select(bothOf(kept, atLeast(weight, leastWeight)), weight, e.splat(0));
}

Value DrawEmitter::exact(Value weights) {
  // Of a sum from 2^22 to 2^23 the last bit is 2^-30.
  Value magic = e.constant(wide, 0x1.8p22);
  return e.sub(e.add(extend(weights, wide), magic), magic);
}

/// `sum` and the kept weights of one vector.
Value DrawEmitter::addKeptMass(Value sum, Columns columns, Value x, Value threshold) {
  Value lanes = kept(columns, x, threshold);
  return ifAny(e, lanes, sum,
               [&] { return SmallVector<Value>{e.add(sum, e.reduceAdd(exact(keptWeights(lanes, x))))}; })[0];
}

Value DrawEmitter::mass() {
  Value threshold = e.broadcast(least.get()), zero = e.constant(f64, 0);
  return row.scan({zero}, [&](Columns columns, Value x, ValueRange carried) {
    return SmallVector<Value>{addKeptMass(carried[0], columns, x, threshold)};
  })[0];
}

Value DrawEmitter::draw(Value u) {
  // u is below 1 by at least 2^-24, so that the target is below the total.
  Value total = mass();
  return drawAt(e.mul(extend(u, f64), total));
}

Value DrawEmitter::drawAt(Value target) {
  Value threshold = e.broadcast(least.get()), zero = e.constant(f64, 0);
  // The running sum does not fall: the vectors that end at or before the target are
  // the first ones, and there is one more.
  SmallVector<Value> found = row.scan({zero, zero, e.i64(0)}, [&](Columns columns, Value x, ValueRange carried) {
    Value sum = addKeptMass(carried[0], columns, x, threshold), before = atLeast(target, sum);
    return SmallVector<Value>{sum, e.select(before, sum, carried[1]),
                              e.add(carried[2], e.select(before, e.i64(e.lanes()), e.i64(0)))};
  });
  Value sum = found[1], first = found[2];
  Columns columns{first, e.lanesBelow(first, e.i64(row.size()))};
  Value x = row.vectorAt(columns), weight = exact(keptWeights(kept(columns, x, threshold), x));
  Value offset = e.i64(0);
  for (int64_t i = 0; i < e.lanes(); ++i) {
    sum = e.add(sum, e.lane(weight, i));
    offset = e.add(offset, e.select(atLeast(target, sum), e.i64(1), e.i64(0)));
  }
  return e.add(first, offset);
}

Value DrawEmitter::entropy(Value mass) {
  // -sum of p log p with p = w / mass is log(mass) - sum of w log w / mass.
  Value threshold = e.broadcast(least.get()), zeros = e.constant(wide, 0), none = e.splat(0);
  Value sum = e.reduceAdd(row.scan({zeros}, [&](Columns columns, Value x, ValueRange carried) {
    Value lanes = kept(columns, x, threshold);
    return ifAny(e, lanes, carried, [&] {
      Value weight = keptWeights(lanes, x), logWeight = e.mul(e.sub(x, tops), scale);
      // The logarithm of a weight that is rounded to 0 may be infinite.
      Value term = e.mul(weight, e.select(e.less(none, weight), logWeight, none));
      return SmallVector<Value>{e.add(carried[0], extend(term, wide))};
    });
  })[0]);
  auto narrow = [&](Value x) -> Value { return arith::TruncFOp::create(b, e.loc(), e.f32Type(), x); };
  return e.sub(e.log(narrow(mass)), narrow(e.div(sum, mass)));
}

Value DrawEmitter::weightOf(Value x) {
  Value lanes = e.broadcast(x);
  return e.lane(keptWeights(atLeast(lanes, e.broadcast(least.get())), lanes), 0);
}

static LogicalResult emitSample(decode::ChooseSampleOp op, CpuKernelEmitter &e) {
  CpuCell token(e, e.builder().getI64Type());
  auto choose = [&](Value leaf, LogitsRow &row) {
    Value temperature = e.load(e.f32Type(), e.pointer(op.getTemperature()), leaf);
    token.set(row.topId);
    e.ifThen(e.less(e.f32(0), temperature), [&] {
      DrawEmitter draw(e, row, temperature);
      applyWarps(e, draw, op, leaf);
      token.set(drawFor(e, draw, op, leaf));
    });
    return token.get();
  };
  emitChoose(e, op.getLogits(), {op.getTokens(), op.getStatus(), op.getLogprob()}, /*unequalCost=*/true, choose);
  return success();
}

void plait::registerSampleCpuKernels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, decode::DecodeDialect *) {
    attachCpuKernel<decode::ChooseSampleOp, emitSample>(context);
  });
}
