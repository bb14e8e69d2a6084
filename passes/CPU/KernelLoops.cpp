//===- KernelLoops.cpp - Tiles, loops and columns in CPU kernels ----------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/KernelEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/Support/MathExtras.h"

using namespace plait;

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

void CpuKernelEmitter::forEachTile(CpuTiles tiles, Body body) {
  auto [begin, end, offset] = tileRange(tiles);
  tileLoop(begin, end, function.getArgument(5), [&](Value tile) { body(offset ? sub(tile, offset) : tile); });
}

void CpuKernelEmitter::forEachTiles(CpuTiles tiles, int64_t most, TilesBody body) {
  assert(!tiles.cyclic && "neighbours are not of one call");
  auto [begin, end, offset] = tileRange(tiles);
  tileLoop(begin, end, i64(most), [&](Value first) {
    Value last = minimum(add(first, most), end);
    offset ? body(sub(first, offset), sub(last, offset)) : body(first, last);
  });
}

void CpuKernelEmitter::tileLoop(Value begin, Value end, Value step, Body body) {
  scf::ForOp::create(b, location, begin, end, step, ValueRange(), [&](OpBuilder &, Location, Value tile, ValueRange) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(tile.getParentBlock());
    body(tile);
    scf::YieldOp::create(b, location);
  });
}

CpuKernelEmitter::TileRange CpuKernelEmitter::tileRange(const CpuTiles &tiles) {
  Value begin = function.getArgument(3), end = function.getArgument(4), step = function.getArgument(5);
  auto countOf = [&](const CpuTiles &tiles) {
    Value count = i64(tiles.count);
    return tiles.dim < 0 ? count : mul(count, div(add(dims[tiles.dim], tiles.block - 1), i64(tiles.block)));
  };
  Value offset;
  if (tileLoops == 1) {
    division = tiles;
  } else {
    if (tilesBefore.empty())
      division = {0, tiles.dim, tiles.block, tiles.cyclic};
    differentTiles |= tiles.dim != division.dim || tiles.block != division.block || tiles.cyclic != division.cyclic;
    division.count += tiles.count;
    offset = i64(0);
    for (const CpuTiles &before : tilesBefore)
      offset = add(offset, countOf(before));
    // The first tile of this call that is not one of a loop before.
    Value behind = mul(div(add(sub(offset, begin), sub(step, i64(1))), step), step);
    begin = add(begin, select(less(begin, offset), behind, i64(0)));
    end = minimum(end, add(offset, countOf(tiles)));
    tilesBefore.push_back(tiles);
  }
  return {begin, end, offset};
}

CpuTiles CpuKernelEmitter::rowTiles(Value tensor, int64_t perRow, int64_t block, bool cyclic) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (type.isDynamicDim(0))
    return {perRow, getDimNumber(type), block, cyclic};
  return {perRow * llvm::divideCeilSigned(type.getDimSize(0), block), -1, 1, cyclic};
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

SmallVector<Value> CpuKernelEmitter::forLoop(Value lower, Value upper, int64_t step, ValueRange init, IterBody body,
                                             int64_t unroll) {
  auto loop = scf::ForOp::create(b, location, lower, upper, i64(step), init,
                                 [&](OpBuilder &, Location, Value i, ValueRange carried) {
                                   OpBuilder::InsertionGuard guard(b);
                                   b.setInsertionPointToEnd(i.getParentBlock());
                                   scf::YieldOp::create(b, location, body(i, carried));
                                 });
  if (unroll > 1) {
    auto count = b.getI32IntegerAttr(int32_t(unroll));
    auto unrolled = LLVM::LoopUnrollAttr::get(b.getContext(), {}, count, {}, {}, {}, {}, {});
    loop->setAttr("llvm.loop_annotation", LLVM::LoopAnnotationAttr::get(b.getContext(), {}, {}, {}, unrolled, {}, {},
                                                                        {}, {}, {}, {}, {}, {}, {}, {}, {}));
  }
  return llvm::to_vector_of<Value>(loop.getResults());
}

void CpuKernelEmitter::forLoop(Value lower, Value upper, int64_t step, Body body) {
  forLoop(lower, upper, step, ValueRange(), [&](Value i, ValueRange) {
    body(i);
    return SmallVector<Value>();
  });
}

void CpuKernelEmitter::ifThen(Value condition, llvm::function_ref<void()> body) {
  auto branch = scf::IfOp::create(b, location, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  body();
}

void CpuKernelEmitter::ifElse(Value condition, llvm::function_ref<void()> then, llvm::function_ref<void()> otherwise) {
  auto branch = scf::IfOp::create(b, location, condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  then();
  b.setInsertionPointToStart(branch.elseBlock());
  otherwise();
}

//===----------------------------------------------------------------------===//
// Columns
//===----------------------------------------------------------------------===//

Value CpuKernelEmitter::tailMask(int64_t count) {
  int64_t left = count % lanes();
  if (left == 0)
    return {};
  SmallVector<bool> bits(lanes(), false);
  std::fill_n(bits.begin(), left, true);
  return arith::ConstantOp::create(b, location, DenseElementsAttr::get(vectorType(b.getI1Type()), ArrayRef(bits)));
}

void CpuKernelEmitter::forColumns(int64_t count, ColumnBody body) {
  int64_t full = count - count % lanes();
  if (full)
    forLoop(i64(0), i64(full), lanes(), [&](Value i) { body({i, {}}); });
  if (Value mask = tailMask(count))
    body({i64(full), mask});
}

void CpuKernelEmitter::forColumns(Value first, int64_t block, int64_t count, ColumnBody body) {
  int64_t full = count - count % lanes();
  Value end = add(first, block);
  forLoop(first, minimum(end, i64(full)), lanes(), [&](Value i) { body({i, {}}); });
  if (Value mask = tailMask(count))
    ifThen(less(i64(full), end), [&] { body({i64(full), mask}); });
}

Value CpuKernelEmitter::reduceColumns(int64_t count, double init, llvm::function_ref<Value(Columns, Value)> step,
                                      llvm::function_ref<Value(Value, Value)> combine) {
  // Four accumulators hide most of the latency of a dependent addition.
  constexpr int64_t most = 4;
  int64_t vectors = count / lanes(), chains = std::clamp<int64_t>(vectors, 1, most);
  int64_t even = vectors / chains * chains;
  SmallVector<Value> sums(chains, splat(init));
  sums = forLoop(i64(0), i64(even * lanes()), chains * lanes(), sums, [&](Value i, ValueRange carried) {
    SmallVector<Value> next;
    for (int64_t c = 0; c < chains; ++c)
      next.push_back(step({add(i, c * lanes()), {}}, carried[c]));
    return next;
  });
  for (int64_t v = even; v < vectors; ++v)
    sums[v - even] = step({i64(v * lanes()), {}}, sums[v - even]);
  if (Value mask = tailMask(count))
    sums.back() = step({i64(vectors * lanes()), mask}, sums.back());
  for (int64_t stride = llvm::PowerOf2Ceil(chains) / 2; stride; stride /= 2)
    for (int64_t c = 0; c < stride && c + stride < int64_t(sums.size()); ++c)
      sums[c] = combine(sums[c], sums[c + stride]);
  return reduce(sums.front(), combine);
}
