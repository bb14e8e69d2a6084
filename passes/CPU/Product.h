//===- Product.h - Products with packed weights -----------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What lm.linear and lm.head are made of. A tile is a panel of the weight and
// all rows of the input. Rows are taken in blocks whose accumulators stay in
// registers; the last rows in blocks whose sizes are powers of two. How the sums
// of a block are computed is up to the kind of product.
//
// Numerics: a sum is the same in a block of any size and place, so a row's bits do
// not depend on the number of rows. With a tree (lm.linear) each leaf is a sum by
// itself, and leaves are joined in the order of the tree.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_CPU_PRODUCT_H
#define PLAIT_PASSES_CPU_PRODUCT_H

#include "passes/CPU/NodeStack.h"

namespace plait {

/// What all kinds of products have: operands, and the place where results go.
class ProductOperands {
public:
  /// `bias` may be null. Other products of the part (CpuKernelEmitter::part), of the
  /// same input and with weights of the same layout, are emitted with this one.
  ProductOperands(CpuKernelEmitter &e, Value input, Value weight, Value bias, Value result);

protected:
  struct Product {
    Value weights;
    Value bias; ///< may be null
    Value result;
    Value start = {}; ///< the bias, of a sum that begins with it; may be null
  };

  /// Of each product, what `columns` of its bias are, or null.
  SmallVector<Value> loadBiases(Columns columns);
  /// Adds biases to finished vectors of sums of `row`, one of each product, and what
  /// the part does with them, and writes those columns that exist.
  void storeResults(Value row, Columns columns, ArrayRef<Value> sums, ArrayRef<Value> biases);
  /// Stores rows begin .. end - 1 of `panel`, of which row 0 is `firstRow` of the
  /// result: those of f32 sums in memory, [rows][panel], one address per product.
  void storePanel(ArrayRef<Value> sums, Value firstRow, Value begin, Value end, Value panel);
  /// The tile loop. A tile is a panel, and `body` takes up to `most` of them at once; or, if the part
  /// reduces blocks of columns, the panels of a block.
  void forEachPanels(int64_t most, llvm::function_ref<void(Value first, Value last)> body);
  /// What `body` stores are rows firstRow .. firstRow + rows - 1, at most `mostRows`, of all panels of the
  /// tile that begins with `firstPanel`: reduces their block, if the part does so.
  void withBlock(Value firstPanel, Value firstRow, Value rows, int64_t mostRows, llvm::function_ref<void()> body);

  CpuKernelEmitter &e;
  kernel::PackedType packed;
  PanelLayout layout;
  Value input;
  Value weights; ///< of the product whose sums are being emitted
  Value count;   ///< rows of the input
  SmallVector<Product> products;
};

/// Products of sums in vector registers.
class ProductEmitter : protected ProductOperands {
public:
  using ProductOperands::ProductOperands;
  virtual ~ProductEmitter() = default;
  void run();

protected:
  using TileBody = llvm::function_ref<void(Value firstPanel, Value lastPanel, int64_t most)>;

  /// Reads the tree of the sums, if they have one: once, before all else.
  void beginSums();
  /// Whether sums are trees of several leaves.
  bool hasLeaves() const { return stack.has_value(); }
  /// The tile loop; `body` is told how many panels to take at once.
  void forEachPanels(TileBody body);
  using ProductOperands::forEachPanels;
  /// Panels firstPanel .. lastPanel - 1 of rows begin .. end - 1.
  void emitRows(Value begin, Value end, Value firstPanel, Value lastPanel, int64_t most);
  void emitRows(Value firstPanel, Value lastPanel, int64_t most) {
    emitRows(e.i64(0), count, firstPanel, lastPanel, most);
  }

  /// Results that are computed together: `rows` rows from `row` on, and of each of
  /// `panels` panels from `panel` on `vectors` vectors, the first of which begins
  /// `lane` rows into the panel.
  struct Block {
    Value row;
    int64_t rows;
    Value panel;
    int64_t panels;
    Value lane;
    int64_t vectors;
    int64_t columns() const { return panels * vectors; }
  };

  /// `sums` of `block` plus the products with `columns` columns of `weights` from `first`
  /// on: row by row, each panel by panel.
  virtual SmallVector<Value> emitColumns(const Block &block, Value first, int64_t columns, ValueRange sums) = 0;
  /// The same `group` columns at a time, of which the last may have fewer; `first` is a
  /// multiple of them.
  SmallVector<Value> emitGroups(const Block &block, int64_t group, Value first, int64_t columns, ValueRange sums);
  /// `totals` plus the sums over the `columns` columns of `group`.
  virtual SmallVector<Value> emitGroup(const Block &block, Value group, int64_t columns, ValueRange totals) = 0;
  /// Vectors of a row that a block has if it can: enough for the sums not to wait for
  /// each other, few enough for the registers.
  virtual int64_t blockVectors(int64_t rows) const { return std::max<int64_t>(2, 8 / rows); }
  /// Asks for what `block` will need `ahead` bytes behind the words that `words` leads
  /// to, if there are so few rows that the memory is what it waits for. It pays where
  /// there is so much to do per word that the processor does not see far ahead.
  void prefetch(const Block &block, Value words, int64_t ahead);

  /// Offset in the weight, in words of 32 bits, of the word of vector `column` of
  /// `block` that lies `word` (i64) words behind the beginning of its panel.
  Value wordOffset(const Block &block, int64_t column, Value word);
  /// Words from the beginning of a panel to the header of a group.
  Value groupOffset(Value group) { return e.mul(group, layout.groupBytes(layout.groupColumns()) / 4); }
  int64_t headerWords() const { return layout.headerBytes() / 4; }
  /// The scales of vector `column` of `block`, in the group whose header begins
  /// `header` words behind the beginning of the panel.
  Value loadScales(const Block &block, int64_t column, Value header);
  /// The zero points there, as i32. Only of a weight that has some.
  Value loadZeros(const Block &block, int64_t column, Value header);

private:
  /// Rows per block such that accumulators, weights and one input fit the
  /// registers: 16 vector registers, 32 with AVX-512.
  virtual int64_t blockRows() const { return e.lanes() == 16 ? 12 : e.target().fma ? 6 : 4; }
  void emitSomeRows(Value first, Value rows, Value firstPanel, Value lastPanel, int64_t most);
  void emitPanels(Value row, int64_t rows, Value first, Value last, int64_t most);
  void emitBlock(const Block &block);
  /// The sums of a product, without bias; with several nodes they are left on the stack.
  SmallVector<Value> emitSums(const Block &block, const Product &product);
  /// What leaf `i` of the product begins with.
  SmallVector<Value> emitStart(const Block &block, const Product &product, Value i);
  /// Stores the nodes of a product that are on the stack, side by side.
  void storeNodes(const Block &block, const Product &product);
  /// Whether `op` is elementwise and takes more than an operation per element: it
  /// is better repeated by a loop, with constants in registers, than unrolled.
  static bool hasManyFlops(Operation *op);
  /// How many columns vector `c` of a row lies behind the first one.
  int64_t columnOffset(const Block &block, int64_t c) const {
    return c / block.vectors * layout.panel + c % block.vectors * e.lanes();
  }
  /// Those that begin `behind` columns into `block`.
  Columns columnsOf(const Block &block, Value behind);
  /// Stores the block's sums, of each product, a vector at a time out of memory.
  void storeInLoop(const Block &block, ArrayRef<SmallVector<Value>> sums);

  lm::TreeAttr tree; ///< of several leaves, or null
  std::optional<NodeStack> stack;
};

/// Sums of f32 products; weights are converted in registers. Every output element
/// is one chain of fused multiply-adds over k = 0, 1, ..., K-1 from zero. With
/// weights of integers there is such a chain over q - z for each group, and one of
/// scale times group over the groups in order.
class FloatProduct : public ProductEmitter {
public:
  using ProductEmitter::ProductEmitter;

private:
  SmallVector<Value> emitColumns(const Block &block, Value first, int64_t columns, ValueRange sums) override;
  SmallVector<Value> emitGroup(const Block &block, Value group, int64_t columns, ValueRange totals) override;
  /// Adds the products of `columns` columns from `firstColumn` on, whose words
  /// begin `words` words behind the beginning of the panel.
  SmallVector<Value> addColumns(const Block &block, Value words, Value firstColumn, int64_t columns,
                                ArrayRef<Value> zeros, ValueRange sums);
  /// Column `i` of words as f32.
  Value unpack(Value words, int64_t i, Value zeros);
};

/// Products of bf16 with bf16 for a few rows, without tiles and with the bits that tiles
/// give: a step of 32 columns is a chain over the even ones and one over the odd ones,
/// from zero, then added to one another and to the sum; subnormal numbers are zeros.
class BF16Product : public ProductEmitter {
public:
  static constexpr int64_t mostRows = 4; ///< that it computes as fast as weights are read

  BF16Product(CpuKernelEmitter &e, Value input, Value weight, Value bias, Value result);
  using ProductEmitter::emitRows;

private:
  SmallVector<Value> emitColumns(const Block &block, Value first, int64_t columns, ValueRange sums) override;
  SmallVector<Value> emitGroup(const Block &, Value, int64_t, ValueRange) override {
    llvm_unreachable("bf16 has no groups");
  }
  int64_t blockRows() const override { return mostRows; }
  /// Adds `words` pairs of columns, a step or the rest of one, from pair `first` on.
  SmallVector<Value> addStep(const Block &block, Value first, int64_t words, ValueRange sums);

  int64_t rowWords; ///< pairs of a row of the input, with padding
  Value control;    ///< the control word of vector arithmetic: before, and with zeros for subnormal numbers
};

/// Products with activations in 16 bits (lm.quantize): a group of columns is summed
/// in 32-bit integers, exactly, and added to the result as fma(float(sum), scale of
/// the weight times scale of the input, result), over the groups in order.
class IntegerProduct : public ProductEmitter {
public:
  IntegerProduct(CpuKernelEmitter &e, Value input, Value weight, Value bias, Value result);

protected:
  /// Words from the beginning of a panel to the scales and to the integers of a group
  /// of the input's: where one scale serves a whole row, it is still summed in groups.
  std::pair<Value, Value> groupWords(Value group);
  /// What `row` of the input has for `group`, of those that begin `byteOffset` into it.
  Value loadOne(Type type, Value row, int64_t byteOffset, Value group);
  /// Where the columns of a run of words lie in the input that stand side by side in the weight's bytes:
  /// 0 1 2 3 of bytes, and of 4 bits 0 2 4 6, then 1 3 5 7, as masks leave them.
  SmallVector<int64_t> byteOrder(int64_t count) const;

  /// Rows as integers with a scale and a sum for each group.
  struct Rows {
    Value pointer;
    int64_t bits; ///< 16, as lm.quantize makes them, or 8, in the order of bytes of the weight
    int64_t bytes, scalesOffset, sumsOffset; ///< of a row, and within it
    Value first = {};                        ///< the row that begins at `pointer`; null: row 0
  };
  lm::Int16Type element;
  Rows rows; ///< that are multiplied

private:
  SmallVector<Value> emitColumns(const Block &block, Value first, int64_t columns, ValueRange sums) override {
    return emitGroups(block, element.getGroup(), first, columns, sums);
  }
  /// Of one row two panels, two streams of weights. With 4 bits one: words take longer
  /// to take apart than to read, and its sums and those of the group fill the registers.
  int64_t blockVectors(int64_t rows) const override {
    int64_t perPanel = layout.panel / e.lanes();
    return rows > 1 ? 2 : layout.quantization->bits == 4 ? perPanel : 2 * perPanel;
  }
  SmallVector<Value> emitGroup(const Block &block, Value group, int64_t columns, ValueRange totals) override;
  /// What the weight's integers are too large by as unpack() gives them, but for zero points.
  int64_t offset() const;
  Value wordOf(Value row); ///< where row `row` begins
  /// Adds the products of the columns of word `word` of a group, whose words begin
  /// `words` words behind the beginning of a panel, and whose inputs begin `inputs`
  /// words behind that of a row.
  SmallVector<Value> addWord(const Block &block, Value words, Value inputs, Value word, ValueRange sums);
  /// Those columns of words that word `i` of the input has: two integers of 16 bits side by side, or four of
  /// 8 bits without a sign.
  Value unpack(Value words, int64_t i);
  /// 32-bit words as so many parts of `bits` bits.
  Value inParts(Value words, int64_t bits);
  /// `sum` plus the products of the parts of each word of w and x.
  Value addPairs(Value sum, Value w, Value x);
  Value addBytes(Value sum, Value w, Value x);
};

/// Emits a product of bf16 with bf16 without tiles.
LogicalResult emitPairProduct(Operation *op, CpuKernelEmitter &e, Value input, Value weight, Value bias);

/// Products for which the input of more than a few rows is rounded to 8 bits: half as many instructions. So a
/// row's bits depend on how many there are.
class ByteProduct : public IntegerProduct {
public:
  ByteProduct(CpuKernelEmitter &e, Value input, Value weight, Value bias, Value result);
  void run();

private:
  static constexpr int64_t fewRows = 4; ///< that read weights about as fast with 16 bits
  void round(Value first, Value end);
  void roundGroup(Value row, Value group, int64_t columns);

  Rows bytes; ///< of a block of rows
  int64_t mostRows;
};

/// Emits an integer product: of many rows on tiles, if the target has some, or with bytes, if it may.
void emitIntegerProduct(CpuKernelEmitter &e, Value input, Value weight, Value bias, Value result);

} // namespace plait

#endif // PLAIT_PASSES_CPU_PRODUCT_H
