//===- ChooseSample.cpp - Drawing from a warped distribution on CPUs ------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The row is never sorted. top_k and top_p are thresholds on the logits: the
// largest one such that the kept tokens are enough, by number or by mass
// (ChooseThreshold.cpp). Then one pass finds who is first in the race (Race.cpp).
//
// Weights are f32, exp((logit - top) / temperature), in sums rounded to multiples
// of 2^-30. So a token's share is off by about 1e-7 of it. But sums are exact, so
// that thresholds are the same wherever parts of a row are summed.
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
// Masses
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

Value DrawEmitter::mass() {
  Value threshold = e.broadcast(least.get()), zero = e.constant(f64, 0);
  return row.scan({zero}, [&](Columns columns, Value x, ValueRange carried) {
    Value lanes = kept(columns, x, threshold);
    return ifAny(e, lanes, carried[0],
                 [&] { return SmallVector<Value>{e.add(carried[0], e.reduceAdd(exact(keptWeights(lanes, x))))}; });
  })[0];
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
