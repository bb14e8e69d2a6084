//===- PartThreshold.cpp - Thresholds of logits that ranks share out ------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/CpuKernels.h"
#include "passes/CPU/Draw.h"
#include "passes/CPU/Parts.h"

#include "dialects/Decode/Decode.h"

#include <limits>

using namespace plait;

static constexpr int64_t numBins = 256;

/// Whether a rule with this limit searches a threshold.
static Value isLimited(CpuKernelEmitter &e, decode::Warp rule, Value limit) {
  return rule == decode::Warp::top_k ? e.less(e.integer(limit.getType(), 0), limit) : e.less(limit, e.f32(1));
}

static Value bothOf(CpuKernelEmitter &e, Value x, Value y) { return arith::AndIOp::create(e.builder(), e.loc(), x, y); }

//===----------------------------------------------------------------------===//
// Bins
//===----------------------------------------------------------------------===//

/// Images of a vector of logits (see decode.bin_logits).
static Value imagesOf(CpuKernelEmitter &e, Value x) {
  OpBuilder &b = e.builder();
  VectorType type = e.vectorType(b.getI32Type());
  Value bits = e.bitcast(type, e.add(x, e.splat(0))); // 0 for -0
  Value sign = arith::ShRSIOp::create(b, e.loc(), bits, e.integer(type, 31));
  Value flip = arith::OrIOp::create(b, e.loc(), sign, e.integer(type, std::numeric_limits<int32_t>::min()));
  return arith::XOrIOp::create(b, e.loc(), bits, flip);
}

static Value shiftedBy(CpuKernelEmitter &e, Value x, int64_t count) {
  return count ? arith::ShRUIOp::create(e.builder(), e.loc(), x, e.integer(x.getType(), count)).getResult() : x;
}

/// Adds the logits of `leaf` to `bins` (f64). The bins and measures of a vector are laid down in
/// `places` (i32) and `measures` (f64): a loop over them is a twentieth of the code that lanes make.
static void fillBins(decode::BinLogitsOp op, CpuKernelEmitter &e, Value leaf, Value top, Value temperature, Value bins,
                     Value places, Value measures) {
  OpBuilder &b = e.builder();
  Type f64 = b.getF64Type();
  VectorType ints = e.vectorType(b.getI32Type());
  int64_t round = int64_t(op.getRound());
  LogitsRow row(e, op.getLogits(), leaf);
  row.top = top;
  DrawEmitter draw(e, row, temperature);
  Value least = e.f32(lowestUnmasked()), found;
  if (op.getState()) {
    Value state = wordsOf(e, op.getState(), leaf);
    least = e.load(e.f32Type(), state, e.i64(1));
    Value bits = e.load(e.f32Type(), state, e.i64(0));
    found = e.broadcast(arith::FPToSIOp::create(b, e.loc(), b.getI32Type(), bits));
  }
  Value thresholds = e.broadcast(least), ones = e.constant(e.vectorType(f64), 1);
  Value none = e.constant(e.vectorType(f64), 0);
  row.scan({e.i64(0)}, [&](Columns columns, Value x, ValueRange carried) {
    Value above = arith::CmpFOp::create(b, e.loc(), arith::CmpFPredicate::OGE, x, thresholds);
    Value lanes = existing(e, columns, above), images = imagesOf(e, x);
    if (round)
      lanes = bothOf(e, lanes, e.equal(shiftedBy(e, images, 32 - 8 * round), found));
    return ifAny(e, lanes, carried, [&] {
      Value bin = bothOf(e, shiftedBy(e, images, 24 - 8 * round), e.integer(ints, numBins - 1));
      Value measure = op.getRule() == decode::Warp::top_k ? ones : draw.wideWeights(x);
      e.store(bin, places, e.i64(0));
      e.store(e.select(lanes, measure, none), measures, e.i64(0)); // 0 changes no bin
      e.forLoop(e.i64(0), e.i64(e.lanes()), 1, [&](Value i) {
        Value at = e.loadIndex(places, i);
        e.store(e.add(e.load(f64, bins, at), e.load(f64, measures, i)), bins, at);
      });
      return SmallVector<Value>(carried);
    });
  });
}

static LogicalResult emitBinLogits(decode::BinLogitsOp op, CpuKernelEmitter &e) {
  OpBuilder &b = e.builder();
  Type f64 = b.getF64Type();
  Value bins = e.scratch(f64, numBins), measures = e.scratch(f64, e.lanes());
  Value places = e.scratch(b.getI32Type(), e.lanes());
  e.forEachTile(e.rowTiles(op.getResult(), /*perRow=*/1, /*block=*/1, /*cyclic=*/true), [&](Value leaf) {
    e.forLoop(e.i64(0), e.i64(numBins), 1, [&](Value i) { e.store(e.constant(f64, 0), bins, i); });
    MergedSummary summary(e, op.getSummaries(), leaf);
    Value temperature = e.load(e.f32Type(), e.pointer(op.getTemperature()), leaf);
    Type limitType = cast<RankedTensorType>(op.getLimit().getType()).getElementType();
    Value limited = isLimited(e, op.getRule(), e.load(limitType, e.pointer(op.getLimit()), leaf));
    Value warm = e.less(e.f32(0), temperature), draws = bothOf(e, summary.usable, warm);
    e.ifThen(bothOf(e, limited, draws),
             [&] { fillBins(op, e, leaf, summary.top, temperature, bins, places, measures); });
    Value words = wordsOf(e, op.getResult(), leaf);
    e.forLoop(e.i64(0), e.i64(numBins), 1, [&](Value i) {
      Value measure = e.load(f64, bins, i);
      storePair(e, measure, words, e.mul(i, 2));
    });
  });
  return success();
}

//===----------------------------------------------------------------------===//
// Threshold
//===----------------------------------------------------------------------===//

/// The logit (f32) whose image is the i32 `image`.
static Value logitOf(CpuKernelEmitter &e, Value image) {
  OpBuilder &b = e.builder();
  Type i32 = b.getI32Type();
  // Only the images of logits below 0 have a first bit of 0: all bits are turned over.
  Value sign = arith::ShRSIOp::create(b, e.loc(), image, e.integer(i32, 31));
  Value below = arith::XOrIOp::create(b, e.loc(), sign, e.integer(i32, -1));
  Value flip = arith::OrIOp::create(b, e.loc(), below, e.integer(i32, std::numeric_limits<int32_t>::min()));
  return e.bitcast(e.f32Type(), arith::XOrIOp::create(b, e.loc(), image, flip));
}

namespace {

/// Emits one round at one leaf.
class NarrowEmitter {
public:
  NarrowEmitter(decode::NarrowThresholdOp op, CpuKernelEmitter &e, Value leaf)
      : op(op), e(e), b(e.builder()), f64(b.getF64Type()), bins(wordsOf(e, op.getBins(), leaf)),
        result(wordsOf(e, op.getResult(), leaf)) {
    if (op.getState())
      state = wordsOf(e, op.getState(), leaf);
  }

  /// The state of a leaf whose threshold stays as it is.
  void keep() {
    e.store(e.f32(0), result, e.i64(0));
    e.store(state ? e.load(e.f32Type(), state, e.i64(1)) : e.f32(lowestUnmasked()), result, e.i64(1));
    for (int64_t i = 2; i < 6; ++i)
      e.store(e.f32(0), result, e.i64(i));
  }
  void run(Value limit);

private:
  /// The measure of bin `bin`, over all parts.
  Value measureOf(Value bin) {
    return e.forLoop(e.i64(0), e.i64(widthOf(op.getBins())), 2 * numBins, {e.constant(f64, 0)},
                     [&](Value part, ValueRange carried) {
                       Value own = loadPair(e, bins, e.add(part, e.mul(bin, 2)));
                       return SmallVector<Value>{e.add(carried[0], own)};
                     })[0];
  }

  decode::NarrowThresholdOp op;
  CpuKernelEmitter &e;
  OpBuilder &b;
  Type f64;
  Value bins, result, state;
};

} // namespace

void NarrowEmitter::run(Value limit) {
  int64_t round = int64_t(op.getRound());
  Value goal, above = e.constant(f64, 0);
  if (round) {
    above = loadPair(e, state, e.i64(2));
    goal = loadPair(e, state, e.i64(4));
  } else if (op.getRule() == decode::Warp::top_k) {
    goal = arith::SIToFPOp::create(b, e.loc(), f64, limit);
  } else {
    Value total = e.forLoop(e.i64(0), e.i64(numBins), 1, {e.constant(f64, 0)}, [&](Value i, ValueRange carried) {
      Value measure = measureOf(e.sub(e.i64(numBins - 1), i));
      return SmallVector<Value>{e.add(carried[0], measure)};
    })[0];
    goal = e.mul(arith::ExtFOp::create(b, e.loc(), f64, limit), total);
  }
  Value no = e.integer(b.getI1Type(), 0), zero = e.constant(f64, 0);
  SmallVector<Value> last =
      e.forLoop(e.i64(0), e.i64(numBins), 1, {above, above, e.i64(0), no}, [&](Value i, ValueRange carried) {
        Value sum = carried[0], done = carried[3], bin = e.sub(e.i64(numBins - 1), i), measure = measureOf(bin);
        Value open = e.select(done, no, e.less(zero, measure)), next = e.add(sum, measure);
        Value reached = arith::CmpFOp::create(b, e.loc(), arith::CmpFPredicate::OGE, next, goal);
        return SmallVector<Value>{next, e.select(open, sum, carried[1]), e.select(open, bin, carried[2]),
                                  arith::OrIOp::create(b, e.loc(), done, bothOf(e, open, reached))};
      });
  Value bin = arith::TruncIOp::create(b, e.loc(), b.getI32Type(), last[2]);
  Value bits = bin;
  if (round) {
    Value found = arith::FPToSIOp::create(b, e.loc(), b.getI32Type(), e.load(e.f32Type(), state, e.i64(0)));
    bits = e.add(e.mul(found, numBins), bin);
  }
  if (round == 3) {
    e.store(logitOf(e, bits), result, e.i64(1));
    return;
  }
  e.store(arith::SIToFPOp::create(b, e.loc(), e.f32Type(), bits), result, e.i64(0));
  storePair(e, last[1], result, e.i64(2));
  storePair(e, goal, result, e.i64(4));
}

static LogicalResult emitNarrow(decode::NarrowThresholdOp op, CpuKernelEmitter &e) {
  e.forEachTile(e.rowTiles(op.getResult()), [&](Value leaf) {
    Type limitType = cast<RankedTensorType>(op.getLimit().getType()).getElementType();
    Value limit = e.load(limitType, e.pointer(op.getLimit()), leaf);
    NarrowEmitter narrow(op, e, leaf);
    narrow.keep();
    e.ifThen(isLimited(e, op.getRule(), limit), [&] { narrow.run(limit); });
  });
  return success();
}

void plait::registerPartThresholdCpuKernels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, decode::DecodeDialect *) {
    attachCpuKernel<decode::BinLogitsOp, emitBinLogits>(context);
    attachCpuKernel<decode::NarrowThresholdOp, emitNarrow>(context);
  });
}
