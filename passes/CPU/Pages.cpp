//===- Pages.cpp - Elements of pages in CPU kernels -----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/Pages.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <limits>

using namespace plait;

Pages::Path Pages::path(Value token) {
  Value zero = e.i64(0), before = e.loadIndex(pathEnds, e.max(e.add(token, -1), zero));
  Value begin = e.select(e.less(zero, token), before, zero), end = e.loadIndex(pathEnds, token);
  return {end, e.sub(end, begin)};
}

// There need be no entry to read.

Value Pages::last(Path path, Value position) {
  return e.forLoop(e.i64(0), e.minimum(path.count, e.i64(1)), 1, position, [&](Value, ValueRange) {
    return SmallVector<Value>{e.loadIndex(paths, e.sub(path.end, path.count))};
  })[0];
}

Value Pages::slot(Path path, Value position) {
  return e.forLoop(e.i64(0), e.minimum(path.count, e.i64(1)), 1, position, [&](Value, ValueRange) {
    Value last = e.loadIndex(paths, e.sub(path.end, path.count)), entry = entryOf(path, last, position);
    Value isBeside = e.less(e.add(branch(path, last), -1), position);
    Value slot = e.loadIndex(paths, e.max(entry, e.sub(path.end, path.count)));
    return SmallVector<Value>{e.select(isBeside, slot, position)};
  })[0];
}

Value Pages::load(Value page, Value offset) {
  if (!layout.isScaled)
    return e.loadWidened(layout.element, page, offset);
  Value integers = e.load(e.vectorType(layout.element), page, offset);
  Value wide = arith::ExtSIOp::create(e.builder(), e.loc(), e.vectorType(e.builder().getI32Type()), integers);
  return arith::SIToFPOp::create(e.builder(), e.loc(), e.f32VectorType(), wide);
}

void Pages::prefetch(Value pointer, Value offset) { e.prefetch(element(pointer, offset), /*ahead=*/0, /*level=*/2); }

/// bf16 nearest to f32, ties to even; a NaN becomes a quiet one.
static Value roundToBF16(CpuKernelEmitter &e, Value value) {
  OpBuilder &b = e.builder();
  VectorType words = e.vectorType(b.getI32Type());
  Value bits = e.bitcast(words, value);
  Value upper = arith::ShRUIOp::create(b, e.loc(), bits, e.integer(words, 16));
  Value odd = arith::AndIOp::create(b, e.loc(), upper, e.integer(words, 1));
  Value rounded = e.add(e.add(bits, odd), e.integer(words, 0x7fff));
  rounded = arith::ShRUIOp::create(b, e.loc(), rounded, e.integer(words, 16));
  Value quiet = arith::OrIOp::create(b, e.loc(), upper, e.integer(words, 0x40));
  Value isNumber = e.equal(value, value);
  return arith::TruncIOp::create(b, e.loc(), e.vectorType(b.getI16Type()), e.select(isNumber, rounded, quiet));
}

/// The integers nearest to |values| < 2^22, ties to even, as i8.
static Value roundToI8(CpuKernelEmitter &e, Value values) {
  VectorType words = e.vectorType(e.builder().getI32Type());
  // What is added leaves the integer in the low bits.
  Value magic = e.splat(0x1.8p23);
  Value integers = e.sub(e.bitcast(words, e.add(values, magic)), e.bitcast(words, magic));
  return arith::TruncIOp::create(e.builder(), e.loc(), e.vectorType(e.builder().getI8Type()), integers);
}

/// The largest magnitude of `count` f32 from `offset` on; a NaN is larger than all.
static Value largestOf(CpuKernelEmitter &e, Value pointer, Value offset, int64_t count) {
  OpBuilder &b = e.builder();
  // The bits of positive numbers have the order of the numbers.
  auto bitsOf = [&](Value x) { return e.bitcast(cast<VectorType>(x.getType()).clone(b.getI32Type()), x); };
  auto larger = [&](Value x, Value y) { return e.select(e.less(bitsOf(x), bitsOf(y)), y, x); };
  auto step = [&](Columns c, Value most) {
    Value bits = bitsOf(e.load(e.f32Type(), pointer, e.add(offset, c.first), c.mask));
    Value magnitude = arith::AndIOp::create(b, e.loc(), bits, e.integer(bits.getType(), 0x7fffffff));
    return larger(most, e.bitcast(e.f32VectorType(), magnitude));
  };
  return e.reduceColumns(count, 0, step, larger);
}

Pages::Rounding Pages::roundingOf(Value pointer, Value offset) {
  if (!layout.isScaled)
    return {};
  Value most = largestOf(e, pointer, offset, layout.headDim), scale = e.div(most, e.f32(127));
  Value isSmall = e.less(most, e.f32(0x1p-100));
  Value divisor = e.select(isSmall, e.f32(std::numeric_limits<double>::infinity()), scale);
  return {e.select(isSmall, e.f32(0), scale), e.broadcast(divisor)};
}

Value Pages::round(Value values, const Rounding &rounding) {
  if (layout.isScaled)
    return roundToI8(e, e.div(values, rounding.divisor));
  return layout.element.isBF16() ? roundToBF16(e, values) : values;
}
