//===- FloatProduct.cpp - Products in f32 ---------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/Product.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace plait;

SmallVector<Value> FloatProduct::emitColumns(const Block &block, Value first, int64_t columns, ValueRange sums) {
  if (layout.quantization)
    return emitGroups(block, layout.groupColumns(), first, columns, sums);
  Value words = e.mul(e.div(first, e.i64(layout.wordColumns)), layout.panel);
  return addColumns(block, words, first, columns, {}, sums);
}

SmallVector<Value> FloatProduct::emitGroup(const Block &block, Value group, int64_t columns, ValueRange totals) {
  Value header = groupOffset(group);
  SmallVector<Value> zeros;
  if (layout.quantization->zeroPoints)
    for (int64_t c = 0; c < block.columns(); ++c)
      zeros.push_back(loadZeros(block, c, header));
  SmallVector<Value> sums(totals.size(), e.splat(0));
  sums = addColumns(block, e.add(header, headerWords()), e.mul(group, layout.groupColumns()), columns, zeros, sums);
  for (int64_t c = 0; c < block.columns(); ++c) {
    Value scales = loadScales(block, c, header);
    for (int64_t r = 0; r < block.rows; ++r) {
      int64_t i = r * block.columns() + c;
      sums[i] = e.fma(scales, sums[i], totals[i]);
    }
  }
  return sums;
}

SmallVector<Value> FloatProduct::addColumns(const Block &block, Value words, Value firstColumn, int64_t columns,
                                            ArrayRef<Value> zeros, ValueRange sums) {
  VectorType wordType = e.vectorType(e.builder().getI32Type());
  auto addWord = [&](Value word, int64_t depth, ValueRange sums) {
    SmallVector<Value> next(sums), loaded;
    Value at = e.add(words, e.mul(word, layout.panel));
    if (layout.wordColumns > 1)
      prefetch(block, at, 1024);
    for (int64_t c = 0; c < block.columns(); ++c)
      loaded.push_back(e.load(wordType, weights, wordOffset(block, c, at)));
    for (int64_t i = 0; i < depth; ++i) {
      SmallVector<Value> w;
      for (int64_t c = 0; c < block.columns(); ++c)
        w.push_back(unpack(loaded[c], i, zeros.empty() ? Value() : zeros[c]));
      Value column = e.add(firstColumn, e.add(e.mul(word, layout.wordColumns), i));
      for (int64_t r = 0; r < block.rows; ++r) {
        Value offset = e.add(e.mul(e.add(block.row, r), layout.cols), column);
        Value x = e.broadcast(e.load(e.f32Type(), input, offset));
        for (int64_t c = 0; c < block.columns(); ++c)
          next[r * block.columns() + c] = e.fma(x, w[c], next[r * block.columns() + c]);
      }
    }
    return next;
  };
  int64_t whole = columns / layout.wordColumns;
  SmallVector<Value> next = e.forLoop(e.i64(0), e.i64(whole), 1, sums, [&](Value word, ValueRange carried) {
    return addWord(word, layout.wordColumns, carried);
  });
  if (int64_t left = columns % layout.wordColumns)
    next = addWord(e.i64(whole), left, next);
  return next;
}

Value FloatProduct::unpack(Value words, int64_t i, Value zeros) {
  OpBuilder &b = e.builder();
  Location loc = e.loc();
  Type type = words.getType();
  auto shiftLeft = [&](int64_t bits) -> Value {
    return bits ? Value(arith::ShLIOp::create(b, loc, words, e.integer(type, bits))) : words;
  };
  if (!layout.quantization) {
    if (layout.wordColumns == 1)
      return e.bitcast(e.f32VectorType(), words);
    Value high = i == 0 ? shiftLeft(16) : arith::AndIOp::create(b, loc, words, e.integer(type, int32_t(0xFFFF0000)));
    return e.bitcast(e.f32VectorType(), high);
  }
  int64_t bits = layout.quantization->bits, above = 32 - bits * (i + 1);
  Value integers;
  if (zeros) {
    integers = arith::ShRUIOp::create(b, loc, words, e.integer(type, bits * i));
    integers = e.sub(arith::AndIOp::create(b, loc, integers, e.integer(type, 15)), zeros);
  } else {
    // An integer plus 8 with its highest bit inverted is the integer.
    if (bits == 4)
      words = arith::XOrIOp::create(b, loc, words, e.integer(type, int32_t(0x88888888)));
    integers = arith::ShRSIOp::create(b, loc, shiftLeft(above), e.integer(type, 32 - bits));
  }
  return arith::SIToFPOp::create(b, loc, e.f32VectorType(), integers);
}
