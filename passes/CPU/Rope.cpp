//===- Rope.cpp - Rotary position embedding -------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A row at a time. Angles are worked out once, a vector of pairs at a time,
// and used for all heads. They are large numbers whose fraction of a turn
// matters: f64.
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/CpuKernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace plait;

namespace {
class Rope {
public:
  Rope(lm::RopeOp op, CpuKernelEmitter &e, Value row)
      : op(op), e(e), row(row), input(e.rowPointer(op.getInput(), row)), result(e.rowPointer(op.getResult(), row)),
        columns(cast<RankedTensorType>(op.getInput().getType()).getDimSize(1)), headDim(op.getHeadDim()),
        pairs(op.getPairs()), growth(op.getGrowth()) {
    std::vector<double> perPair = op.getFrequencies(/*position=*/0), exponents;
    for (int64_t i = 0; growth && i < pairs; ++i)
      exponents.push_back(-double(i) / double(pairs - 1));
    frequencies = laneTable("frequencies", perPair);
    if (growth)
      growthExponents = laneTable("growth", exponents);
  }

  void emit();

private:
  /// A table of one number per pair, as the lanes need them: interleaved pairs
  /// take two lanes each. Padded, so that it is read in whole vectors.
  Value laneTable(StringRef name, ArrayRef<double> perPair) {
    std::vector<double> values;
    for (double value : perPair)
      values.insert(values.end(), op.getInterleaved() ? 2 : 1, value);
    values.resize(llvm::alignTo(values.size(), e.lanes()));
    return e.table(name, values);
  }
  Value loadWide(Value table, Value first) { return e.load(e.vectorType(e.builder().getF64Type()), table, first); }

  /// ln max(1, slope * (position + 1) + offset), see lm::RopeGrowth.
  Value logGrowth(Value position) {
    Value next = e.add(position, e.constant(position.getType(), 1));
    Value length = e.fma(next, e.constant(next.getType(), growth->slope), e.constant(next.getType(), growth->offset));
    return e.logWide(e.max(length, e.constant(length.getType(), 1)));
  }
  /// Sine and cosine of the pairs in the lanes of `c`, times the magnitude.
  std::pair<Value, Value> sinCos(Columns c, Value position, Value logOfGrowth);
  /// Calls `body` with the offset of each head.
  void forEachHead(llvm::function_ref<void(Value)> body) { e.forLoop(e.i64(0), e.i64(columns), headDim, body); }
  void emitHalves(Columns c, Value sine, Value cosine);
  void emitInterleaved(Columns c, Value sine, Value cosine);
  void emitRest();

  lm::RopeOp op;
  CpuKernelEmitter &e;
  Value row, input, result;
  int64_t columns, headDim, pairs;
  std::optional<lm::RopeGrowth> growth;
  Value frequencies, growthExponents;
};
} // namespace

void Rope::emit() {
  Value position = e.toWide(e.loadIndex(e.pointer(op.getPositions()), row));
  Value logOfGrowth = growth ? logGrowth(position) : Value();
  e.forColumns(op.getInterleaved() ? 2 * pairs : pairs, [&](Columns c) {
    auto [sine, cosine] = sinCos(c, position, logOfGrowth);
    if (op.getInterleaved())
      emitInterleaved(c, sine, cosine);
    else
      emitHalves(c, sine, cosine);
  });
  if (2 * pairs < headDim)
    emitRest();
}

std::pair<Value, Value> Rope::sinCos(Columns c, Value position, Value logOfGrowth) {
  Value frequency = loadWide(frequencies, c.first);
  if (growth) {
    Value exponent = loadWide(growthExponents, c.first);
    frequency = e.mul(frequency, e.expWide(e.mul(exponent, e.broadcast(logOfGrowth))));
  }
  auto [sine, cosine] = e.sinCos(e.mul(frequency, e.broadcast(position)));
  if (double magnitude = op.getMagnitude(); magnitude != 1)
    return {e.mul(sine, e.splat(magnitude)), e.mul(cosine, e.splat(magnitude))};
  return {sine, cosine};
}

/// Rotates the pairs (x[i], x[i + pairs]) of all heads for the i of `c`.
void Rope::emitHalves(Columns c, Value sine, Value cosine) {
  forEachHead([&](Value head) {
    Value lower = e.add(head, c.first), upper = e.add(lower, pairs);
    Value x = e.load(e.f32Type(), input, lower, c.mask), y = e.load(e.f32Type(), input, upper, c.mask);
    e.store(e.fma(x, cosine, e.negate(e.mul(y, sine))), result, lower, c.mask);
    e.store(e.fma(y, cosine, e.mul(x, sine)), result, upper, c.mask);
  });
}

/// Rotates the pairs (x[2i], x[2i + 1]) of all heads whose columns are those of `c`.
void Rope::emitInterleaved(Columns c, Value sine, Value cosine) {
  SmallVector<float> signs;
  for (int64_t lane = 0; lane < e.lanes(); ++lane)
    signs.push_back(lane % 2 ? 1 : -1);
  Value signedSine = e.mul(sine, arith::ConstantOp::create(e.builder(), e.loc(),
                                                           DenseElementsAttr::get(e.f32VectorType(), ArrayRef(signs))));
  forEachHead([&](Value head) {
    Value first = e.add(head, c.first);
    Value x = e.load(e.f32Type(), input, first, c.mask);
    e.store(e.fma(x, cosine, e.mul(e.swapPairs(x), signedSine)), result, first, c.mask);
  });
}

/// Copies the columns of each head that are not rotated.
void Rope::emitRest() {
  forEachHead([&](Value head) {
    e.forColumns(headDim - 2 * pairs, [&](Columns c) {
      Value first = e.add(e.add(head, c.first), 2 * pairs);
      e.store(e.load(e.f32Type(), input, first, c.mask), result, first, c.mask);
    });
  });
}

static void emitRopeRow(lm::RopeOp op, CpuKernelEmitter &e, Value row) { Rope(op, e, row).emit(); }

void plait::registerRopeCpuKernels(DialectRegistry &registry) {
  registry.addExtension(
      +[](MLIRContext *context, lm::LmDialect *) { attachCpuRowKernel<lm::RopeOp, emitRopeRow>(context); });
}
