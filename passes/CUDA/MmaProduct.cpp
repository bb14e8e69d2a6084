//===- MmaProduct.cpp - Products by warps (every target) ------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// All threads begin copies of the tiles of K to come into a ring of buffers, then multiply
// those that are there. A barrier for each tile of K says both that copies of others have
// come and that nobody reads the buffer that is filled next.
//
//===----------------------------------------------------------------------===//

#include "passes/CUDA/Product.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace plait;

MmaProduct::MmaProduct(Operation *op, CudaKernelEmitter &e)
    : CudaProduct(op, e), tokenWarps(tokenWarpsFor(e.entry().rows)) {
  featureTile = 64 * tokenWarps;
  // 64 sums for each thread of a large tile, in all.
  int64_t most = e.entry().rows / (tokenWarps > 1 ? llvm::bit_ceil(factors.size()) : 1);
  tokenTile = std::max<int64_t>(16 * tokenWarps, most);
  stages = ringOf(stageBytes(), 4);
}

void MmaProduct::copyTile(Value source, int64_t sourceColumns, Value rowCount, Value firstRow, int64_t rows, Value k,
                          Value target) {
  OpBuilder &b = e.builder();
  Value lastRow = e.add(rowCount, -1);
  // Chunks of a row by neighbouring threads.
  for (int64_t first = 0; first < rows * cuda::kChunks; first += e.threads()) {
    Value number = e.add(e.thread(), first);
    Value inTile = e.div(number, cuda::kChunks), chunk = e.rem(number, cuda::kChunks), row = e.add(firstRow, inTile);
    Value column = e.add(e.mul(k, cuda::kTileColumns), e.mul(chunk, cuda::kChunkColumns));
    Value rowExists = e.below(row, rowCount), columnExists = e.below(column, e.i32(sourceColumns));
    Value clampedRow = e.minimum(row, lastRow);
    Value clampedColumn = e.minimum(column, e.i32(sourceColumns - cuda::kChunkColumns));
    Value offset = e.add(e.mul(e.widen(clampedRow), sourceColumns), e.widen(clampedColumn));
    Value from = e.element(b.getBF16Type(), source, offset);
    Value swizzled = cuda::swizzledOffset(index(inTile), index(chunk)).value;
    Value to = e.element(b.getI8Type(), target, swizzled);
    // What does not exist is zero, and not read.
    Value bytes = e.select(e.both(rowExists, columnExists), e.i32(cuda::kChunkBytes), e.i32(0));
    copyChunk(e, to, from, bytes);
  }
}

void MmaProduct::copyTiles(Value k, Value firstFeature, Value firstToken) {
  Type byte = e.builder().getI8Type();
  Value stage = cuda::ringStage(index(k), stages).value;
  Value target = e.element(byte, tiles, e.mul(stage, stageBytes()));
  int64_t offset = 0;
  for (const Factor &factor : factors) {
    Value tile = e.element(byte, target, e.i32(offset));
    copyTile(e.pointer(factor.weight), columns, e.i32(features), firstFeature, featureTile, k, tile);
    offset += featureTile * cuda::kRowBytes;
  }
  Value tile = e.element(byte, target, e.i32(offset)), tokens = e.narrow(e.rows(factors[0].result));
  copyTile(e.pointer(input), inputColumns, tokens, firstToken, tokenTile, k, tile);
}

SmallVector<Value> MmaProduct::loadStep(Value tile, Value row, CudaIndex chunk, int64_t step) {
  Value offset = cuda::swizzledOffset(index(row), chunk + 2 * step).value;
  return loadMatrices(e, e.element(e.builder().getI8Type(), tile, offset), /*transposed=*/false);
}

SmallVector<Value> MmaProduct::multiply(Value stage, ValueRange sums) {
  Type byte = e.builder().getI8Type();
  Value base = e.element(byte, tiles, e.mul(stage, stageBytes()));
  Value tokens = e.element(byte, base, e.i32(int64_t(factors.size()) * featureTile * cuda::kRowBytes));
  CudaIndex lane = index(e.lane());
  cuda::Cell<CudaIndex> first = cuda::firstOperandCell(lane), second = cuda::secondOperandCell(lane);
  Value warpRow = firstRowOfWarp(), warpToken = e.add(firstTokenOfWarp(), second.row.value);
  SmallVector<Value> next(sums);
  for (int64_t step = 0; step < cuda::kSteps; ++step) {
    SmallVector<SmallVector<Value>> weights; // of each factor, of each group
    for (size_t f = 0; f < factors.size(); ++f) {
      Value tile = e.element(byte, base, e.i32(int64_t(f) * featureTile * cuda::kRowBytes));
      for (int64_t group = 0; group < groups(); ++group) {
        Value row = e.add(e.add(warpRow, first.row.value), 16 * group);
        weights.push_back(loadStep(tile, row, first.chunk, step));
      }
    }
    for (int64_t token = 0; token < tokensOfWarp(); token += 16) {
      SmallVector<Value> columns = loadStep(tokens, e.add(warpToken, token), second.chunk, step);
      for (auto [w, weight] : llvm::enumerate(weights))
        for (int64_t half : {0, 1}) {
          // Sums are ordered by factor, group, then as cuda::sumColumn says.
          int64_t at = int64_t(w) * tokensOfWarp() / 2 + (token / 8 + half) * 4;
          ValueRange before = ValueRange(next).slice(at, 4), pair = ValueRange(columns).slice(2 * half, 2);
          llvm::copy(multiplyAdd(e, weight, pair, before), next.begin() + at);
        }
    }
  }
  return next;
}

void MmaProduct::emitTile(Value firstFeature, Value firstToken) {
  OpBuilder &b = e.builder();
  tiles = e.shared(stages * stageBytes(), cuda::kSwizzleBytes);
  int64_t ahead = stages - 1;
  auto commit = [&] { NVVM::CpAsyncCommitGroupOp::create(b, e.loc()); };
  for (int64_t k = 0; k < ahead; ++k) {
    if (k < depth())
      copyTiles(e.i32(k), firstFeature, firstToken);
    commit(); // one for each tile, there or not, so that their number says which
  }
  SmallVector<Value> sums(factors.size() * groups() * tokensOfWarp() / 2, e.f32(0));
  sums = e.forLoop(e.i32(0), e.i32(depth()), 1, sums, [&](Value k, ValueRange carried) {
    e.keepLoop();
    NVVM::CpAsyncWaitGroupOp::create(b, e.loc(), ahead - 1);
    e.barrier();
    Value later = e.add(k, ahead);
    e.ifThen(e.below(later, e.i32(depth())), [&] { copyTiles(later, firstFeature, firstToken); });
    commit();
    return multiply(cuda::ringStage(index(k), stages).value, carried);
  });
  for (int64_t group = 0; group < groups(); ++group) {
    SmallVector<SmallVector<Value>> own;
    for (size_t f = 0; f < factors.size(); ++f) {
      int64_t count = tokensOfWarp() / 2;
      ValueRange part = ValueRange(sums).slice((int64_t(f) * groups() + group) * count, count);
      own.emplace_back(part.begin(), part.end());
    }
    Value feature = e.add(firstFeature, firstRowOfWarp()), token = e.add(firstToken, firstTokenOfWarp());
    storeSums(e.add(feature, 16 * group), token, own);
  }
}
