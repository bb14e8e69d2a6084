//===- AmxProduct.cpp - Products with packed weights on tiles -------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// lm.linear and lm.head of bf16 by bf16. A panel of 32 rows of the weight is two
// tiles wide, and a step of 32 columns of it is one tile high: the pack is what
// the tiles hold. Inputs are taken 16 rows at a time; the last 16 may begin among
// those before them, because equal rows give equal bits, so that tiles have one
// shape from the first to the last.
//
// - Up to 4 rows: vectors, which read weights faster (BF16Product).
// - Up to 16 rows: two panels at once, each read once from end to end.
// - Up to 32 rows: one panel at once, 2 x 2 tiles.
// - More: blocks of rows that fit the L2 cache together with a few panels; for
//   each panel, for each part of K that fits the L1 cache, for each 32 rows. Sums
//   wait in memory between the parts, which changes no bit of them.
//
// Numerics: see lm.linear. One instruction, one step and one order for every
// number of rows.
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/AmxProduct.h"

#include "passes/CPU/AmxTiles.h"
#include "passes/CPU/Product.h"

using namespace plait;

namespace {

constexpr int64_t kPanel = 32;                     ///< rows of a panel: two tiles
constexpr int64_t kStep = 32;                      ///< columns of a tile of bf16
constexpr int64_t kRows = TileOps::maxRows;        ///< rows of the input in a tile
constexpr int64_t kStepBytes = kStep * kPanel * 2; ///< of a panel
constexpr int64_t kRegion = kRows * kPanel;        ///< f32 sums of 16 rows by a panel
constexpr int64_t kPartSteps = 32;                 ///< steps of K whose tiles stay in the L1 cache
constexpr int64_t kBlockBytes = 9 << 17;           ///< of the input: a good half of the L2 cache

/// Sums of at most 2 x 2 tiles: 16 rows by a panel each.
struct Block {
  SmallVector<Value> starts;   ///< first row of each 16
  SmallVector<Value> firstNew; ///< first row of each 16 whose result is stored
  SmallVector<Value> panels;
  SmallVector<Value> regions; ///< [starts][panels]: where the sums are in memory
  bool once = false;          ///< the weight is read once
};

/// A part of K.
struct Part {
  Value begin, end;  ///< whole steps
  Value first, last; ///< i1; null: it is
};

class AmxProduct : ProductOperands {
public:
  AmxProduct(CpuKernelEmitter &e, std::unique_ptr<TileOps> tileOps, Value input, Value weight, Value bias, Value result)
      : ProductOperands(e, input, weight, bias, result), fewRows(e, input, weight, bias, result),
        tiles(std::move(tileOps)), byte(e.builder().getI8Type()),
        pitch(2 * cast<RankedTensorType>(input.getType()).getDimSize(1)), steps(layout.cols / kStep),
        tail(layout.cols % kStep) {
    // An even number of 16 rows.
    blockTiles = std::clamp<int64_t>(kBlockBytes / (kRows * pitch), 4, e.blockColumns() ? 4 : 32) & ~int64_t(1);
    for (size_t p = 0; p < products.size(); ++p)
      sums.push_back(e.scratch(e.f32Type(), blockTiles * kRegion));
    if (tail)
      tails = e.scratch(byte, 2 * kStepBytes);
  }

  void run() {
    // Four panels keep several streams of weights in flight.
    int64_t panels = layout.panels(), most = std::min<int64_t>(4, panels);
    Value isMany = e.less(e.i64(BF16Product::mostRows), count), rows = e.minimum(count, e.i64(kRows));
    e.ifThen(isMany, [&] {
      // One shape for the whole call: sums and inputs have 16 rows, or all there are.
      tiles->configure({0, 1, 2, 3, kInput, kInput + 1}, rows);
      if (tail)
        clearTails();
    });
    forEachPanels(most, [&](Value first, Value last) {
      Value isOne = e.less(count, e.i64(kRows + 1)), isTwo = e.less(count, e.i64(2 * kRows + 1));
      e.ifElse(
          isMany,
          [&] {
            e.ifElse(
                isOne, [&] { withBlock(first, e.i64(0), count, kRows, [&] { emitOne(first, last, most); }); },
                [&] {
                  e.ifElse(
                      isTwo, [&] { withBlock(first, e.i64(0), count, 2 * kRows, [&] { emitTwo(first, last); }); },
                      [&] { emitMany(first, last); });
                });
          },
          [&] { fewRows.emitRows(first, last, most); });
    });
    e.ifThen(isMany, [&] { tiles->release(); });
  }

private:
  static constexpr unsigned kInput = 4, kWeight = 6; ///< tiles; sums are 0 to 3

  //===--------------------------------------------------------------------===//
  // The order of blocks
  //===--------------------------------------------------------------------===//

  Part allOfK() { return {e.i64(0), e.i64(steps), {}, {}}; }

  /// 5 to 16 rows.
  void emitOne(Value first, Value last, int64_t most) {
    auto emit = [&](Value panel, int64_t atOnce) {
      Block block;
      block.starts = block.firstNew = {e.i64(0)};
      for (int64_t p = 0; p < atOnce; ++p) {
        block.panels.push_back(e.add(panel, p));
        block.regions.push_back(e.i64(p));
      }
      block.once = true;
      emitBlock(block, allOfK());
    };
    int64_t atOnce = std::min<int64_t>(most, 2);
    Value whole = e.sub(last, e.rem(e.sub(last, first), e.i64(atOnce)));
    e.forLoop(first, whole, atOnce, [&](Value panel) { emit(panel, atOnce); });
    if (atOnce > 1)
      e.forLoop(whole, last, 1, [&](Value panel) { emit(panel, 1); });
  }

  /// 17 to 32 rows.
  void emitTwo(Value first, Value last) {
    e.forLoop(first, last, 1, [&](Value panel) {
      Block block;
      for (int64_t i = 0; i < 2; ++i) {
        addRows(block, e.i64(i));
        block.regions.push_back(e.i64(i));
      }
      block.panels = {panel};
      block.once = true;
      emitBlock(block, allOfK());
    });
  }

  /// More than 32 rows.
  void emitMany(Value first, Value last) {
    Value sixteens = e.div(e.add(count, kRows - 1), e.i64(kRows));
    int64_t parts = std::max<int64_t>(1, llvm::divideCeil(steps, kPartSteps));
    int64_t partSteps = llvm::divideCeil(steps, parts);
    e.forLoop(e.i64(0), sixteens, blockTiles, [&](Value begin) {
      Value end = e.minimum(e.add(begin, blockTiles), sixteens);
      Value even = e.sub(end, e.rem(e.sub(end, begin), e.i64(2)));
      Value firstRow = e.mul(begin, kRows), rows = e.minimum(e.mul(e.sub(end, begin), kRows), e.sub(count, firstRow));
      withBlock(first, firstRow, rows, blockTiles * kRows, [&] {
        e.forLoop(first, last, 1, [&](Value panel) {
          e.forLoop(e.i64(0), e.i64(parts), 1, [&](Value p) {
            Part part = {e.mul(p, partSteps), e.minimum(e.mul(e.add(p, 1), partSteps), e.i64(steps)), {}, {}};
            if (parts > 1) {
              part.first = e.equal(p, e.i64(0));
              part.last = e.equal(p, e.i64(parts - 1));
            }
            auto emit = [&](Value sixteen, int64_t tall) {
              Block block;
              for (int64_t i = 0; i < tall; ++i) {
                addRows(block, e.add(sixteen, i));
                block.regions.push_back(e.sub(e.add(sixteen, i), begin));
              }
              block.panels = {panel};
              emitBlock(block, part);
            };
            e.forLoop(begin, even, 2, [&](Value sixteen) { emit(sixteen, 2); });
            e.ifThen(e.less(even, end), [&] { emit(even, 1); });
          });
        });
      });
    });
  }

  /// The `sixteen`th 16 rows; the last ones end with the input.
  void addRows(Block &block, Value sixteen) {
    Value nominal = e.mul(sixteen, kRows), start = e.minimum(nominal, e.sub(count, e.i64(kRows)));
    block.starts.push_back(start);
    block.firstNew.push_back(e.sub(nominal, start));
  }

  //===--------------------------------------------------------------------===//
  // One block
  //===--------------------------------------------------------------------===//

  void emitBlock(const Block &block, const Part &part) {
    for (auto [product, own] : llvm::zip_equal(products, sums)) {
      weights = product.weights;
      emitSums(block, part, own);
    }
    part.last ? e.ifThen(part.last, [&] { storeBlock(block); }) : storeBlock(block);
  }

  Value regionOf(Value sums, Value region) { return e.element(e.f32Type(), sums, e.mul(region, kRegion)); }

  /// The sums of one product, from and to memory.
  void emitSums(const Block &block, const Part &part, Value own) {
    auto forSums = [&](llvm::function_ref<void(unsigned tile, Value address)> body) {
      for (auto [i, region] : llvm::enumerate(block.regions))
        for (unsigned side = 0; side < 2; ++side)
          body(unsigned(2 * i) + side, e.element(e.f32Type(), regionOf(own, region), e.i64(side * kRows)));
    };
    auto zero = [&] { forSums([&](unsigned tile, Value) { tiles->zero(tile); }); };
    auto load = [&] { forSums([&](unsigned tile, Value at) { tiles->load(tile, at, kPanel * 4); }); };
    part.first ? e.ifElse(part.first, zero, load) : zero();

    SmallVector<Value> inputs, panelStarts;
    for (Value start : block.starts)
      inputs.push_back(e.element(byte, input, e.mul(start, pitch)));
    for (Value panel : block.panels)
      panelStarts.push_back(e.element(byte, weights, e.mul(panel, layout.panelBytes())));
    e.forLoop(part.begin, part.end, 1, [&](Value k) {
      SmallVector<Value> panelSteps;
      for (Value start : panelStarts)
        panelSteps.push_back(e.element(byte, start, e.mul(k, kStepBytes)));
      emitStep(block, inputs, e.mul(k, 2 * kStep), panelSteps);
    });
    if (tail) {
      auto finish = [&] { emitTail(block, inputs, panelStarts); };
      part.last ? e.ifThen(part.last, finish) : finish();
    }
    forSums([&](unsigned tile, Value at) { tiles->store(tile, at, kPanel * 4); });
  }

  /// One step of K: the inputs at byte `offset` of their rows by the panels' tiles.
  void emitStep(const Block &block, ArrayRef<Value> inputs, Value offset, ArrayRef<Value> panelSteps) {
    if (block.once)
      for (Value step : panelSteps)
        prefetch(step);
    for (auto [i, start] : llvm::enumerate(inputs))
      tiles->load(kInput + unsigned(i), e.element(byte, start, offset), pitch);
    for (auto [p, step] : llvm::enumerate(panelSteps))
      for (unsigned side = 0; side < 2; ++side) {
        tiles->load(kWeight + side, e.element(byte, step, e.i64(side * TileOps::rowBytes)), kPanel * 4, block.once);
        for (size_t i = 0; i < inputs.size(); ++i)
          tiles->multiplyBF16(unsigned(2 * (i * panelSteps.size() + p)) + side, kInput + unsigned(i), kWeight + side);
      }
  }

  /// Asks for the step after the next: tiles wait for memory line by line.
  void prefetch(Value step) {
    for (int64_t line = 0; line < kStepBytes; line += 64)
      e.prefetch(step, kStepBytes + line);
  }

  void clearTails() {
    for (int64_t i = 0; i < 2 * kStepBytes; i += 64)
      e.store(e.integer(VectorType::get({64}, byte), 0), tails, e.i64(i));
  }

  /// The last columns, less than a step: behind them in the pack is another panel,
  /// or nothing, so that they are copied in front of zeros. The input has its own.
  void emitTail(const Block &block, ArrayRef<Value> inputs, ArrayRef<Value> panelStarts) {
    int64_t bytes = int64_t(llvm::divideCeil(tail, 2)) * kPanel * 4;
    SmallVector<Value> copies;
    for (auto [p, start] : llvm::enumerate(panelStarts)) {
      copies.push_back(e.element(byte, tails, e.i64(int64_t(p) * kStepBytes)));
      VectorType row = VectorType::get({kPanel}, e.builder().getI32Type());
      for (int64_t i = 0; i < bytes; i += kPanel * 4)
        e.store(e.load(row, e.element(byte, start, e.i64(steps * kStepBytes + i)), e.i64(0)),
                e.element(byte, copies.back(), e.i64(i)), e.i64(0));
    }
    emitStep(block, inputs, e.i64(steps * 2 * kStep), copies);
  }

  /// The block's sums from memory to the results.
  void storeBlock(const Block &block) {
    Value whole = e.minimum(count, e.i64(kRows));
    for (auto [i, start] : llvm::enumerate(block.starts))
      for (auto [p, panel] : llvm::enumerate(block.panels)) {
        Value region = block.regions[i * block.panels.size() + p];
        auto own = llvm::map_to_vector(sums, [&](Value sums) { return regionOf(sums, region); });
        storePanel(own, start, block.firstNew[i], whole, panel);
      }
  }

  BF16Product fewRows;
  std::unique_ptr<TileOps> tiles;
  Type byte;
  int64_t pitch; ///< bytes of a row of the input
  int64_t steps, tail, blockTiles;
  SmallVector<Value> sums; ///< of each product: [blockTiles][16][32] f32
  Value tails;             ///< [2][16][32][2] bf16
};

} // namespace

LogicalResult plait::emitAmxProduct(Operation *op, CpuKernelEmitter &e, Value input, Value weight, Value bias) {
  kernel::PackedType packed = e.packedType(weight);
  std::unique_ptr<TileOps> tiles = TileOps::create(e);
  if (!tiles)
    return op->emitOpError("expected an input of f32 but got ")
           << input.getType() << ": the target has no tiles that multiply bf16";
  if (!packed.getStorageType().isBF16() || packed.getPanel() != kPanel || packed.getGroup() != 2)
    return op->emitOpError("expected a weight of bf16 in panels of ")
           << kPanel << " rows and groups of 2 but got " << packed;
  int64_t columns = cast<RankedTensorType>(input.getType()).getDimSize(1);
  int64_t least = int64_t(llvm::alignTo(packed.getWeight().getCols(), kStep));
  if (columns < least)
    return op->emitOpError("expected an input with at least ") << least << " columns but got " << columns;
  AmxProduct(e, std::move(tiles), input, weight, bias, op->getResult(0)).run();
  return success();
}
