//===- Choose.cpp - Greedy choice and stop ids on CPUs --------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/Choose.h"
#include "passes/CPU/CpuKernels.h"

#include "dialects/Decode/Decode.h"
#include "dialects/Kernel/ExpSeries.h"
#include "dialects/Rt/Rt.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <cmath>
#include <limits>

using namespace plait;

//===----------------------------------------------------------------------===//
// A row of logits
//===----------------------------------------------------------------------===//

float plait::lowestUnmasked() { return std::nextafter(std::numeric_limits<float>::lowest(), 0.0f); }

Value plait::existing(CpuKernelEmitter &e, Columns columns, Value condition) {
  return columns.mask ? arith::AndIOp::create(e.builder(), e.loc(), condition, columns.mask).getResult() : condition;
}

SmallVector<Value> plait::ifAny(CpuKernelEmitter &e, Value mask, ValueRange otherwise,
                                llvm::function_ref<SmallVector<Value>()> body) {
  OpBuilder &b = e.builder();
  Value any = vector::ReductionOp::create(b, e.loc(), vector::CombiningKind::OR, mask);
  auto branch = [&](llvm::function_ref<SmallVector<Value>()> values) {
    return [&e, values](OpBuilder &inner, Location) {
      OpBuilder::InsertionGuard guard(e.builder());
      e.builder().restoreInsertionPoint(inner.saveInsertionPoint());
      scf::YieldOp::create(e.builder(), e.loc(), values());
    };
  };
  auto keep = [&] { return SmallVector<Value>(otherwise); };
  return SmallVector<Value>(scf::IfOp::create(b, e.loc(), any, branch(body), branch(keep)).getResults());
}

LogitsRow::LogitsRow(CpuKernelEmitter &e, Value logits, Value leaf)
    : e(e), count(cast<RankedTensorType>(logits.getType()).getDimSize(1)) {
  row = e.element(e.f32Type(), e.pointer(logits), e.mul(leaf, count));
}

Value LogitsRow::vectorAt(Columns columns) {
  if (columns.mask)
    return e.load(e.f32Type(), row, columns.first, columns.mask);
  return e.load(e.f32VectorType(), row, columns.first);
}

Value LogitsRow::at(Value id) { return e.load(e.f32Type(), row, id); }

SmallVector<Value> LogitsRow::scan(ValueRange init, Step step) {
  int64_t whole = count / e.lanes() * e.lanes();
  SmallVector<Value> carried(init);
  if (whole > 0)
    carried = e.forLoop(e.i64(0), e.i64(whole), e.lanes(), init, [&](Value first, ValueRange values) {
      Columns columns{first, Value()};
      return step(columns, vectorAt(columns), values);
    });
  if (whole < count) {
    Columns columns{e.i64(whole), e.lanesBelow(e.i64(whole), e.i64(count))};
    carried = step(columns, vectorAt(columns), carried);
  }
  return carried;
}

void LogitsRow::findTop() {
  OpBuilder &b = e.builder();
  Location loc = e.loc();
  VectorType intType = e.vectorType(b.getI32Type());
  auto numbers = llvm::to_vector(llvm::seq<int32_t>(0, int32_t(e.lanes())));
  Value laneIds = arith::ConstantOp::create(b, loc, DenseElementsAttr::get(intType, ArrayRef<int32_t>(numbers)));
  Value magnitude = e.integer(intType, std::numeric_limits<int32_t>::max());
  auto larger = [&](Value x, Value y) -> Value { return arith::MaxSIOp::create(b, loc, x, y); };

  // Per lane: the largest logit, the first id that has it, and the largest bit
  // pattern without its sign, which tells a NaN or an infinity.
  Value lowest = e.splat(-std::numeric_limits<double>::infinity()), none = e.integer(intType, 0);
  SmallVector<Value> result = scan({lowest, none, none, laneIds}, [&](Columns columns, Value x, ValueRange carried) {
    Value best = carried[0], bestIds = carried[1], bits = carried[2], ids = carried[3];
    Value better = existing(e, columns, e.less(best, x));
    Value unsignedBits = arith::AndIOp::create(b, loc, e.bitcast(intType, x), magnitude);
    return SmallVector<Value>{e.select(better, x, best), e.select(better, ids, bestIds), larger(bits, unsignedBits),
                              e.add(ids, e.lanes())};
  });
  top = e.reduceMax(result[0]);
  // Of the lanes that share the largest logit, the lowest id.
  Value shares = e.equal(result[0], e.broadcast(top));
  Value id = e.reduce(e.select(shares, result[1], magnitude),
                      [&](Value x, Value y) -> Value { return arith::MinSIOp::create(b, loc, x, y); });
  topId = arith::ExtSIOp::create(b, loc, b.getI64Type(), id);
  constexpr int32_t infinityBits = 0x7F800000;
  finite = e.less(e.reduce(result[2], larger), e.integer(b.getI32Type(), infinityBits));
  Value unmasked = e.less(e.f32(std::numeric_limits<float>::lowest()), top);
  usable = arith::AndIOp::create(b, loc, finite, unmasked);
}

Value LogitsRow::largest() {
  Value lowest = e.splat(-std::numeric_limits<double>::infinity());
  return e.reduceMax(scan({lowest}, [&](Columns columns, Value x, ValueRange carried) {
    return SmallVector<Value>{e.keep(columns, e.max(x, carried[0]), carried[0])};
  })[0]);
}

SmallVector<Value> LogitsRow::forBlocks(ValueRange init,
                                        llvm::function_ref<SmallVector<Value>(Value, LogitsRow, ValueRange)> body) {
  constexpr int64_t width = decode::SummarizeBlocksOp::blockTokens;
  SmallVector<Value> carried = e.forLoop(e.i64(0), e.i64(count / width), 1, init, [&](Value block, ValueRange values) {
    return body(block, LogitsRow(e, e.element(e.f32Type(), row, e.mul(block, width)), width), values);
  });
  if (count % width == 0)
    return carried;
  Value block = e.i64(count / width);
  return body(block, LogitsRow(e, e.element(e.f32Type(), row, e.mul(block, width)), count % width), carried);
}

std::pair<Value, Value> plait::splitPair(CpuKernelEmitter &e, Value value) {
  OpBuilder &b = e.builder();
  Value high = arith::TruncFOp::create(b, e.loc(), e.f32Type(), value);
  Value rest = e.sub(value, arith::ExtFOp::create(b, e.loc(), b.getF64Type(), high));
  return {high, arith::TruncFOp::create(b, e.loc(), e.f32Type(), rest)};
}

Value plait::joinPair(CpuKernelEmitter &e, Value high, Value low) {
  OpBuilder &b = e.builder();
  Value wide = arith::ExtFOp::create(b, e.loc(), b.getF64Type(), high);
  return e.add(wide, arith::ExtFOp::create(b, e.loc(), b.getF64Type(), low));
}

Value plait::addMass(CpuKernelEmitter &e, Value sum, Value mass, Value top, Value newTop) {
  Value weight = e.expOfNegative(e.sub(top, newTop));
  return e.add(sum, e.mul(mass, arith::ExtFOp::create(e.builder(), e.loc(), e.builder().getF64Type(), weight)));
}

Value LogitsRow::sumExp() {
  return forBlocks({e.constant(e.builder().getF64Type(), 0)}, [&](Value, LogitsRow block, ValueRange carried) {
    block.top = block.largest();
    auto [high, low] = splitPair(e, block.sumExpOfBlock());
    return SmallVector<Value>{addMass(e, carried[0], joinPair(e, high, low), block.top, top)};
  })[0];
}

Value LogitsRow::sumExpOfBlock() {
  OpBuilder &b = e.builder();
  // In f64, lest the error grow with the vocabulary, and so that sums are exact: the bits are the same for vectors of
  // any width, and on GPUs.
  VectorType wide = e.vectorType(b.getF64Type());
  Value tops = e.broadcast(top);
  Value magic = e.constant(wide, kernel::ExpSeries::addendMagic);
  Value sum = scan({e.constant(wide, 0)}, [&](Columns columns, Value x, ValueRange carried) {
    Value weight = e.keep(columns, e.expOfNegative(e.sub(x, tops)), e.splat(0));
    Value exact = e.sub(e.add(arith::ExtFOp::create(b, e.loc(), wide, weight), magic), magic);
    return SmallVector<Value>{e.add(carried[0], exact)};
  })[0];
  return e.reduceAdd(sum);
}

Value LogitsRow::logSumExp() { return e.log(arith::TruncFOp::create(e.builder(), e.loc(), e.f32Type(), sumExp())); }

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

void plait::emitChoose(CpuKernelEmitter &e, Value logits, ChosenBuffers results, bool unequalCost,
                       llvm::function_ref<Value(Value, LogitsRow &)> choose) {
  OpBuilder &b = e.builder();
  Type i32 = b.getI32Type();
  CpuCell token(e, b.getI64Type()), status(e, i32), logprob(e, e.f32Type());
  e.forEachTile(e.rowTiles(logits, /*perRow=*/1, /*block=*/1, unequalCost), [&](Value leaf) {
    LogitsRow row(e, logits, leaf);
    row.findTop();
    token.set(e.i64(-1));
    status.set(e.integer(i32, PLAIT_LEAF_NONFINITE));
    logprob.set(e.f32(0));
    e.ifThen(row.usable, [&] {
      Value chosen = choose(leaf, row);
      token.set(chosen);
      status.set(e.integer(i32, PLAIT_LEAF_OK));
      Value belowTop = e.sub(row.at(chosen), row.top);
      logprob.set(e.sub(belowTop, row.logSumExp()));
    });
    e.ifThen(e.equal(status.get(), e.integer(i32, PLAIT_LEAF_NONFINITE)),
             [&] { rt::ReportNonfiniteOp::create(b, e.loc(), e.context(), leaf); });
    Value narrow = arith::TruncIOp::create(b, e.loc(), i32, token.get());
    e.store(narrow, e.pointer(results.tokens), leaf);
    e.store(status.get(), e.pointer(results.status), leaf);
    e.store(logprob.get(), e.pointer(results.logprob), leaf);
  });
}

static LogicalResult emitGreedy(decode::ChooseGreedyOp op, CpuKernelEmitter &e) {
  emitChoose(e, op.getLogits(), {op.getTokens(), op.getStatus(), op.getLogprob()}, /*unequalCost=*/false,
             [&](Value, LogitsRow &row) { return row.topId; });
  return success();
}

static LogicalResult emitMatchStops(decode::MatchStopsOp op, CpuKernelEmitter &e) {
  OpBuilder &b = e.builder();
  Type i32 = b.getI32Type();
  auto stopsType = cast<RankedTensorType>(op.getStops().getType());
  Value width = stopsType.isDynamicDim(1) ? e.dim(PLAIT_DIM_STOPS) : e.i64(stopsType.getDimSize(1));
  e.forEachTile(e.rowTiles(op.getTokens()), [&](Value leaf) {
    Value token = e.load(i32, e.pointer(op.getTokens()), leaf);
    Value stops = e.element(i32, e.pointer(op.getStops()), e.mul(leaf, width));
    // There is nearly always one stop id, or a few.
    Value matched = e.forLoop(e.i64(0), width, 1, {e.integer(b.getI1Type(), 0)}, [&](Value i, ValueRange carried) {
      Value same = e.equal(e.load(i32, stops, i), token);
      return SmallVector<Value>{arith::OrIOp::create(b, e.loc(), carried[0], same)};
    })[0];
    Value status = e.load(i32, e.pointer(op.getStatus()), leaf);
    Value chosen = e.equal(status, e.integer(i32, PLAIT_LEAF_OK));
    Value stopped = arith::AndIOp::create(b, e.loc(), matched, chosen);
    e.store(e.select(stopped, e.integer(i32, PLAIT_LEAF_STOPPED), status), e.pointer(op.getResult()), leaf);
  });
  return success();
}

void plait::registerChooseCpuKernels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, decode::DecodeDialect *) {
    attachCpuKernel<decode::ChooseGreedyOp, emitGreedy>(context);
    attachCpuKernel<decode::MatchStopsOp, emitMatchStops>(context);
  });
}
