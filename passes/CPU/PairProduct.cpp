//===- PairProduct.cpp - Products of bf16 with bf16 in vectors ------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// lm.linear and lm.head of bf16 by bf16 where there are no tiles: VDPBF16PS adds the
// products of a pair of columns to each of 16 sums. Weights lie in such pairs, and so
// does a row of the input, a word of which goes to all lanes.
//
// Numerics: see lm.linear. One chain per sum, over the pairs in order, for every number
// of rows.
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/Product.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace plait;

namespace {

class PairProduct : public ProductEmitter {
public:
  PairProduct(CpuKernelEmitter &e, Value input, Value weight, Value bias, Value result)
      : ProductEmitter(e, input, weight, bias, result),
        rowWords(cast<RankedTensorType>(input.getType()).getDimSize(1) / 2) {}

private:
  SmallVector<Value> emitColumns(const Block &block, Value first, int64_t columns, ValueRange sums) override {
    VectorType wordType = e.vectorType(e.builder().getI32Type());
    Value firstWord = e.div(first, e.i64(2));
    int64_t words = int64_t(llvm::divideCeil(columns, 2));
    return e.forLoop(e.i64(0), e.i64(words), 1, sums, [&](Value i, ValueRange carried) {
      SmallVector<Value> next(carried), pairs;
      Value word = e.add(firstWord, i), at = e.mul(word, layout.panel);
      prefetch(block, at, 1024);
      for (int64_t c = 0; c < block.columns(); ++c)
        pairs.push_back(e.load(wordType, weights, wordOffset(block, c, at)));
      for (int64_t r = 0; r < block.rows; ++r) {
        Value offset = e.add(e.mul(e.add(block.row, r), rowWords), word);
        Value x = e.broadcast(e.load(e.builder().getI32Type(), input, offset));
        for (int64_t c = 0; c < block.columns(); ++c) {
          Value &sum = next[r * block.columns() + c];
          sum = multiplyAdd(x, pairs[c], sum);
        }
      }
      return next;
    });
  }
  SmallVector<Value> emitGroup(const Block &, Value, int64_t, ValueRange) override {
    llvm_unreachable("bf16 has no groups");
  }

  /// VDPBF16PS: the upper of each pair first, then the lower one. (Source: Intel 64 and IA-32
  /// Architectures Software Developer's Manual, volume 2.)
  Value multiplyAdd(Value x, Value w, Value sum) {
    if (e.target().pairs == PairUnit::avx512) {
      OpBuilder &b = e.builder();
      VectorType pairs = VectorType::get({2 * e.lanes()}, b.getBF16Type());
      Value a = LLVM::BitcastOp::create(b, e.loc(), pairs, x), c = LLVM::BitcastOp::create(b, e.loc(), pairs, w);
      return LLVM::CallIntrinsicOp::create(b, e.loc(), sum.getType(),
                                           b.getStringAttr("llvm.x86.avx512bf16.dpbf16ps.512"), {sum, a, c})
          .getResult(0);
    }
    Value flushed = e.flushSubnormals(e.fma(upper(x), upper(w), e.flushSubnormals(sum)));
    return e.flushSubnormals(e.fma(lower(x), lower(w), flushed));
  }
  Value upper(Value pairs) {
    Value mask = e.integer(pairs.getType(), int32_t(0xFFFF0000));
    return asFloats(arith::AndIOp::create(e.builder(), e.loc(), pairs, mask));
  }
  Value lower(Value pairs) {
    return asFloats(arith::ShLIOp::create(e.builder(), e.loc(), pairs, e.integer(pairs.getType(), 16)));
  }
  Value asFloats(Value words) { return e.flushSubnormals(e.bitcast(e.f32VectorType(), words)); }

  int64_t rowWords; ///< pairs of a row of the input, with padding
};

} // namespace

LogicalResult plait::emitPairProduct(Operation *op, CpuKernelEmitter &e, Value input, Value weight, Value bias) {
  kernel::PackedType packed = e.packedType(weight);
  if (!packed.getStorageType().isBF16() || packed.getPanel() != 32 || packed.getGroup() != 2)
    return op->emitOpError("expected a weight of bf16 in panels of 32 rows and groups of 2 but got ") << packed;
  int64_t columns = cast<RankedTensorType>(input.getType()).getDimSize(1);
  int64_t least = int64_t(llvm::alignTo(packed.getWeight().getCols(), 2));
  if (columns % 2 || columns < least)
    return op->emitOpError("expected an input with an even number of at least ")
           << least << " columns but got " << columns;
  PairProduct(e, input, weight, bias, op->getResult(0)).run();
  return success();
}
