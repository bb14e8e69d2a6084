//===- IntegerTileProduct.cpp - Products of integers on tiles -------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What IntegerProduct computes, with the bits that it has, for more than a few rows.
// Tiles multiply bytes, and an input x has 16 bits: x = 256 h + l with h signed and l
// not, so that sum(x w) = 256 sum(h w) + sum(l w), two instructions a step. All of
// that is exact, and so is the order of what is not: groups as they follow.
//
// A block of rows is taken apart before the tile loop, into tiles one behind the
// other: [step of 64 columns][16 rows][h, l][16][64] bytes. Bytes of a weight are
// tiles as they are packed; of 4 bits, or groups that are no whole steps, a group is
// first spread out. What an input tile has behind its group is zero, so it does not
// matter what a weight's tile has there.
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/AmxTiles.h"
#include "passes/CPU/Product.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace plait;

namespace {

constexpr int64_t kFewRows = 4;               ///< that vectors multiply as fast
constexpr int64_t kRows = TileOps::maxRows;   ///< rows of the input in a tile
constexpr int64_t kStep = TileOps::rowBytes;  ///< columns of a tile
constexpr int64_t kTileBytes = kRows * kStep; ///< of a tile
constexpr int64_t kPanel = 32;                ///< rows of a panel: two tiles
constexpr int64_t kLine = kPanel * 4;         ///< bytes of a panel's words side by side
constexpr int64_t kTotals = kRows * kPanel;   ///< f32 sums of 16 rows by a panel
constexpr int64_t kAhead = 8 << 10;           ///< bytes: 16 rows wait a quarter of their time for memory else
constexpr int64_t kBlockBytes = 1 << 20;      ///< of a block's input: half of the L2 cache

class IntegerTileProduct : public IntegerProduct {
public:
  IntegerTileProduct(CpuKernelEmitter &e, std::unique_ptr<TileOps> tileOps, Value input, Value weight, Value bias,
                     Value result)
      : IntegerProduct(e, input, weight, bias, result), tiles(std::move(tileOps)), byte(e.builder().getI8Type()),
        wordType(e.vectorType(e.builder().getI32Type())), group(element.getGroup()),
        stepsPerGroup(int64_t(llvm::divideCeil(group, kStep))) {
    sixteens = std::clamp<int64_t>(kBlockBytes / (steps() * 2 * kTileBytes), 1, e.blockColumns() ? 4 : 32);
    inputTiles = e.scratch(byte, steps() * sixteens * 2 * kTileBytes);
    for (size_t p = 0; p < products.size(); ++p)
      totals.push_back(e.scratch(e.f32Type(), sixteens * kTotals));
    sums = e.scratch(e.builder().getI32Type(), 4 * kRows * kRows);
    if (isSpread(group) || isSpread(layout.cols % group))
      spread = e.scratch(byte, stepsPerGroup * 2 * kTileBytes);
  }

  void run() {
    beginSums();
    assert(!hasLeaves());
    Value isMany = e.less(e.i64(kFewRows), count);
    Value blocks = e.div(e.add(count, kRows * sixteens - 1), e.i64(kRows * sixteens));
    e.ifThen(isMany, [&] { tiles->configure({}, e.i64(kRows)); });
    e.forLoop(e.i64(0), e.select(isMany, blocks, e.i64(1)), 1, [&](Value block) {
      firstRow = e.mul(block, kRows * sixteens);
      blockRows = e.minimum(e.sub(count, firstRow), e.i64(kRows * sixteens));
      e.ifThen(isMany, [&] { takeApart(); });
      forEachPanels([&](Value first, Value last, int64_t most) {
        e.ifElse(
            isMany,
            [&] {
              withBlock(first, firstRow, blockRows, kRows * sixteens,
                        [&] { e.forLoop(first, last, 1, [&](Value panel) { emitPanel(panel); }); });
            },
            [&] { emitRows(first, last, most); });
      });
    });
    e.ifThen(isMany, [&] { tiles->release(); });
  }

private:
  int64_t wholeGroups() const { return layout.cols / group; }
  int64_t steps() const { return int64_t(llvm::divideCeil(layout.cols, group)) * stepsPerGroup; }
  /// Whether `columns` of a group are copied into tiles.
  bool isSpread(int64_t columns) const { return columns && (layout.quantization->bits == 4 || columns % kStep); }
  /// Of the 16 rows `sixteen` of the block.
  Value inputTile(Value step, Value sixteen) {
    return e.element(byte, inputTiles, e.mul(e.add(e.mul(step, sixteens), sixteen), 2 * kTileBytes));
  }
  template <typename GroupBody> void forGroups(GroupBody body) {
    e.forLoop(e.i64(0), e.i64(wholeGroups()), 1, [&](Value i) { body(i, group); });
    if (int64_t left = layout.cols % group)
      body(e.i64(wholeGroups()), left);
  }

  //===--------------------------------------------------------------------===//
  // The input
  //===--------------------------------------------------------------------===//

  void takeApart() {
    e.forLoop(e.i64(0), blockRows, 1, [&](Value row) {
      Value source = e.element(byte, input, e.mul(e.add(firstRow, row), element.getRowBytes(layout.cols)));
      Value sixteen = e.div(row, e.i64(kRows)), offset = e.mul(e.rem(row, e.i64(kRows)), kStep);
      forGroups([&](Value i, int64_t columns) {
        for (int64_t s = 0; s < stepsPerGroup; ++s) {
          Value tile = e.element(byte, inputTile(e.add(e.mul(i, stepsPerGroup), s), sixteen), offset);
          Value first = e.add(e.mul(i, group), s * kStep);
          takeApart(source, first, std::clamp<int64_t>(columns - s * kStep, 0, kStep), tile);
        }
      });
    });
  }

  /// `columns` integers of a row from `first` on, and zeros, as one row of two tiles.
  void takeApart(Value source, Value first, int64_t columns, Value tile) {
    constexpr int64_t atOnce = 16; // rows are padded to 16 integers
    OpBuilder &b = e.builder();
    auto bytes = VectorType::get({atOnce}, byte);
    for (int64_t c = 0; c < kStep; c += atOnce) {
      Value high = e.integer(bytes, 0), low = high;
      if (c < columns) {
        auto type = VectorType::get({atOnce}, b.getI16Type());
        Value x = e.load(type, source, e.add(first, c));
        low = arith::TruncIOp::create(b, e.loc(), bytes, x);
        high = arith::TruncIOp::create(b, e.loc(), bytes, arith::ShRUIOp::create(b, e.loc(), x, e.integer(type, 8)));
        low = vector::ShuffleOp::create(b, e.loc(), low, low, byteOrder(atOnce));
        high = vector::ShuffleOp::create(b, e.loc(), high, high, byteOrder(atOnce));
      }
      e.store(high, tile, e.i64(c));
      e.store(low, tile, e.i64(kTileBytes + c));
    }
  }

  //===--------------------------------------------------------------------===//
  // A panel
  //===--------------------------------------------------------------------===//

  void emitPanel(Value panel) {
    Value end = e.div(e.add(blockRows, kRows - 1), e.i64(kRows));
    for (auto [product, own] : llvm::zip_equal(products, totals)) {
      weights = product.weights;
      e.forLoop(e.i64(0), end, 1, [&, own = own](Value sixteen) {
        for (int64_t i = 0; i < kTotals; i += e.lanes())
          e.store(e.splat(0), own, e.add(e.mul(sixteen, kTotals), i));
      });
      forGroups([&, own = own](Value i, int64_t columns) { addGroup(panel, i, columns, end, own); });
    }
    storePanel(totals, firstRow, e.i64(0), blockRows, panel);
  }

  /// Adds the columns of a group to the totals of all rows of the block.
  void addGroup(Value panel, Value i, int64_t columns, Value end, Value own) {
    auto [header, words] = groupWords(i);
    Block block{{}, 1, panel, 1, e.i64(0), kPanel / e.lanes()};
    Value source = e.element(byte, weights, e.mul(wordOffset(block, 0, words), 4));
    int64_t bytes = int64_t(llvm::divideCeil(columns, layout.wordColumns)) * kLine + headerWords() * 4;
    e.forLoop(e.i64(0), e.i64(bytes), 64,
              [&](Value line) { e.prefetch(e.element(byte, source, line), kAhead, /*level=*/2); });
    if (isSpread(columns))
      spreadGroup(source, columns);
    Value from = isSpread(columns) ? spread : source;

    SmallVector<Value> scales, zeros;
    for (int64_t v = 0; v < block.vectors; ++v) {
      scales.push_back(loadScales(block, v, header));
      if (layout.quantization->zeroPoints)
        zeros.push_back(loadZeros(block, v, header));
      else if (layout.quantization->bits == 4)
        zeros.push_back(e.integer(wordType, 8));
    }
    e.forLoop(e.i64(0), end, 1, [&](Value sixteen) {
      multiply(from, e.mul(i, stepsPerGroup), int64_t(llvm::divideCeil(columns, kStep)), sixteen);
      Value first = e.mul(sixteen, kRows), rows = e.minimum(e.sub(blockRows, first), e.i64(kRows));
      e.forLoop(e.i64(0), rows, 1, [&](Value row) {
        Value place = e.mul(e.add(first, row), kPanel);
        addToTotals(row, e.add(e.add(firstRow, first), row), i, scales, zeros, own, place);
      });
    });
  }

  /// Words of 4 bits as two lines of bytes, of bytes as they are.
  void spreadGroup(Value source, int64_t columns) {
    OpBuilder &b = e.builder();
    int64_t lines = int64_t(llvm::divideCeil(columns, layout.wordColumns)), bits = layout.quantization->bits;
    e.forLoop(e.i64(0), e.i64(lines), 1, [&](Value line) {
      for (int64_t w = 0; w < kPanel; w += e.lanes()) {
        Value word = e.load(wordType, source, e.add(e.mul(line, kPanel), w));
        if (bits == 8) {
          e.store(word, spread, e.add(e.mul(line, kPanel), w));
          continue;
        }
        Value mask = e.integer(wordType, 0x0F0F0F0F);
        Value high = arith::ShRUIOp::create(b, e.loc(), word, e.integer(wordType, 4));
        Value even = arith::AndIOp::create(b, e.loc(), word, mask), odd = arith::AndIOp::create(b, e.loc(), high, mask);
        e.store(even, spread, e.add(e.mul(line, 2 * kPanel), w));
        e.store(odd, spread, e.add(e.mul(line, 2 * kPanel), kPanel + w));
      }
    });
  }

  /// Sums of `count` steps from `first` on, in memory: [side][h, l][16][16].
  void multiply(Value from, Value first, int64_t count, Value sixteen) {
    constexpr unsigned high = 4, low = 5, weight = 6; // sums are 2 * side, and 1 more for l
    bool isSigned = layout.quantization->bits == 8;
    for (unsigned tile = 0; tile < 4; ++tile)
      tiles->zero(tile);
    for (int64_t s = 0; s < count; ++s) {
      Value tile = inputTile(e.add(first, s), sixteen);
      tiles->load(high, tile, kStep);
      tiles->load(low, e.element(byte, tile, e.i64(kTileBytes)), kStep);
      for (unsigned side = 0; side < 2; ++side) {
        tiles->load(weight + side, e.element(byte, from, e.i64(s * kRows * kLine + side * kStep)), kLine);
        tiles->multiplyInt8(2 * side, high, weight + side, /*signedA=*/true, isSigned);
        tiles->multiplyInt8(2 * side + 1, low, weight + side, /*signedA=*/false, isSigned);
      }
    }
    for (unsigned tile = 0; tile < 4; ++tile)
      tiles->store(tile, e.element(byte, sums, e.i64(tile * kTileBytes)), kStep);
  }

  /// One row of the sums.
  void addToTotals(Value row, Value inputRow, Value i, ArrayRef<Value> scales, ArrayRef<Value> zeros, Value own,
                   Value place) {
    OpBuilder &b = e.builder();
    Value scale = e.broadcast(loadOne(e.f32Type(), inputRow, element.getScalesOffset(layout.cols), i));
    Value rowSum;
    if (!zeros.empty())
      rowSum = e.broadcast(loadOne(b.getI32Type(), inputRow, element.getSumsOffset(layout.cols), i));
    for (auto [v, weightScales] : llvm::enumerate(scales)) {
      int64_t column = int64_t(v) * e.lanes(), side = column / kRows;
      auto load = [&](int64_t tile) {
        return e.load(wordType, sums, e.add(e.mul(row, kRows), tile * kRows * kRows + column % kRows));
      };
      Value high = arith::ShLIOp::create(b, e.loc(), load(2 * side), e.integer(wordType, 8));
      Value sum = e.add(high, load(2 * side + 1));
      if (!zeros.empty())
        sum = e.sub(sum, e.mul(zeros[v], rowSum));
      Value at = e.add(place, column);
      Value total = e.fma(arith::SIToFPOp::create(b, e.loc(), e.f32VectorType(), sum), e.mul(weightScales, scale),
                          e.load(e.f32VectorType(), own, at));
      e.store(total, own, at);
    }
  }

  std::unique_ptr<TileOps> tiles;
  Type byte;
  VectorType wordType;
  int64_t group, stepsPerGroup, sixteens;
  SmallVector<Value> totals; ///< of each product: [rows of a block][32] f32
  Value inputTiles, sums, spread;
  Value firstRow, blockRows; ///< of the block at work
};

} // namespace

void plait::emitIntegerProduct(CpuKernelEmitter &e, Value input, Value weight, Value bias, Value result) {
  auto linear = result.getDefiningOp<lm::LinearOp>();
  bool hasLeaves = linear && linear.getTree() && !linear.getTree()->isChain();
  std::unique_ptr<TileOps> tiles = hasLeaves ? nullptr : TileOps::create(e);
  if (tiles && e.packedType(weight).getPanel() == kPanel)
    IntegerTileProduct(e, std::move(tiles), input, weight, bias, result).run();
  else if (!hasLeaves && e.target().bytes != ByteUnit::none)
    ByteProduct(e, input, weight, bias, result).run();
  else
    IntegerProduct(e, input, weight, bias, result).run();
}
