//===- Product.cpp - Products with packed weights -------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/Product.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace plait;

//===----------------------------------------------------------------------===//
// Operands and results
//===----------------------------------------------------------------------===//

ProductOperands::ProductOperands(CpuKernelEmitter &e, Value input, Value weight, Value bias, Value result)
    : e(e), packed(e.packedType(weight)), layout(packed.getLayout()), input(e.pointer(input)),
      weights(e.pointer(weight)), count(e.rows(input)) {
  products.push_back({weights, bias ? e.pointer(bias) : Value(), result});
  for (Operation *op : e.part())
    if (op->hasTrait<lm::WeightProduct>() && op->getResult(0) != result) {
      Value other = op->getNumOperands() > 2 ? op->getOperand(2) : Value();
      products.push_back({e.pointer(op->getOperand(1)), other ? e.pointer(other) : Value(), op->getResult(0)});
    }
}

SmallVector<Value> ProductOperands::loadBiases(Columns columns) {
  return llvm::map_to_vector(products, [&](const Product &product) {
    return product.bias ? e.load(e.f32Type(), product.bias, columns.first, columns.mask) : Value();
  });
}

void ProductOperands::storeResults(Value row, Columns columns, ArrayRef<Value> sums, ArrayRef<Value> biases) {
  SmallVector<std::pair<Value, Value>> results;
  for (auto [product, sum, bias] : llvm::zip_equal(products, sums, biases))
    results.push_back({product.result, bias ? e.add(sum, bias) : sum});
  e.storeResults(results, row, columns);
}

void ProductOperands::storePanel(ArrayRef<Value> sums, Value firstRow, Value begin, Value end, Value panel) {
  Value firstColumn = e.mul(panel, layout.panel);
  e.forLoop(begin, end, 1, [&](Value row) {
    for (int64_t c = 0; c < layout.panel; c += e.lanes()) {
      Columns columns{e.add(firstColumn, c), {}};
      if (layout.rows % layout.panel)
        columns.mask = e.lanesBelow(columns.first, e.i64(layout.rows));
      auto own = llvm::map_to_vector(
          sums, [&](Value sums) { return e.load(e.f32VectorType(), sums, e.add(e.mul(row, layout.panel), c)); });
      storeResults(e.add(firstRow, row), columns, own, loadBiases(columns));
    }
  });
}

//===----------------------------------------------------------------------===//
// Blocks
//===----------------------------------------------------------------------===//

void ProductEmitter::run() {
  beginSums();
  forEachPanels([&](Value first, Value last, int64_t most) { emitRows(first, last, most); });
}

void ProductEmitter::beginSums() {
  auto linear = products[0].result.getDefiningOp<lm::LinearOp>();
  if (!linear || !linear.getTree() || linear.getTree()->isChain())
    return;
  tree = *linear.getTree();
  int64_t vectors = 0;
  for (int64_t rows = blockRows(); rows; rows /= 2)
    vectors = std::max({vectors, rows * blockVectors(rows), rows * (layout.panel / e.lanes())});
  stack.emplace(e, tree, layout.cols, vectors);
  for (Product &product : products)
    std::swap(product.bias, product.start);
}

void ProductEmitter::forEachPanels(TileBody body) {
  // Several panels keep as many streams of weights in flight when there is one row. With 16 registers two of them
  // spill, which only a matrix that comes from memory is worth.
  int64_t panels = layout.panels(), most = e.lanes() == 16 ? std::min<int64_t>(4, panels) : panels >= 8 ? 2 : 1;
  forEachPanels(most, [&](Value first, Value last) { body(first, last, most); });
}

void ProductOperands::forEachPanels(int64_t most, llvm::function_ref<void(Value first, Value last)> body) {
  int64_t panels = layout.panels(), perBlock = e.blockColumns() / layout.panel;
  if (!perBlock)
    return e.forEachTiles({.count = panels}, most, body);
  e.forEachTile({.count = int64_t(llvm::divideCeil(panels, perBlock))}, [&](Value block) {
    Value first = e.mul(block, perBlock);
    body(first, e.minimum(e.add(first, perBlock), e.i64(panels)));
  });
}

void ProductOperands::withBlock(Value firstPanel, Value firstRow, Value rows, int64_t mostRows,
                                llvm::function_ref<void()> body) {
  if (int64_t columns = e.blockColumns())
    e.beginBlock(e.div(firstPanel, e.i64(columns / layout.panel)), firstRow, mostRows);
  body();
  if (e.blockColumns())
    e.finishBlock(rows);
}

void ProductEmitter::emitRows(Value begin, Value end, Value firstPanel, Value lastPanel, int64_t most) {
  if (!e.blockColumns())
    return emitSomeRows(begin, e.sub(end, begin), firstPanel, lastPanel, most);
  // So many that their block stays in the L2 cache, and for all of them a few panels, which do so, too.
  constexpr int64_t mostRows = 48;
  e.forLoop(begin, end, mostRows, [&](Value row) {
    Value rows = e.minimum(e.sub(end, row), e.i64(mostRows));
    withBlock(firstPanel, row, rows, mostRows, [&] {
      e.forLoop(firstPanel, lastPanel, most,
                [&](Value panel) { emitSomeRows(row, rows, panel, e.minimum(e.add(panel, most), lastPanel), most); });
    });
  });
}

void ProductEmitter::emitSomeRows(Value first, Value rows, Value firstPanel, Value lastPanel, int64_t most) {
  int64_t block = blockRows();
  Value left = e.rem(rows, e.i64(block));
  Value whole = e.add(first, e.sub(rows, left));
  e.forLoop(first, whole, block, [&](Value row) { emitPanels(row, block, firstPanel, lastPanel, most); });
  // The binary digits of what is left.
  Value row = whole;
  for (int64_t size = llvm::PowerOf2Ceil(block) / 2; size; size /= 2) {
    Value digit = arith::AndIOp::create(e.builder(), e.loc(), left, e.i64(size));
    e.ifThen(e.equal(digit, e.i64(size)), [&] { emitPanels(row, size, firstPanel, lastPanel, most); });
    row = e.add(row, digit);
  }
}

/// All panels of the tile for `rows` rows: as many vectors at once as it takes to
/// have enough independent accumulators.
void ProductEmitter::emitPanels(Value row, int64_t rows, Value first, Value last, int64_t most) {
  int64_t perPanel = layout.panel / e.lanes(), vectors = blockVectors(rows);
  if (vectors < perPanel) {
    e.forLoop(first, last, 1, [&](Value panel) {
      e.forLoop(e.i64(0), e.i64(layout.panel), vectors * e.lanes(),
                [&](Value lane) { emitBlock({row, rows, panel, 1, lane, vectors}); });
    });
    return;
  }
  int64_t atOnce = std::min(most, vectors / perPanel);
  Value whole = e.sub(last, e.rem(e.sub(last, first), e.i64(atOnce)));
  e.forLoop(first, whole, atOnce, [&](Value panel) { emitBlock({row, rows, panel, atOnce, e.i64(0), perPanel}); });
  if (atOnce > 1)
    e.forLoop(whole, last, 1, [&](Value panel) { emitBlock({row, rows, panel, 1, e.i64(0), perPanel}); });
}

void ProductEmitter::emitBlock(const Block &block) {
  SmallVector<SmallVector<Value>> sums;
  for (const Product &product : products) {
    sums.push_back(emitSums(block, product));
    if (stack && stack->nodes() > 1)
      storeNodes(block, product);
  }
  if (stack && stack->nodes() > 1)
    return;
  if (llvm::any_of(e.part(), hasManyFlops))
    return storeInLoop(block, sums);
  for (int64_t c = 0; c < block.columns(); ++c) {
    Columns columns = columnsOf(block, e.i64(columnOffset(block, c)));
    SmallVector<Value> biases = loadBiases(columns);
    for (int64_t r = 0; r < block.rows; ++r) {
      auto own = llvm::map_to_vector(sums, [&](ArrayRef<Value> sums) { return sums[r * block.columns() + c]; });
      storeResults(e.add(block.row, r), columns, own, biases);
    }
  }
}

SmallVector<Value> ProductEmitter::emitSums(const Block &block, const Product &product) {
  weights = product.weights;
  int64_t size = block.rows * block.columns();
  if (!stack)
    return emitColumns(block, e.i64(0), layout.cols, SmallVector<Value>(size, e.splat(0)));
  stack->run(size, [&](Value i) {
    SmallVector<Value> start = emitStart(block, product, i);
    return emitColumns(block, e.mul(i, tree.getGranule()), tree.getGranule(), start);
  });
  SmallVector<Value> sums;
  for (int64_t v = 0; stack->nodes() == 1 && v < size; ++v)
    sums.push_back(stack->load(e.i64(0), v));
  return sums;
}

SmallVector<Value> ProductEmitter::emitStart(const Block &block, const Product &product, Value i) {
  SmallVector<Value> start(block.rows * block.columns(), e.splat(0));
  if (!product.start)
    return start;
  Value isFirst = e.equal(i, e.i64(0));
  for (int64_t c = 0; c < block.columns(); ++c) {
    Columns columns = columnsOf(block, e.i64(columnOffset(block, c)));
    Value bias = e.load(e.f32Type(), product.start, columns.first, columns.mask);
    bias = e.select(isFirst, bias, e.splat(0));
    for (int64_t r = 0; r < block.rows; ++r)
      start[r * block.columns() + c] = bias;
  }
  return start;
}

void ProductEmitter::storeNodes(const Block &block, const Product &product) {
  e.forLoop(e.i64(0), e.i64(stack->nodes()), 1, [&](Value node) {
    for (int64_t c = 0; c < block.columns(); ++c) {
      Columns columns = columnsOf(block, e.i64(columnOffset(block, c)));
      columns.first = e.add(columns.first, e.mul(node, layout.rows));
      for (int64_t r = 0; r < block.rows; ++r) {
        Value sum = stack->load(node, r * block.columns() + c);
        e.storeResult(product.result, sum, e.add(block.row, r), columns);
      }
    }
  });
}

SmallVector<Value> ProductEmitter::emitGroups(const Block &block, int64_t group, Value first, int64_t columns,
                                              ValueRange sums) {
  int64_t whole = columns / group;
  Value firstGroup = e.div(first, e.i64(group));
  SmallVector<Value> next = e.forLoop(e.i64(0), e.i64(whole), 1, sums, [&](Value i, ValueRange totals) {
    return emitGroup(block, e.add(firstGroup, i), group, totals);
  });
  if (int64_t left = columns % group)
    next = emitGroup(block, e.add(firstGroup, whole), left, next);
  return next;
}

bool ProductEmitter::hasManyFlops(Operation *op) {
  if (!op->hasTrait<lm::Elementwise>())
    return false;
  LinearForm flops = cast<lm::CostOpInterface>(op).getCost().flops;
  return flops.tokens + flops.leaves > cast<RankedTensorType>(op->getResult(0).getType()).getDimSize(1);
}

Columns ProductEmitter::columnsOf(const Block &block, Value behind) {
  Columns columns{e.add(e.add(e.mul(block.panel, layout.panel), block.lane), behind), {}};
  if (layout.rows % layout.panel)
    columns.mask = e.lanesBelow(columns.first, e.i64(layout.rows));
  return columns;
}

void ProductEmitter::storeInLoop(const Block &block, ArrayRef<SmallVector<Value>> sums) {
  int64_t width = block.vectors * e.lanes(), rowSize = block.panels * width, size = block.rows * rowSize;
  Value memory = e.scratch(e.f32Type(), int64_t(products.size()) * size);
  for (auto [p, own] : llvm::enumerate(sums))
    for (auto [i, sum] : llvm::enumerate(own))
      e.store(sum, memory, e.i64(int64_t(p) * size + int64_t(i) * e.lanes()));
  e.forLoop(e.i64(0), e.i64(block.rows), 1, [&](Value row) {
    e.forLoop(e.i64(0), e.i64(block.panels), 1, [&](Value panel) {
      e.forLoop(e.i64(0), e.i64(width), e.lanes(), [&](Value lane) {
        Columns columns = columnsOf(block, e.add(e.mul(panel, layout.panel), lane));
        Value offset = e.add(e.add(e.mul(row, rowSize), e.mul(panel, width)), lane);
        SmallVector<Value> own;
        for (size_t p = 0; p < products.size(); ++p)
          own.push_back(e.load(e.f32VectorType(), memory, e.add(offset, int64_t(p) * size)));
        storeResults(e.add(block.row, row), columns, own, loadBiases(columns));
      });
    });
  });
}

//===----------------------------------------------------------------------===//
// Panels
//===----------------------------------------------------------------------===//

Value ProductEmitter::wordOffset(const Block &block, int64_t column, Value word) {
  int64_t panelWords = layout.panelBytes() / 4;
  Value offset = e.add(e.mul(block.panel, panelWords), e.add(word, block.lane));
  return e.add(offset, column / block.vectors * panelWords + column % block.vectors * e.lanes());
}

void ProductEmitter::prefetch(const Block &block, Value words, int64_t ahead) {
  constexpr int64_t line = 64 / 4, farther = 4096;
  // More rows read one stream of weights, not several, so that less of it is on its way.
  if (block.rows > 2)
    ahead = std::max(ahead, farther);
  for (int64_t p = 0; p < block.panels; ++p)
    for (int64_t at = 0; at < block.vectors * e.lanes(); at += line) {
      Value offset = e.add(wordOffset(block, p * block.vectors, words), at);
      e.prefetch(e.element(e.builder().getI32Type(), weights, offset), ahead);
    }
}

Value ProductEmitter::loadScales(const Block &block, int64_t column, Value header) {
  // Of 16 bits each, so that lane i lies i halves of words behind the header.
  int64_t panelWords = layout.panelBytes() / 4;
  Value words = e.add(e.add(e.mul(block.panel, panelWords), header), column / block.vectors * panelWords);
  Value offset = e.add(e.add(e.mul(words, 2), block.lane), column % block.vectors * e.lanes());
  return e.widenF16(e.load(e.vectorType(e.builder().getI16Type()), weights, offset));
}

Value ProductEmitter::loadZeros(const Block &block, int64_t column, Value header) {
  int64_t panelWords = layout.panelBytes() / 4;
  Value words = e.add(e.add(e.mul(block.panel, panelWords), header), column / block.vectors * panelWords);
  Value offset = e.add(e.add(e.mul(words, 2), block.lane), column % block.vectors * e.lanes() + layout.panel);
  Value zeros = e.load(e.vectorType(e.builder().getI16Type()), weights, offset);
  return arith::ExtSIOp::create(e.builder(), e.loc(), e.vectorType(e.builder().getI32Type()), zeros);
}
