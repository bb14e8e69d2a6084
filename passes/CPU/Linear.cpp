//===- Linear.cpp - Products with packed weights --------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// lm.linear and lm.head over weights in panels. A tile is a few panels and all
// rows of the input. Rows are taken in blocks whose accumulators stay in
// registers over the whole of K; the last rows in blocks of 4, 2 and 1.
//
// Numerics: every output element is one chain of fused multiply-adds over k =
// 0, 1, ..., K-1 from zero, then plus the bias. The chain is the same in a block
// of any size, so a row's bits do not depend on the number of rows.
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/CpuKernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace plait;

namespace {

class ProductEmitter {
public:
  /// Emits all products of the part that begins with `op`: of one input and with
  /// weights of one layout.
  ProductEmitter(CpuKernelEmitter &e, Operation *op)
      : e(e), packed(e.packedType(op->getOperand(1))), rows(packed.getWeight().getRows()),
        cols(packed.getWeight().getCols()), vectors(packed.getPanel() / e.lanes()), input(e.pointer(op->getOperand(0))),
        count(e.rows(op->getOperand(0))) {
    for (Operation *other : e.part())
      if (other->hasTrait<lm::WeightProduct>())
        products.push_back({e.pointer(other->getOperand(1)),
                            other->getNumOperands() > 2 ? e.pointer(other->getOperand(2)) : Value(),
                            other->getResult(0)});
    panels = llvm::divideCeil(rows, packed.getPanel());
    groups = llvm::divideCeil(cols, packed.getGroup());
  }

  LogicalResult run(Operation *op) {
    Type storage = packed.getStorageType();
    bool known = (storage.isF32() && packed.getGroup() == 1) || (storage.isBF16() && packed.getGroup() == 2);
    if (!known || packed.getPanel() <= 0 || packed.getPanel() % e.lanes())
      return op->emitOpError("expected a weight in panels of a multiple of ")
             << e.lanes() << " rows, f32 in groups of 1 or bf16 in groups of 2, but got " << packed;
    // Tiles of four panels keep four streams of weights in flight when there is
    // one row; a small matrix is divided more finely, for the threads' sake.
    int64_t perTile = panels >= 16 ? 4 : panels >= 8 ? 2 : 1;
    e.forEachTile({.count = int64_t(llvm::divideCeil(panels, perTile))}, [&](Value tile) {
      Value first = e.mul(tile, perTile);
      Value last = e.minimum(e.add(first, perTile), e.i64(panels));
      emitRows(first, last, perTile);
    });
    return success();
  }

private:
  struct Product {
    Value weights, bias, result; ///< `bias` may be null
  };

  /// Rows per block such that accumulators, weights and one input fit the
  /// registers: 16 vector registers, 32 with AVX-512.
  int64_t blockRows() const { return e.lanes() == 16 ? 12 : e.target().fma ? 6 : 4; }

  void emitRows(Value firstPanel, Value lastPanel, int64_t perTile) {
    int64_t block = blockRows();
    Value left = e.rem(count, e.i64(block));
    Value whole = e.sub(count, left);
    e.forLoop(e.i64(0), whole, block, [&](Value row) { emitPanels(row, block, firstPanel, lastPanel, perTile); });
    // The binary digits of what is left.
    Value row = whole;
    for (int64_t size = llvm::PowerOf2Ceil(block) / 2; size; size /= 2) {
      Value digit = arith::AndIOp::create(e.builder(), e.loc(), left, e.i64(size));
      e.ifThen(e.equal(digit, e.i64(size)), [&] { emitPanels(row, size, firstPanel, lastPanel, perTile); });
      row = e.add(row, digit);
    }
  }

  /// All panels of the tile for `blockRows` rows: as many at once as it takes to
  /// have enough independent accumulators.
  void emitPanels(Value row, int64_t blockRows, Value first, Value last, int64_t perTile) {
    int64_t atOnce = std::min<int64_t>(perTile, std::max<int64_t>(1, 4 / blockRows));
    Value whole = e.sub(last, e.rem(e.sub(last, first), e.i64(atOnce)));
    e.forLoop(first, whole, atOnce, [&](Value panel) { emitBlock(row, blockRows, panel, atOnce); });
    if (atOnce > 1)
      e.forLoop(whole, last, 1, [&](Value panel) { emitBlock(row, blockRows, panel, 1); });
  }

  /// result[row .., panel ..] of all products for `blockRows` rows and `panelCount` panels.
  void emitBlock(Value row, int64_t blockRows, Value panel, int64_t panelCount) {
    SmallVector<SmallVector<Value>> sums;
    for (const Product &product : products)
      sums.push_back(emitSums(product, row, blockRows, panel, panelCount));
    storeSums(sums, row, blockRows, panel, panelCount);
  }

  SmallVector<Value> emitSums(const Product &product, Value row, int64_t blockRows, Value panel, int64_t panelCount) {
    int64_t columns = panelCount * vectors;
    SmallVector<Value> sums(blockRows * columns, e.splat(0));
    Value rowOffset = e.mul(row, cols);
    // Words of f32, or of a pair of bf16: a panel's are consecutive.
    Value panelOffset = e.mul(panel, groups * packed.getPanel());
    auto step = [&](Value group, ValueRange sums, bool lastPairIsHalf) {
      SmallVector<Value> next(sums);
      SmallVector<SmallVector<Value>> w =
          loadWeights(product.weights, e.add(panelOffset, e.mul(group, packed.getPanel())), panelCount);
      int64_t depth = lastPairIsHalf ? 1 : packed.getGroup();
      for (int64_t d = 0; d < depth; ++d)
        for (int64_t r = 0; r < blockRows; ++r) {
          Value k = e.add(e.mul(group, packed.getGroup()), d);
          Value x = e.broadcast(e.load(e.f32Type(), input, e.add(e.add(rowOffset, r * cols), k)));
          for (int64_t c = 0; c < columns; ++c)
            next[r * columns + c] = e.fma(x, w[d][c], next[r * columns + c]);
        }
      return next;
    };
    int64_t wholeGroups = cols / packed.getGroup();
    sums = e.forLoop(e.i64(0), e.i64(wholeGroups), 1, sums,
                     [&](Value group, ValueRange carried) { return step(group, carried, false); });
    if (wholeGroups != groups)
      sums = step(e.i64(wholeGroups), sums, true);
    return sums;
  }

  /// The vectors of one group of columns, by depth within the group.
  SmallVector<SmallVector<Value>> loadWeights(Value weights, Value offset, int64_t panelCount) {
    SmallVector<SmallVector<Value>> result(packed.getGroup());
    bool bf16 = packed.getStorageType().isBF16();
    for (int64_t p = 0; p < panelCount; ++p)
      for (int64_t v = 0; v < vectors; ++v) {
        Value at = e.add(offset, p * groups * packed.getPanel() + v * e.lanes());
        if (!bf16) {
          result[0].push_back(e.load(e.f32VectorType(), weights, at));
          continue;
        }
        // One word holds columns 2g (low half) and 2g+1 (high half) of a row.
        VectorType words = e.vectorType(e.builder().getI32Type());
        Value pair = e.load(words, weights, at);
        Value low = arith::ShLIOp::create(e.builder(), e.loc(), pair, e.integer(words, 16));
        Value high = arith::AndIOp::create(e.builder(), e.loc(), pair, e.integer(words, int32_t(0xFFFF0000)));
        result[0].push_back(e.bitcast(e.f32VectorType(), low));
        result[1].push_back(e.bitcast(e.f32VectorType(), high));
      }
    return result;
  }

  void storeSums(ArrayRef<SmallVector<Value>> sums, Value row, int64_t blockRows, Value panel, int64_t panelCount) {
    int64_t columns = panelCount * vectors;
    Value firstColumn = e.mul(panel, packed.getPanel());
    for (int64_t c = 0; c < columns; ++c) {
      Value column = e.add(firstColumn, c * e.lanes());
      Value mask = rows % packed.getPanel() ? e.lanesBelow(column, e.i64(rows)) : Value();
      SmallVector<Value> added;
      for (const Product &product : products)
        added.push_back(product.bias ? e.load(e.f32Type(), product.bias, column, mask) : Value());
      for (int64_t r = 0; r < blockRows; ++r) {
        SmallVector<std::pair<Value, Value>> results;
        for (auto [product, own, bias] : llvm::zip_equal(products, sums, added)) {
          Value sum = own[r * columns + c];
          results.push_back({product.result, bias ? e.add(sum, bias) : sum});
        }
        e.storeResults(results, e.add(row, r), {column, mask});
      }
    }
  }

  CpuKernelEmitter &e;
  kernel::PackedType packed;
  int64_t rows, cols, vectors, panels = 0, groups = 0;
  Value input, count;
  SmallVector<Product> products;
};

template <typename Op> LogicalResult emitProduct(Op op, CpuKernelEmitter &e) { return ProductEmitter(e, op).run(op); }

} // namespace

void plait::registerLinearCpuKernels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, lm::LmDialect *) {
    attachCpuKernel<lm::LinearOp, emitProduct>(context);
    attachCpuKernel<lm::HeadOp, emitProduct>(context);
  });
}
