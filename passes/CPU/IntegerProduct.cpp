//===- IntegerProduct.cpp - Products of integers --------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/Product.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace plait;

IntegerProduct::IntegerProduct(CpuKernelEmitter &e, Value input, Value weight, Value bias, Value result)
    : ProductEmitter(e, input, weight, bias, result),
      element(cast<lm::Int16Type>(cast<RankedTensorType>(input.getType()).getElementType())) {}

std::pair<Value, Value> IntegerProduct::groupWords(Value group) {
  bool wholeRows = layout.quantization->group == 0 || layout.groups() == 1;
  Value header = wholeRows ? e.i64(0) : groupOffset(group), words = e.add(header, headerWords());
  if (wholeRows)
    words = e.add(words, e.mul(group, element.getGroup() / layout.wordColumns * layout.panel));
  return {header, words};
}

SmallVector<Value> IntegerProduct::emitGroup(const Block &block, Value group, int64_t columns, ValueRange totals) {
  OpBuilder &b = e.builder();
  VectorType i32 = e.vectorType(b.getI32Type());
  auto [header, words] = groupWords(group);

  // Four bits are stored with an offset of 8, which the sum of the row's integers takes away.
  SmallVector<Value> sums, rowSums;
  bool zeroPoints = layout.quantization->zeroPoints;
  for (int64_t r = 0; r < block.rows; ++r) {
    rowSums.push_back(loadOne(b.getI32Type(), e.add(block.row, r), element.getSumsOffset(layout.cols), group));
    Value init = e.integer(i32, 0);
    if (layout.quantization->bits == 4 && !zeroPoints)
      init = e.broadcast(e.mul(rowSums[r], e.integer(b.getI32Type(), -8)));
    sums.append(block.columns(), init);
  }
  // A sum waits for its last multiplication, so a single row has two of each, which are
  // added up in the end (exactly; measured: 1 to 4 % of a step of 4 bits).
  size_t size = sums.size();
  if (block.rows == 1 && layout.quantization->bits == 4)
    sums.append(size, e.integer(i32, 0));
  int64_t count = llvm::divideCeil(columns, layout.wordColumns);
  Value pairs = e.mul(group, element.getGroup() / 2);
  sums = e.forLoop(
      e.i64(0), e.i64(count), 1, sums,
      [&, words = words](Value word, ValueRange carried) { return addWord(block, words, pairs, word, carried); },
      /*unroll=*/2);
  for (size_t i = size; i < sums.size(); ++i)
    sums[i % size] = e.add(sums[i % size], sums[i]);

  SmallVector<Value> next(totals);
  for (int64_t c = 0; c < block.columns(); ++c) {
    Value scales = loadScales(block, c, header), zeros = zeroPoints ? loadZeros(block, c, header) : Value();
    for (int64_t r = 0; r < block.rows; ++r) {
      int64_t i = r * block.columns() + c;
      Value sum = sums[i];
      if (zeroPoints)
        sum = e.sub(sum, e.mul(zeros, e.broadcast(rowSums[r])));
      Value scale = loadOne(e.f32Type(), e.add(block.row, r), element.getScalesOffset(layout.cols), group);
      next[i] = e.fma(arith::SIToFPOp::create(b, e.loc(), e.f32VectorType(), sum), e.mul(scales, e.broadcast(scale)),
                      totals[i]);
    }
  }
  return next;
}

SmallVector<Value> IntegerProduct::addWord(const Block &block, Value words, Value pairs, Value word, ValueRange sums) {
  OpBuilder &b = e.builder();
  VectorType halves = VectorType::get({2 * e.lanes()}, b.getI16Type());
  SmallVector<Value> next(sums), loaded;
  Value at = e.add(words, e.mul(word, layout.panel));
  // One row reads bytes as fast as they come; more of them leave the memory idle meanwhile.
  if (layout.quantization->bits == 4 || block.rows > 2)
    prefetch(block, at, 2048);
  for (int64_t c = 0; c < block.columns(); ++c) {
    Value vector = e.load(e.vectorType(b.getI32Type()), weights, wordOffset(block, c, at));
    loaded.push_back(LLVM::BitcastOp::create(b, e.loc(), halves, vector));
  }
  int64_t distance = layout.wordColumns / 2, rowPairs = element.getRowBytes(layout.cols) / 4;
  for (int64_t i = 0; i < distance; ++i) {
    SmallVector<Value> w;
    for (Value vector : loaded)
      w.push_back(unpack(vector, i));
    Value pair = e.add(e.add(pairs, e.mul(word, distance)), i);
    for (int64_t r = 0; r < block.rows; ++r) {
      Value offset = e.add(e.mul(e.add(block.row, r), rowPairs), pair);
      Value x = LLVM::BitcastOp::create(b, e.loc(), halves, e.broadcast(e.load(b.getI32Type(), input, offset)));
      for (int64_t c = 0; c < block.columns(); ++c) {
        size_t chain = size_t(i) % (next.size() / size_t(block.rows * block.columns()));
        Value &sum = next[chain * size_t(block.rows * block.columns()) + size_t(r * block.columns() + c)];
        sum = e.add(sum, multiplyAdd(w[c], x));
      }
    }
  }
  return next;
}

Value IntegerProduct::unpack(Value halves, int64_t i) {
  OpBuilder &b = e.builder();
  Type type = halves.getType();
  auto bits = [&](int64_t count) { return e.integer(type, count); };
  if (layout.quantization->bits == 8) {
    Value low = i == 0 ? Value(arith::ShLIOp::create(b, e.loc(), halves, bits(8))) : halves;
    return arith::ShRSIOp::create(b, e.loc(), low, bits(8));
  }
  Value low = i ? Value(arith::ShRUIOp::create(b, e.loc(), halves, bits(4 * i))) : halves;
  return i == 3 ? low : Value(arith::AndIOp::create(b, e.loc(), low, bits(15)));
}

Value IntegerProduct::multiplyAdd(Value x, Value y) {
  OpBuilder &b = e.builder();
  StringRef name = e.lanes() == 16  ? "llvm.x86.avx512.pmaddw.d.512"
                   : e.lanes() == 8 ? "llvm.x86.avx2.pmadd.wd"
                                    : "llvm.x86.sse2.pmadd.wd";
  return LLVM::CallIntrinsicOp::create(b, e.loc(), e.vectorType(b.getI32Type()), b.getStringAttr(name),
                                       ValueRange{x, y})
      .getResult(0);
}

Value IntegerProduct::loadOne(Type type, Value row, int64_t byteOffset, Value group) {
  Value offset = e.add(e.mul(row, element.getRowBytes(layout.cols) / 4), group);
  return e.load(type, input, e.add(offset, byteOffset / 4));
}
