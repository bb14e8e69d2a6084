//===- Product.h - Products with weights on CUDA ----------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What lm.linear and lm.head are made of. A block computes a tile of the result. The
// weight is the first operand of the matrix unit, tokens are columns of the second one:
// instructions can have few columns, but always have 16 or 64 rows, and a step of few
// tokens would leave those empty.
//
// Numerics: an element is one chain over k = 0, 16, 32, ... of instructions that multiply
// 16 columns. Neither its place in a tile nor the tile's size is part of that, so a row's
// bits do not depend on the number of rows, nor on which entry computes it.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_CUDA_PRODUCT_H
#define PLAIT_PASSES_CUDA_PRODUCT_H

#include "passes/CUDA/Fragments.h"

#include <memory>

namespace plait {

/// The products of a part of a kernel, those of one input, and what follows them.
class CudaProduct {
public:
  /// What a kernel with products is emitted for: entries for up to so many rows, of which
  /// the last one serves any number. Few rows take small tiles, of which there are more.
  static SmallVector<CudaKernelEmitter::Entry> entriesFor(const CudaMachine &machine);

  /// Emits the part that `op`, a product with a weight, begins.
  static LogicalResult emit(Operation *op, CudaKernelEmitter &e);
  /// The product `op` by the threads of this block alone, tile by tile.
  static LogicalResult emitInBlock(Operation *op, CudaKernelEmitter &e);
  virtual ~CudaProduct() = default;

protected:
  CudaProduct(Operation *op, CudaKernelEmitter &e);
  /// Emits a tile of `featureTile` by `tokenTile`, whose first row of the weight and first
  /// token are given (i32).
  virtual void emitTile(Value firstFeature, Value firstToken) = 0;
  /// After a tile, so that another one may follow in the same memory.
  virtual void endTile() { e.barrier(); }

  struct Factor {
    Value weight, bias, result; ///< bias may be null
  };
  /// Stores 16 rows of the weight, by tokens: `sums` has for each factor those of a lane, in the
  /// order of cuda::sumRow and sumColumn. The first ones are the same in a warp.
  void storeSums(Value firstFeature, Value firstToken, ArrayRef<SmallVector<Value>> sums);
  /// Tiles of K.
  int64_t depth() const { return llvm::divideCeilSigned(columns, cuda::kTileColumns); }
  /// A power of two: buffers of `bytes` that fit into the memory of a block, and are used.
  int64_t ringOf(int64_t bytes, int64_t most) const;
  CudaIndex index(Value value) { return {&e, value}; }

  CudaKernelEmitter &e;
  Value input;
  SmallVector<Factor> factors;
  int64_t features, columns, inputColumns;
  int64_t featureTile = 0, tokenTile = 0; ///< set by the kind of product

private:
  static std::unique_ptr<CudaProduct> create(Operation *op, CudaKernelEmitter &e);
  LogicalResult check(Operation *op);
};

/// By warpgroups that read shared memory, filled by TMA, wgmma.m64nNk16.
class WgmmaProduct : public CudaProduct {
public:
  WgmmaProduct(Operation *op, CudaKernelEmitter &e);
  /// 64 rows of the weight for each; so many multiply and one loads.
  static int64_t consumersFor(int64_t rows) { return rows > 64 ? 2 : 1; }
  static CudaKernelEmitter::Entry entryFor(int64_t rows) { return {rows, 128 * (consumersFor(rows) + 1)}; }

private:
  void emitTile(Value firstFeature, Value firstToken) override;
  void endTile() override;
  void emitProducer(Value firstFeature, Value firstToken);
  void emitConsumer(Value firstFeature, Value firstToken);
  Value barrierAt(Value barriers, Value stage, int64_t first);
  void wait(Value barrier, Value parity);
  /// Bytes of the tiles of weights, which lie before that of the input, of a stage.
  int64_t weightBytes() const { return featureTile * cuda::kRowBytes; }
  int64_t stageBytes() const { return (int64_t(factors.size()) * featureTile + tokenTile) * cuda::kRowBytes; }

  int64_t consumers, stages;
  Value tiles, full, empty; ///< addresses in shared memory
};

/// By warps that load registers from shared memory, filled by cp.async, mma.m16n8k16.
class MmaProduct : public CudaProduct {
public:
  MmaProduct(Operation *op, CudaKernelEmitter &e);
  /// Warps share out the rows of the weight, and those of one part of them the tokens.
  static constexpr int64_t kRowWarps = 4;
  static int64_t tokenWarpsFor(int64_t rows) { return rows > 64 ? 2 : 1; }
  static CudaKernelEmitter::Entry entryFor(int64_t rows) { return {rows, 32 * kRowWarps * tokenWarpsFor(rows)}; }

private:
  void emitTile(Value firstFeature, Value firstToken) override;
  /// Begins to copy tile `k` (i32) of K of all operands to where it belongs in the ring.
  void copyTiles(Value k, Value firstFeature, Value firstToken);
  void copyTile(Value source, int64_t sourceColumns, Value rowCount, Value firstRow, int64_t rows, Value k,
                Value target);
  /// Sums plus the products of the tiles in `stage`.
  SmallVector<Value> multiply(Value stage, ValueRange sums);
  SmallVector<Value> loadStep(Value tile, Value row, CudaIndex chunk, int64_t step);
  int64_t stageBytes() const { return (int64_t(factors.size()) * featureTile + tokenTile) * cuda::kRowBytes; }
  /// Groups of 16 rows of the weight that a warp has.
  int64_t groups() const { return featureTile / (16 * kRowWarps); }
  /// Tokens that a warp has, and the first of them in a tile.
  int64_t tokensOfWarp() const { return tokenTile / tokenWarps; }
  Value firstTokenOfWarp() { return e.mul(e.div(e.warp(), kRowWarps), tokensOfWarp()); }
  Value firstRowOfWarp() { return e.mul(e.rem(e.warp(), kRowWarps), 16 * groups()); }

  int64_t tokenWarps, stages;
  Value tiles;
};

} // namespace plait

#endif // PLAIT_PASSES_CUDA_PRODUCT_H
