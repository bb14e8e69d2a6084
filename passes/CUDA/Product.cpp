//===- Product.cpp - Products with weights on CUDA ------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CUDA/Product.h"

#include "dialects/Overlap/Overlap.h"

#include "llvm/ADT/bit.h"

using namespace plait;

SmallVector<CudaKernelEmitter::Entry> CudaProduct::entriesFor(const CudaMachine &machine) {
  switch (machine.unit) {
  case MatrixUnit::wgmma:
    return {WgmmaProduct::entryFor(16), WgmmaProduct::entryFor(64), WgmmaProduct::entryFor(256)};
  case MatrixUnit::mma:
    return {MmaProduct::entryFor(16), MmaProduct::entryFor(64), MmaProduct::entryFor(128)};
  }
  llvm_unreachable("unknown matrix unit");
}

CudaProduct::CudaProduct(Operation *op, CudaKernelEmitter &e) : e(e), input(op->getOperand(0)) {
  for (Operation *other : e.part())
    if (other->hasTrait<lm::WeightProduct>())
      factors.push_back(
          {other->getOperand(1), other->getNumOperands() > 2 ? other->getOperand(2) : Value(), other->getResult(0)});
  auto weight = cast<lm::WeightType>(op->getOperand(1).getType());
  features = weight.getRows();
  columns = weight.getCols();
  inputColumns = cast<RankedTensorType>(input.getType()).getDimSize(1);
}

LogicalResult CudaProduct::check(Operation *op) {
  if (!getElementTypeOrSelf(input.getType()).isBF16())
    return op->emitOpError("expected an input of bf16, from 'lm.round', for CUDA but got ") << input.getType();
  for (const Factor &factor : factors) {
    // As the checkpoint has it, or as packed.
    if (!factor.weight.getDefiningOp<kernel::UnpackOp>()) {
      auto weight = cast<lm::WeightType>(factor.weight.getType());
      if (!isa<lm::BF16Attr>(weight.getFormat()))
        return op->emitOpError("expected a weight of bf16 for CUDA but got ") << weight;
      continue;
    }
    kernel::PackedType packed = e.packedType(factor.weight);
    if (packed.getPanel() || !packed.getStorageType().isBF16())
      return op->emitOpError("expected a weight of bf16 by rows for CUDA but got ") << packed;
  }
  // Rows are copied in pieces of 16 bytes.
  if (columns % cuda::kChunkColumns || inputColumns % cuda::kChunkColumns)
    return op->emitOpError("expected a multiple of ") << cuda::kChunkColumns << " columns for CUDA but got " << columns;
  if (auto linear = dyn_cast<lm::LinearOp>(op); linear && linear.getTree() && !linear.getTree()->isChain())
    return op->emitOpError("expected a product without a tree for CUDA");
  return success();
}

std::unique_ptr<CudaProduct> CudaProduct::create(Operation *op, CudaKernelEmitter &e) {
  std::unique_ptr<CudaProduct> product;
  // TMA copies what the host has made a map of, which it has of buffers alone.
  if (e.machine().unit == MatrixUnit::wgmma && !op->getOperand(0).getDefiningOp<overlap::LoadOp>())
    product = std::make_unique<WgmmaProduct>(op, e);
  else
    product = std::make_unique<MmaProduct>(op, e);
  return failed(product->check(op)) ? nullptr : std::move(product);
}

LogicalResult CudaProduct::emitInBlock(Operation *op, CudaKernelEmitter &e) {
  std::unique_ptr<CudaProduct> product = create(op, e);
  if (!product)
    return failure();
  int64_t tokens = cast<RankedTensorType>(op->getResult(0).getType()).getDimSize(0);
  e.forLoop(e.i32(0), e.i32(product->features), product->featureTile, [&](Value firstFeature) {
    e.forLoop(e.i32(0), e.i32(tokens), product->tokenTile, [&](Value firstToken) {
      product->emitTile(firstFeature, firstToken);
      product->endTile();
    });
  });
  return success();
}

LogicalResult CudaProduct::emit(Operation *op, CudaKernelEmitter &e) {
  std::unique_ptr<CudaProduct> product = create(op, e);
  if (!product)
    return failure();
  // Tiles of the same rows of a weight come one after the other: they share those in the cache.
  int64_t perToken = llvm::divideCeilSigned(product->features, product->featureTile);
  e.forEachTile(e.rowTiles(op->getResult(0), perToken, product->tokenTile), [&](Value tile) {
    Value tokens = e.narrow(e.rows(op->getResult(0)));
    Value tokenTiles = e.div(e.add(tokens, product->tokenTile - 1), product->tokenTile);
    Value firstFeature = e.mul(e.div(tile, tokenTiles), product->featureTile);
    Value firstToken = e.mul(e.rem(tile, tokenTiles), product->tokenTile);
    product->emitTile(firstFeature, firstToken);
  });
  return success();
}

int64_t CudaProduct::ringOf(int64_t bytes, int64_t most) const {
  // What is left is for barriers.
  int64_t fit = llvm::bit_floor(uint64_t((e.machine().sharedBytes - 1024) / bytes));
  return std::min<int64_t>({fit, most, int64_t(llvm::bit_ceil(uint64_t(std::max<int64_t>(2, depth()))))});
}

void CudaProduct::storeSums(Value firstFeature, Value firstToken, ArrayRef<SmallVector<Value>> sums) {
  constexpr int64_t batch = 8; // elements whose loads are under way at once
  Value tokens = e.narrow(e.rows(factors[0].result)), lastToken = e.add(tokens, -1);
  Value lane = e.lane();
  bool isRagged = features % featureTile != 0;
  // Elements i and i + 1 of four are in one row, i + 2 and i + 3 in another one.
  // Of a row that does not exist, no token does.
  Value ofFeature[2], limits[2] = {tokens, tokens};
  SmallVector<Value> biases[2];
  for (int64_t half : {0, 1}) {
    Value feature = e.add(firstFeature, cuda::sumRow(index(lane), 2 * half).value);
    if (isRagged) {
      limits[half] = e.select(e.below(feature, e.i32(features)), tokens, e.i32(0));
      feature = e.minimum(feature, e.i32(features - 1));
    }
    ofFeature[half] = e.widen(feature);
    for (const Factor &factor : factors)
      biases[half].push_back(factor.bias ? e.load(e.f32Type(), e.pointer(factor.bias), feature) : Value());
  }
  for (int64_t first = 0; first < int64_t(sums[0].size()); first += batch) {
    SmallVector<CudaKernelEmitter::Place> places;
    SmallVector<std::pair<Value, SmallVector<Value>>> results;
    for (const Factor &factor : factors)
      results.push_back({factor.result, {}});
    for (int64_t i = first; i < std::min<int64_t>(first + batch, sums[0].size()); ++i) {
      int64_t half = i / 2 % 2;
      Value token = e.add(firstToken, cuda::sumColumn(index(lane), i).value);
      // A tile's last tokens need not exist: their columns have sums of what lies behind.
      Value row = e.mul(e.widen(e.minimum(token, lastToken)), e.rowElements(factors[0].result));
      places.push_back({e.add(row, ofFeature[half]), e.below(token, limits[half])});
      for (auto [result, sum, bias] : llvm::zip_equal(results, sums, biases[half]))
        result.second.push_back(bias ? e.add(sum[i], bias) : sum[i]);
    }
    e.storeElements(results, places);
  }
}
