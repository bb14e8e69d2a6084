//===- AmxTiles.cpp - Tile registers in CPU kernels -----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/AmxTiles.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace plait;

namespace {

/// The instructions with registers by number. LLVM also has values of tile type,
/// for which it chooses registers and writes the configuration, but what does not
/// fit is then spilled: here the kernel's author counts to eight.
class AmxTileOps : public TileOps {
public:
  explicit AmxTileOps(CpuKernelEmitter &e) : e(e) {}

  void configure(ArrayRef<unsigned> few, Value rows) override {
    // Palette 1: its number, the tiles' bytes per row (u16) from byte 16, their rows (u8) from byte 48.
    Type byte = e.builder().getI8Type(), half = e.builder().getI16Type();
    Value memory = e.scratch(byte, 64);
    e.store(e.integer(VectorType::get({64}, byte), 0), memory, e.i64(0));
    e.store(e.integer(byte, 1), memory, e.i64(0));
    Value fewRows = arith::TruncIOp::create(e.builder(), e.loc(), byte, rows);
    for (unsigned tile = 0; tile < 8; ++tile) {
      e.store(e.integer(half, rowBytes), memory, e.i64(8 + tile));
      e.store(llvm::is_contained(few, tile) ? fewRows : e.integer(byte, maxRows), memory, e.i64(48 + tile));
    }
    call("ldtilecfg", memory);
  }
  void release() override { call("tilerelease", {}); }

  void zero(unsigned tile) override { call("tilezero", number(tile)); }
  void load(unsigned tile, Value address, int64_t stride, bool once) override {
    call(once ? "tileloaddt164" : "tileloadd64", {number(tile), address, e.i64(stride)});
  }
  void store(unsigned tile, Value address, int64_t stride) override {
    call("tilestored64", {number(tile), address, e.i64(stride)});
  }
  void multiplyBF16(unsigned sums, unsigned a, unsigned b) override {
    call("tdpbf16ps", {number(sums), number(a), number(b)});
  }
  void multiplyInt8(unsigned sums, unsigned a, unsigned b, bool signedA, bool signedB) override {
    const char *instruction = signedA ? (signedB ? "tdpbssd" : "tdpbsud") : (signedB ? "tdpbusd" : "tdpbuud");
    call(instruction, {number(sums), number(a), number(b)});
  }

private:
  Value number(unsigned tile) { return e.integer(e.builder().getI8Type(), tile); }
  void call(const char *instruction, ValueRange arguments) {
    OpBuilder &b = e.builder();
    LLVM::CallIntrinsicOp::create(b, e.loc(), b.getStringAttr(std::string("llvm.x86.") + instruction), arguments);
  }

  CpuKernelEmitter &e;
};

/// Registers are memory, a row of 16 words one vector.
class EmulatedTileOps : public TileOps {
public:
  explicit EmulatedTileOps(CpuKernelEmitter &e)
      : e(e), wordType(e.builder().getI32Type()), rowType(VectorType::get({rowWords}, wordType)),
        floatType(VectorType::get({rowWords}, e.f32Type())), registers(e.scratch(wordType, 8 * tileWords)),
        whole(e.i64(maxRows)) {}

  void configure(ArrayRef<unsigned> few, Value rows) override {
    for (unsigned tile = 0; tile < 8; ++tile)
      rowCount[tile] = llvm::is_contained(few, tile) ? rows : whole;
  }
  void release() override {}

  void zero(unsigned tile) override {
    forRows(tile, [&](Value row) { setRow(tile, row, e.integer(rowType, 0)); });
  }
  void load(unsigned tile, Value address, int64_t stride, bool) override {
    forRows(tile, [&](Value row) {
      setRow(tile, row, e.load(rowType, e.element(e.builder().getI8Type(), address, e.mul(row, stride)), e.i64(0)));
    });
  }
  void store(unsigned tile, Value address, int64_t stride) override {
    forRows(tile, [&](Value row) {
      e.store(getRow(tile, row), e.element(e.builder().getI8Type(), address, e.mul(row, stride)), e.i64(0));
    });
  }

  void multiplyBF16(unsigned sums, unsigned a, unsigned b) override {
    Value zero = e.constant(floatType, 0);
    forRows(sums, [&](Value row) {
      auto chains = e.forLoop(e.i64(0), e.i64(maxRows), 1, {zero, zero}, [&](Value k, ValueRange chains) {
        Value pair = e.load(wordType, registers, at(a, row, k)), pairs = getRow(b, k);
        Value x = e.broadcast(pair, rowWords);
        return SmallVector<Value>{flush(e.fma(even(x), even(pairs), chains[0])),
                                  flush(e.fma(odd(x), odd(pairs), chains[1]))};
      });
      Value sum = flush(e.bitcast(floatType, getRow(sums, row)));
      sum = flush(e.add(sum, flush(e.add(chains[0], chains[1]))));
      setRow(sums, row, e.bitcast(rowType, sum));
    });
  }

  void multiplyInt8(unsigned sums, unsigned a, unsigned b, bool signedA, bool signedB) override {
    forRows(sums, [&](Value row) {
      auto next = e.forLoop(e.i64(0), e.i64(maxRows), 1, getRow(sums, row), [&](Value k, ValueRange sum) {
        Value x = e.broadcast(e.load(wordType, registers, at(a, row, k)), rowWords), y = getRow(b, k), total = sum[0];
        for (int64_t i = 0; i < 4; ++i)
          total = e.add(total, e.mul(byteOf(x, i, signedA), byteOf(y, i, signedB)));
        return SmallVector<Value>{total};
      });
      setRow(sums, row, next[0]);
    });
  }

private:
  static constexpr int64_t rowWords = rowBytes / 4, tileWords = maxRows * rowWords;

  void forRows(unsigned tile, CpuKernelEmitter::Body body) { e.forLoop(e.i64(0), rowCount[tile], 1, body); }
  Value at(unsigned tile, Value row, Value word) {
    return e.add(e.add(e.mul(row, rowWords), int64_t(tile) * tileWords), word);
  }
  Value getRow(unsigned tile, Value row) { return e.load(rowType, registers, at(tile, row, e.i64(0))); }
  void setRow(unsigned tile, Value row, Value words) { e.store(words, registers, at(tile, row, e.i64(0))); }

  /// The f32 of the lower and of the upper bf16 of each word, subnormal ones as zeros.
  Value even(Value words) {
    return flush(e.bitcast(floatType, arith::ShLIOp::create(e.builder(), e.loc(), words, e.integer(rowType, 16))));
  }
  Value odd(Value words) {
    return flush(e.bitcast(
        floatType, arith::AndIOp::create(e.builder(), e.loc(), words, e.integer(rowType, int32_t(0xFFFF0000)))));
  }
  /// Byte `i` of each word.
  Value byteOf(Value words, int64_t i, bool isSigned) {
    Value high = arith::ShLIOp::create(e.builder(), e.loc(), words, e.integer(rowType, 24 - 8 * i));
    Value count = e.integer(rowType, 24);
    return isSigned ? Value(arith::ShRSIOp::create(e.builder(), e.loc(), high, count))
                    : Value(arith::ShRUIOp::create(e.builder(), e.loc(), high, count));
  }
  Value flush(Value x) { return e.flushSubnormals(x); }

  CpuKernelEmitter &e;
  Type wordType;
  VectorType rowType, floatType;
  Value registers, whole, rowCount[8];
};

} // namespace

std::unique_ptr<TileOps> TileOps::create(CpuKernelEmitter &e) {
  switch (e.target().tiles) {
  case TileUnit::none:
    return nullptr;
  case TileUnit::amx:
    return std::make_unique<AmxTileOps>(e);
  case TileUnit::emulated:
    return std::make_unique<EmulatedTileOps>(e);
  }
  llvm_unreachable("all units are covered");
}
