//===- ByteProduct.cpp - Products of integers with bytes of many rows ------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Many rows wait for multiplications, and bytes are multiplied twice as fast as pairs
// of 16 bits. So a block of rows is rounded before the tile loop; its integers are then
// in memory as those of lm.quantize are, but in bytes. A few rows wait for weights and
// stay as they are: which is why that is for programs whose numerics is `fast`.
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/Product.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace plait;

ByteProduct::ByteProduct(CpuKernelEmitter &e, Value input, Value weight, Value bias, Value result)
    : IntegerProduct(e, input, weight, bias, result) {
  constexpr int64_t blockBytes = 512 << 10, atOnce = 12; // half of an L2 cache, and what registers hold
  int64_t groups = element.getGroups(layout.cols), integers = int64_t(llvm::alignTo(layout.cols, 16));
  bytes = {{}, 8, int64_t(llvm::alignTo(integers + 8 * groups, 64)), integers, integers + 4 * groups};
  mostRows = std::max<int64_t>(1, blockBytes / bytes.bytes / atOnce) * atOnce;
  bytes.pointer = e.scratch(e.builder().getI8Type(), mostRows * bytes.bytes);
}

void ByteProduct::run() {
  beginSums();
  assert(!hasLeaves());
  Value isMany = e.less(e.i64(fewRows), count);
  Value blocks = e.div(e.add(count, mostRows - 1), e.i64(mostRows));
  e.forLoop(e.i64(0), e.select(isMany, blocks, e.i64(1)), 1, [&](Value block) {
    Value first = e.mul(block, mostRows), end = e.minimum(e.add(first, mostRows), count);
    e.ifThen(isMany, [&] { round(first, end); });
    forEachPanels([&](Value firstPanel, Value lastPanel, int64_t most) {
      auto emitMany = [&] {
        bytes.first = first;
        std::swap(rows, bytes);
        emitRows(first, end, firstPanel, lastPanel, most);
        std::swap(rows, bytes);
      };
      e.ifElse(isMany, emitMany, [&] { emitRows(firstPanel, lastPanel, most); });
    });
  });
}

/// Rows first .. end - 1 of the input, to `bytes`.
void ByteProduct::round(Value first, Value end) {
  int64_t group = element.getGroup(), whole = layout.cols / group;
  e.forLoop(first, end, 1, [&](Value row) {
    bytes.first = first;
    e.forLoop(e.i64(0), e.i64(whole), 1, [&](Value i) { roundGroup(row, i, group); });
    if (int64_t left = layout.cols % group)
      roundGroup(row, e.i64(whole), left);
  });
}

/// 127 / 32767 of the integers, to the nearest one.
void ByteProduct::roundGroup(Value row, Value group, int64_t columns) {
  constexpr int64_t atOnce = 16; // what rows are padded to
  OpBuilder &b = e.builder();
  auto halves = VectorType::get({atOnce}, b.getI16Type()), words = VectorType::get({atOnce}, b.getI32Type());
  auto narrow = VectorType::get({atOnce}, b.getI8Type());
  Value from = e.element(b.getI8Type(), rows.pointer, e.mul(row, rows.bytes));
  Value to = e.element(b.getI8Type(), bytes.pointer, e.mul(e.sub(row, bytes.first), bytes.bytes));
  Value sums = e.integer(words, 0);
  for (int64_t c = 0; c < columns; c += atOnce) {
    Value column = e.add(e.mul(group, element.getGroup()), c);
    Value x = arith::ExtSIOp::create(b, e.loc(), words, e.load(halves, from, column));
    Value scaled = e.add(e.mul(x, e.integer(words, 127)), e.integer(words, 1 << 14));
    Value rounded = arith::ShRSIOp::create(b, e.loc(), scaled, e.integer(words, 15));
    sums = e.add(sums, rounded);
    Value integers = arith::TruncIOp::create(b, e.loc(), narrow, rounded);
    e.store(Value(vector::ShuffleOp::create(b, e.loc(), integers, integers, byteOrder(atOnce))), to, column);
  }
  Value sum = vector::ReductionOp::create(b, e.loc(), vector::CombiningKind::ADD, sums);
  Value scale = e.load(e.f32Type(), from, e.add(group, rows.scalesOffset / 4));
  e.store(e.mul(scale, e.f32(32768.0 / 127)), to, e.add(group, bytes.scalesOffset / 4));
  e.store(sum, to, e.add(group, bytes.sumsOffset / 4));
}
