//===- BF16Product.cpp - Few rows of bf16 by bf16 -------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tiles read weights from memory at three quarters of the speed of vectors, and a few
// rows wait for nothing else. What TDPBF16PS does is two chains of 16 multiply-adds
// and two additions, so vectors do the same with a sixteenth more of additions.
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/Product.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace plait;

static constexpr int64_t kStepWords = 16; ///< pairs of columns of a tile

BF16Product::BF16Product(CpuKernelEmitter &e, Value input, Value weight, Value bias, Value result)
    : ProductEmitter(e, input, weight, bias, result),
      rowWords(cast<RankedTensorType>(input.getType()).getDimSize(1) / 2) {
  OpBuilder &b = e.builder();
  Type word = b.getI32Type();
  control = e.scratch(word, 2);
  LLVM::CallIntrinsicOp::create(b, e.loc(), b.getStringAttr("llvm.x86.sse.stmxcsr"), control);
  // Flush to zero, denormals are zeros: bits 15 and 6.
  Value flushed = arith::OrIOp::create(b, e.loc(), e.load(word, control, e.i64(0)), e.integer(word, 0x8040));
  e.store(flushed, control, e.i64(1));
}

SmallVector<Value> BF16Product::emitColumns(const Block &block, Value first, int64_t columns, ValueRange sums) {
  auto setControl = [&](int64_t which) {
    Value address = e.element(e.builder().getI32Type(), control, e.i64(which));
    LLVM::CallIntrinsicOp::create(e.builder(), e.loc(), e.builder().getStringAttr("llvm.x86.sse.ldmxcsr"), address);
  };
  setControl(1);
  int64_t words = int64_t(llvm::divideCeil(columns, 2)), whole = words - words % kStepWords;
  SmallVector<Value> next = e.forLoop(e.i64(0), e.i64(whole), kStepWords, sums, [&](Value word, ValueRange carried) {
    return addStep(block, word, kStepWords, carried);
  });
  if (whole < words)
    next = addStep(block, e.i64(whole), words - whole, next);
  setControl(0);
  return next;
}

SmallVector<Value> BF16Product::addStep(const Block &block, Value first, int64_t words, ValueRange sums) {
  OpBuilder &b = e.builder();
  VectorType wordType = e.vectorType(b.getI32Type());
  auto even = [&](Value pairs) {
    return e.bitcast(e.f32VectorType(), arith::ShLIOp::create(b, e.loc(), pairs, e.integer(wordType, 16)));
  };
  auto odd = [&](Value pairs) {
    Value mask = e.integer(wordType, int32_t(0xFFFF0000));
    return e.bitcast(e.f32VectorType(), arith::AndIOp::create(b, e.loc(), pairs, mask));
  };
  // The even chain of each sum, then the odd ones.
  int64_t columns = block.columns(), size = block.rows * columns;
  SmallVector<Value> chains(size_t(2 * size), e.splat(0));
  chains = e.forLoop(e.i64(0), e.i64(words), 1, chains, [&](Value i, ValueRange carried) {
    SmallVector<Value> next(carried), evenWeights, oddWeights;
    Value word = e.add(first, i), at = e.mul(word, layout.panel);
    prefetch(block, at, 1024);
    for (int64_t c = 0; c < columns; ++c) {
      Value pairs = e.load(wordType, weights, wordOffset(block, c, at));
      evenWeights.push_back(even(pairs));
      oddWeights.push_back(odd(pairs));
    }
    for (int64_t r = 0; r < block.rows; ++r) {
      Value offset = e.add(e.mul(e.add(block.row, r), rowWords), word);
      Value x = e.broadcast(e.load(b.getI32Type(), input, offset)), xEven = even(x), xOdd = odd(x);
      for (int64_t c = 0; c < columns; ++c) {
        int64_t at = r * columns + c;
        next[at] = e.fma(xEven, evenWeights[c], next[at]);
        next[size + at] = e.fma(xOdd, oddWeights[c], next[size + at]);
      }
    }
    return next;
  });
  SmallVector<Value> next;
  for (int64_t i = 0; i < size; ++i)
    next.push_back(e.add(sums[i], e.add(chains[i], chains[size + i])));
  return next;
}
