//===- ChooseThreshold.cpp - Searching a threshold among logits -----------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/Choose.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <limits>

using namespace plait;

// Passes that split between the bounds by value, which isolate a threshold among
// typical logits, and then by bit pattern, which end in any case.
static constexpr int64_t valuePasses = 20, imagePasses = 32;

namespace {
class ThresholdSearch {
public:
  using Measure = llvm::function_ref<Value(Value x)>;
  ThresholdSearch(CpuKernelEmitter &e, LogitsRow &row, CpuCell &least, Value goal)
      : e(e), b(e.builder()), row(row), f64(b.getF64Type()), least(least), upper(e, e.f32Type()), fromLeast(e, f64),
        aboveUpper(e, f64), goal(goal) {}

  void run(Value total, Measure measure);

private:
  Value extend(Value x, Type type) { return arith::ExtFOp::create(b, e.loc(), type, x); }
  Value orderedImage(Value x);
  Value middle(Value pass);

  CpuKernelEmitter &e;
  OpBuilder &b;
  LogitsRow &row;
  Type f64;
  CpuCell &least, upper;         ///< the threshold is neither below nor above
  CpuCell fromLeast, aboveUpper; ///< the measure of the logits from `least` on and above `upper`
  Value goal;
};
} // namespace

/// The bits of the f32 `x`, ordered as the values are, as i64. Its own inverse
/// on the low word.
Value ThresholdSearch::orderedImage(Value x) {
  Type i32 = b.getI32Type();
  Value bits = e.bitcast(i32, x);
  Value sign = arith::ShRSIOp::create(b, e.loc(), bits, e.integer(i32, 31));
  Value flip = arith::AndIOp::create(b, e.loc(), sign, e.integer(i32, std::numeric_limits<int32_t>::max()));
  return arith::ExtSIOp::create(b, e.loc(), b.getI64Type(), arith::XOrIOp::create(b, e.loc(), bits, flip));
}

/// Where to split between `least` and `upper`, `least` < `upper`: a value above
/// the one and not above the other.
Value ThresholdSearch::middle(Value pass) {
  Value lower = least.get(), higher = upper.get(), half = e.f32(0.5);
  Value halfLower = e.mul(lower, half), halfHigher = e.mul(higher, half);
  Value center = e.add(halfLower, halfHigher);
  // Where the measure would reach the goal if it grew evenly. This comes near in
  // few passes, and the center, in between, keeps it from creeping.
  Value most = fromLeast.get(), fewest = aboveUpper.get();
  Value missing = e.sub(most, goal), between = e.sub(most, fewest);
  Value share = e.div(missing, between);
  Value low = extend(lower, f64), even = e.add(low, e.mul(e.sub(extend(higher, f64), low), share));
  Value odd = arith::TruncIOp::create(b, e.loc(), b.getI1Type(), pass);
  Value byValue = e.select(odd, center, arith::TruncFOp::create(b, e.loc(), e.f32Type(), even));
  byValue = e.select(e.less(lower, byValue), byValue, higher);

  Value image = orderedImage(lower), distance = e.add(e.sub(orderedImage(higher), image), 1);
  image = e.add(image, arith::ShRUIOp::create(b, e.loc(), distance, e.i64(1)));
  Value word = arith::TruncIOp::create(b, e.loc(), b.getI32Type(), image);
  Value bits = arith::TruncIOp::create(b, e.loc(), b.getI32Type(), orderedImage(e.bitcast(e.f32Type(), word)));
  Value isEarly = e.less(pass, e.i64(valuePasses)), byImage = e.bitcast(e.f32Type(), bits);
  return e.select(isEarly, byValue, byImage);
}

void ThresholdSearch::run(Value total, Measure measure) {
  upper.set(row.top);
  fromLeast.set(total);
  aboveUpper.set(e.constant(f64, 0));
  e.forLoop(e.i64(0), e.i64(valuePasses + imagePasses), 1, [&](Value pass) {
    Value low = least.get(), high = upper.get();
    e.ifThen(e.less(low, high), [&] {
      Value split = e.broadcast(middle(pass)), zeros = e.constant(e.vectorType(f64), 0);
      constexpr double infinity = std::numeric_limits<double>::infinity();
      auto smaller = [&](Value x, Value y) { return e.select(e.less(x, y), x, y); };
      // The measure from the split on, and the logits next to it on both sides:
      // a bound is always moved to a logit, so that few passes do.
      SmallVector<Value> found =
          row.scan({zeros, e.splat(infinity), e.splat(-infinity)}, [&](Columns columns, Value x, ValueRange carried) {
            Value reaches = arith::CmpFOp::create(b, e.loc(), arith::CmpFPredicate::OGE, x, split);
            Value above = existing(e, columns, reaches), below = existing(e, columns, e.less(x, split));
            SmallVector<Value> next = ifAny(e, above, carried.take_front(2), [&] {
              return SmallVector<Value>{e.add(carried[0], e.select(above, measure(x), zeros)),
                                        smaller(e.select(above, x, carried[1]), carried[1])};
            });
            next.push_back(e.max(e.select(below, x, carried[2]), carried[2]));
            return next;
          });
      Value reached = e.reduceAdd(found[0]), missed = e.less(reached, goal), zero = e.f32(0);
      // Adding zero makes +0 of -0: of the two, equal in value, only one has
      // the other beside it, and the search would find it again and again.
      Value nextAbove = e.add(e.reduce(found[1], smaller), zero), nextBelow = e.add(e.reduceMax(found[2]), zero);
      least.set(e.select(missed, low, nextAbove));
      fromLeast.set(e.select(missed, fromLeast.get(), reached));
      upper.set(e.select(missed, nextBelow, high));
      aboveUpper.set(e.select(missed, reached, aboveUpper.get()));
    });
  });
}

void plait::raiseThreshold(CpuKernelEmitter &e, LogitsRow &row, CpuCell &least, Value total, Value goal,
                           llvm::function_ref<Value(Value)> measure) {
  ThresholdSearch(e, row, least, goal).run(total, measure);
}
