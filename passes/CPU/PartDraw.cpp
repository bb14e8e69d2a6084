//===- PartDraw.cpp - Drawing from logits that ranks share out ------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/CpuKernels.h"
#include "passes/CPU/Draw.h"
#include "passes/CPU/Parts.h"
#include "passes/CPU/PhiloxEmitter.h"

#include "dialects/Decode/Decode.h"

using namespace plait;

/// Emits `body` for a leaf that draws.
template <typename Op>
static void ifDraws(Op op, CpuKernelEmitter &e, Value leaf, llvm::function_ref<void(LogitsRow &, DrawEmitter &)> body) {
  MergedSummary summary(e, op.getSummaries(), leaf);
  Value temperature = e.load(e.f32Type(), e.pointer(op.getTemperature()), leaf), warm = e.less(e.f32(0), temperature);
  e.ifThen(arith::AndIOp::create(e.builder(), e.loc(), summary.usable, warm), [&] {
    LogitsRow row(e, op.getLogits(), leaf);
    row.top = summary.top;
    DrawEmitter draw(e, row, temperature);
    if (op.getState()) // of as many leaves, or none: a step without top_k and top_p has no thresholds
      e.ifThen(e.less(leaf, e.rows(op.getState())), [&] {
        Value state = wordsOf(e, op.getState(), leaf);
        draw.keepFrom(e.load(e.f32Type(), state, e.i64(1)));
      });
    if (op.getMinP())
      draw.applyMinP(e.load(e.f32Type(), e.pointer(op.getMinP()), leaf));
    body(row, draw);
  });
}

static LogicalResult emitKeptMass(decode::KeptMassOp op, CpuKernelEmitter &e) {
  e.forEachTile(e.rowTiles(op.getResult(), /*perRow=*/1, /*block=*/1, /*cyclic=*/true), [&](Value leaf) {
    Value words = wordsOf(e, op.getResult(), leaf);
    e.store(e.f32(0), words, e.i64(0));
    e.store(e.f32(0), words, e.i64(1));
    ifDraws(op, e, leaf, [&](LogitsRow &, DrawEmitter &draw) { storePair(e, draw.mass(), words, e.i64(0)); });
  });
  return success();
}

static LogicalResult emitDrawPart(decode::DrawPartOp op, CpuKernelEmitter &e) {
  OpBuilder &b = e.builder();
  Type f64 = b.getF64Type(), i64 = b.getI64Type();
  e.forEachTile(e.rowTiles(op.getResult(), /*perRow=*/1, /*block=*/1, /*cyclic=*/true), [&](Value leaf) {
    Value words = wordsOf(e, op.getResult(), leaf), masses = wordsOf(e, op.getMasses(), leaf);
    e.store(e.f32(-1), words, e.i64(0));
    e.store(e.f32(0), words, e.i64(1));
    // Sums are exact, so that shares meet without gaps.
    auto sumOf = [&](Value before, int64_t begin, int64_t end) {
      return e.forLoop(e.i64(2 * begin), e.i64(2 * end), 2, {before}, [&](Value at, ValueRange carried) {
        Value own = loadPair(e, masses, at);
        return SmallVector<Value>{e.add(carried[0], own)};
      })[0];
    };
    int64_t part = int64_t(op.getPart());
    Value before = sumOf(e.constant(f64, 0), 0, part), after = sumOf(before, part, part + 1);
    Value total = sumOf(after, part + 1, widthOf(op.getMasses()) / 2);
    auto parameter = [&](Type type, Value operand) { return e.load(type, e.pointer(operand), leaf); };
    Value seed = parameter(i64, op.getSeed()), sequence = parameter(i64, op.getSequence());
    Value position = e.add(parameter(b.getI32Type(), op.getPositions()), 1);
    Value u = PhiloxEmitter(e).uniform(seed, sequence, position, RandomPurpose::sample);
    Value target = e.mul(arith::ExtFOp::create(b, e.loc(), f64, u), total);
    Value begins = arith::CmpFOp::create(b, e.loc(), arith::CmpFPredicate::OLE, before, target);
    Value ends = e.less(target, after);
    e.ifThen(arith::AndIOp::create(b, e.loc(), begins, ends), [&] {
      ifDraws(op, e, leaf, [&](LogitsRow &row, DrawEmitter &draw) {
        Value id = draw.drawAt(e.sub(target, before)); // exact, as both are multiples of the target's last bit
        Value number = e.add(id, int64_t(op.getFirst()));
        e.store(arith::SIToFPOp::create(b, e.loc(), e.f32Type(), number), words, e.i64(0));
        e.store(row.at(id), words, e.i64(1));
      });
    });
  });
  return success();
}

void plait::registerPartDrawCpuKernels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, decode::DecodeDialect *) {
    attachCpuKernel<decode::KeptMassOp, emitKeptMass>(context);
    attachCpuKernel<decode::DrawPartOp, emitDrawPart>(context);
  });
}
