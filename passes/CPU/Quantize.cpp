//===- Quantize.cpp - Activations as 16-bit integers ----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/CpuKernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace plait;

namespace {

/// One row.
class QuantizeEmitter {
public:
  QuantizeEmitter(lm::QuantizeOp op, CpuKernelEmitter &e, Value row)
      : e(e), b(e.builder()), type(cast<lm::Int16Type>(op.getElement())), columns(getColumns(op)),
        input(e.rowPointer(op.getInput(), row)), result(e.rowPointer(op.getResult(), row)) {}

  static int64_t getColumns(lm::QuantizeOp op) { return cast<RankedTensorType>(op.getInput().getType()).getDimSize(1); }

  /// Whole groups of `first` .. `end` - 1 (i64).
  void emitGroups(Value first, Value end) {
    e.forLoop(first, end, 1, [&](Value group) { emitGroup(group, type.getGroup()); });
  }
  /// The columns behind the last whole group.
  void emitRest() {
    if (int64_t left = columns % type.getGroup())
      emitGroup(e.i64(columns / type.getGroup()), left);
  }

private:
  void emitGroup(Value group, int64_t count) {
    VectorType i32 = e.vectorType(b.getI32Type());
    Value firstColumn = e.mul(group, type.getGroup());
    SmallVector<Value> x = loadGroup(firstColumn, count);

    // As integers magnitudes are ordered as they are as numbers, and NaN comes last.
    Value largest = e.integer(i32, 0);
    for (Value vector : x) {
      Value magnitude = arith::AndIOp::create(b, e.loc(), e.bitcast(i32, vector), e.integer(i32, 0x7FFFFFFF));
      largest = arith::MaxSIOp::create(b, e.loc(), largest, magnitude);
    }
    largest = e.reduce(largest, [&](Value p, Value q) { return arith::MaxSIOp::create(b, e.loc(), p, q); });
    // What is too small for its inverse to be a number counts as zero.
    Value least = e.integer(b.getI32Type(), 0x0DA24260); // 1e-30
    Value isZero = e.less(largest, least);
    largest = e.bitcast(e.f32Type(), largest);
    Value scale = e.select(isZero, e.f32(0), e.div(largest, e.f32(32767)));
    Value inverse = e.broadcast(e.select(isZero, e.f32(0), e.div(e.f32(32767), largest)));

    Value sum = e.integer(i32, 0);
    SmallVector<Value> integers;
    for (Value vector : x) {
      // Adding 1.5 * 2^23 rounds to the nearest integer, which the lowest bits then hold.
      Value magic = e.splat(12582912.0);
      Value shifted = e.add(e.mul(vector, inverse), magic);
      integers.push_back(e.sub(e.bitcast(i32, shifted), e.bitcast(i32, magic)));
      sum = e.add(sum, integers.back());
    }
    storeGroup(firstColumn, integers);
    storeOne(scale, type.getScalesOffset(columns), group);
    storeOne(e.reduceAdd(sum), type.getSumsOffset(columns), group);
  }

  /// The columns of a group and zeros behind them, in whole chunks.
  SmallVector<Value> loadGroup(Value offset, int64_t count) {
    SmallVector<Value> x;
    for (int64_t first = 0; first < count; first += e.lanes()) {
      Value mask;
      if (count - first < e.lanes())
        mask = e.lanesBelow(e.i64(first), e.i64(count));
      x.push_back(e.load(e.f32Type(), input, e.add(offset, first), mask));
    }
    while (int64_t(x.size()) * e.lanes() % chunk())
      x.push_back(e.splat(0));
    return x;
  }

  /// Columns that are stored at once: at least one run of `2 * distance`.
  int64_t chunk() const { return std::max<int64_t>(8, e.lanes()); }

  void storeGroup(Value firstColumn, ArrayRef<Value> integers) {
    SmallVector<int64_t> order;
    for (int64_t run = 0, distance = type.getDistance(); run < chunk(); run += 2 * distance)
      for (int64_t i = 0; i < distance; ++i)
        order.append({run + i, run + i + distance});
    for (int64_t first = 0; first < int64_t(integers.size()) * e.lanes(); first += chunk()) {
      // A shuffle takes two vectors: those of a chunk, or one twice.
      Value low = integers[first / e.lanes()], high = e.lanes() < chunk() ? integers[first / e.lanes() + 1] : low;
      Value pairs = vector::ShuffleOp::create(b, e.loc(), low, high, order);
      auto halves = VectorType::get({chunk()}, b.getI16Type());
      e.store(arith::TruncIOp::create(b, e.loc(), halves, pairs), result, e.add(firstColumn, first));
    }
  }

  /// In the array of one number of 32 bits per group that begins `byteOffset` into the row.
  void storeOne(Value value, int64_t byteOffset, Value group) { e.store(value, result, e.add(group, byteOffset / 4)); }

  CpuKernelEmitter &e;
  OpBuilder &b;
  lm::Int16Type type;
  int64_t columns;
  Value input, result;
};

/// Alone, a wide row is shared out.
LogicalResult emitQuantize(lm::QuantizeOp op, CpuKernelEmitter &e) {
  constexpr int64_t columnsPerTile = 1024;
  int64_t columns = QuantizeEmitter::getColumns(op), size = cast<lm::Int16Type>(op.getElement()).getGroup();
  int64_t groups = columns / size, perTile = columnsPerTile / size;
  int64_t tilesPerRow = llvm::divideCeil(columns, columnsPerTile);
  e.forEachTile(e.rowTiles(op.getResult(), tilesPerRow), [&](Value tile) {
    QuantizeEmitter emitter(op, e, e.div(tile, e.i64(tilesPerRow)));
    Value part = e.rem(tile, e.i64(tilesPerRow)), first = e.mul(part, perTile);
    emitter.emitGroups(first, e.minimum(e.add(first, perTile), e.i64(groups)));
    e.ifThen(e.equal(part, e.i64(tilesPerRow - 1)), [&] { emitter.emitRest(); });
  });
  return success();
}

void emitQuantizeRow(lm::QuantizeOp op, CpuKernelEmitter &e, Value row) {
  QuantizeEmitter emitter(op, e, row);
  int64_t size = cast<lm::Int16Type>(op.getElement()).getGroup();
  emitter.emitGroups(e.i64(0), e.i64(QuantizeEmitter::getColumns(op) / size));
  emitter.emitRest();
}

} // namespace

void plait::registerQuantizeCpuKernels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, lm::LmDialect *) {
    attachCpuRowKernel<lm::QuantizeOp, emitQuantize, emitQuantizeRow>(context);
  });
}
