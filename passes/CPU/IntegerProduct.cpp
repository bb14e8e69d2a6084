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
      element(cast<lm::Int16Type>(cast<RankedTensorType>(input.getType()).getElementType())),
      rows{this->input, 16, element.getRowBytes(layout.cols), element.getScalesOffset(layout.cols),
           element.getSumsOffset(layout.cols)} {}

std::pair<Value, Value> IntegerProduct::groupWords(Value group) {
  bool wholeRows = layout.quantization->group == 0 || layout.groups() == 1;
  Value header = wholeRows ? e.i64(0) : groupOffset(group), words = e.add(header, headerWords());
  if (wholeRows)
    words = e.add(words, e.mul(group, element.getGroup() / layout.wordColumns * layout.panel));
  return {header, words};
}

int64_t IntegerProduct::offset() const {
  if (layout.quantization->bits == 4)
    return layout.quantization->zeroPoints ? 0 : 8;
  return rows.bits == 8 ? 128 : 0;
}

SmallVector<Value> IntegerProduct::emitGroup(const Block &block, Value group, int64_t columns, ValueRange totals) {
  OpBuilder &b = e.builder();
  VectorType i32 = e.vectorType(b.getI32Type());
  auto [header, words] = groupWords(group);

  // What integers of the weight are too large by, the sum of the row's integers takes away.
  SmallVector<Value> sums, rowSums;
  bool zeroPoints = layout.quantization->zeroPoints;
  for (int64_t r = 0; r < block.rows; ++r) {
    rowSums.push_back(loadOne(b.getI32Type(), e.add(block.row, r), rows.sumsOffset, group));
    Value init = e.integer(i32, 0);
    if (int64_t tooMuch = offset())
      init = e.broadcast(e.mul(rowSums[r], e.integer(b.getI32Type(), -tooMuch)));
    sums.append(block.columns(), init);
  }
  // A sum waits for its last multiplication, so a single row has two of each, which are
  // added up in the end (exactly; measured: 1 to 4 % of a step of 4 bits).
  size_t size = sums.size();
  if (block.rows == 1 && layout.quantization->bits == 4)
    sums.append(size, e.integer(i32, 0));
  int64_t count = llvm::divideCeil(columns, layout.wordColumns);
  Value inputs = e.mul(group, element.getGroup() * rows.bits / 32);
  sums = e.forLoop(
      e.i64(0), e.i64(count), 1, sums,
      [&, words = words](Value word, ValueRange carried) { return addWord(block, words, inputs, word, carried); },
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
      Value scale = loadOne(e.f32Type(), e.add(block.row, r), rows.scalesOffset, group);
      next[i] = e.fma(arith::SIToFPOp::create(b, e.loc(), e.f32VectorType(), sum), e.mul(scales, e.broadcast(scale)),
                      totals[i]);
    }
  }
  return next;
}

Value IntegerProduct::wordOf(Value row) { return e.mul(rows.first ? e.sub(row, rows.first) : row, rows.bytes / 4); }

SmallVector<Value> IntegerProduct::addWord(const Block &block, Value words, Value inputs, Value word, ValueRange sums) {
  OpBuilder &b = e.builder();
  SmallVector<Value> next(sums), loaded;
  Value at = e.add(words, e.mul(word, layout.panel));
  // One row reads bytes as fast as they come; more of them leave the memory idle meanwhile.
  if (layout.quantization->bits == 4 || block.rows > 2)
    prefetch(block, at, 2048);
  for (int64_t c = 0; c < block.columns(); ++c)
    loaded.push_back(e.load(e.vectorType(b.getI32Type()), weights, wordOffset(block, c, at)));
  int64_t perWord = layout.wordColumns * rows.bits / 32, size = block.rows * block.columns();
  for (int64_t i = 0; i < perWord; ++i) {
    SmallVector<Value> w;
    for (Value vector : loaded)
      w.push_back(unpack(vector, i));
    Value own = e.add(e.add(inputs, e.mul(word, perWord)), i);
    for (int64_t r = 0; r < block.rows; ++r) {
      Value offset = e.add(wordOf(e.add(block.row, r)), own);
      Value x = e.broadcast(e.load(b.getI32Type(), rows.pointer, offset));
      for (int64_t c = 0; c < block.columns(); ++c) {
        int64_t chain = i % (int64_t(next.size()) / size);
        Value &sum = next[size_t(chain * size + r * block.columns() + c)];
        sum = rows.bits == 8 ? addBytes(sum, w[c], x) : addPairs(sum, w[c], x);
      }
    }
  }
  return next;
}

Value IntegerProduct::unpack(Value words, int64_t i) {
  OpBuilder &b = e.builder();
  Value parts = rows.bits == 8 ? words : inParts(words, 16);
  auto bits = [&](int64_t count) { return e.integer(parts.getType(), count); };
  if (layout.quantization->bits == 8) {
    if (rows.bits == 8)
      return arith::XOrIOp::create(b, e.loc(), parts, bits(int32_t(0x80808080)));
    Value low = i == 0 ? Value(arith::ShLIOp::create(b, e.loc(), parts, bits(8))) : parts;
    return arith::ShRSIOp::create(b, e.loc(), low, bits(8));
  }
  Value low = i ? Value(arith::ShRUIOp::create(b, e.loc(), parts, bits(4 * i))) : parts;
  if (rows.bits == 8)
    return arith::AndIOp::create(b, e.loc(), low, bits(0x0F0F0F0F));
  return i == 3 ? low : Value(arith::AndIOp::create(b, e.loc(), low, bits(15)));
}

Value IntegerProduct::inParts(Value words, int64_t bits) {
  OpBuilder &b = e.builder();
  auto type = VectorType::get({e.lanes() * 32 / bits}, b.getIntegerType(unsigned(bits)));
  return LLVM::BitcastOp::create(b, e.loc(), type, words);
}

Value IntegerProduct::addPairs(Value sum, Value w, Value x) {
  StringRef name = e.lanes() == 16  ? "llvm.x86.avx512.pmaddw.d.512"
                   : e.lanes() == 8 ? "llvm.x86.avx2.pmadd.wd"
                                    : "llvm.x86.sse2.pmadd.wd";
  OpBuilder &b = e.builder();
  auto products =
      LLVM::CallIntrinsicOp::create(b, e.loc(), sum.getType(), b.getStringAttr(name), ValueRange{w, inParts(x, 16)});
  return e.add(sum, products.getResult(0));
}

/// VPDPBUSD, or two products of pairs: the same integers. (Source: Intel 64 and IA-32 Architectures Software
/// Developer's Manual, volume 2.)
Value IntegerProduct::addBytes(Value sum, Value w, Value x) {
  OpBuilder &b = e.builder();
  if (e.target().bytes == ByteUnit::vnni)
    return LLVM::CallIntrinsicOp::create(b, e.loc(), sum.getType(), b.getStringAttr("llvm.x86.avx512.vpdpbusd.512"),
                                         ValueRange{sum, inParts(w, 8), inParts(x, 8)})
        .getResult(0);
  Value unsignedPairs = inParts(w, 16), signedPairs = inParts(x, 16);
  Value eight = e.integer(unsignedPairs.getType(), 8), low = e.integer(unsignedPairs.getType(), 255);
  Value shifted = arith::ShLIOp::create(b, e.loc(), signedPairs, eight);
  Value even = arith::ShRSIOp::create(b, e.loc(), shifted, eight);
  Value odd = arith::ShRSIOp::create(b, e.loc(), signedPairs, eight);
  sum = addPairs(sum, arith::AndIOp::create(b, e.loc(), unsignedPairs, low), even);
  return addPairs(sum, arith::ShRUIOp::create(b, e.loc(), unsignedPairs, eight), odd);
}

Value IntegerProduct::loadOne(Type type, Value row, int64_t byteOffset, Value group) {
  Value offset = e.add(wordOf(row), group);
  return e.load(type, rows.pointer, e.add(offset, byteOffset / 4));
}

SmallVector<int64_t> IntegerProduct::byteOrder(int64_t count) const {
  SmallVector<int64_t> order;
  int64_t distance = element.getDistance(), run = 2 * distance;
  auto place = [&](int64_t column) { return column % distance * 2 + column / distance; };
  for (int64_t first = 0; first < count; first += run)
    for (int64_t i = 0; i < run; ++i)
      order.push_back(first + place(distance == 2 ? i : i % 4 * 2 + i / 4));
  return order;
}
