//===- PartDraw.cpp - Drawing from logits that ranks share out ------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/CpuKernels.h"
#include "passes/CPU/Draw.h"
#include "passes/CPU/Parts.h"

#include "dialects/Decode/Decode.h"

using namespace plait;

/// Stores what this part has to say of a leaf that draws.
static void emitOwn(decode::DrawPartOp op, CpuKernelEmitter &e, Value leaf, Value top, Value temperature, Value words) {
  LogitsRow row(e, op.getLogits(), leaf);
  row.top = top;
  DrawEmitter draw(e, row, temperature);
  if (op.getState()) // of as many leaves, or none: a step without top_k and top_p has no thresholds
    e.ifThen(e.less(leaf, e.rows(op.getState())), [&] {
      Value state = wordsOf(e, op.getState(), leaf);
      draw.keepFrom(e.load(e.f32Type(), state, e.i64(1)));
    });
  if (op.getMinP())
    draw.applyMinP(e.load(e.f32Type(), e.pointer(op.getMinP()), leaf));
  auto first = int64_t(op.getFirst());
  PhiloxEmitter random = randomFor(e, op, leaf);
  DrawEmitter::Winner winner = draw.race(random, first);
  e.ifThen(winner.exists, [&] {
    Value token = e.add(winner.column, first);
    e.store(arith::SIToFPOp::create(e.builder(), e.loc(), e.f32Type(), token), words, e.i64(0));
    e.store(row.at(winner.column), words, e.i64(1));
    e.store(winner.key, words, e.i64(2));
  });
}

static LogicalResult emitDrawPart(decode::DrawPartOp op, CpuKernelEmitter &e) {
  e.forEachTile(e.rowTiles(op.getResult(), /*perRow=*/1, /*block=*/1, /*cyclic=*/true), [&](Value leaf) {
    Value words = wordsOf(e, op.getResult(), leaf);
    e.store(e.f32(-1), words, e.i64(0));
    e.store(e.f32(0), words, e.i64(1));
    e.store(e.f32(0), words, e.i64(2));
    MergedSummary summary(e, op.getSummaries(), leaf);
    Value temperature = e.load(e.f32Type(), e.pointer(op.getTemperature()), leaf), warm = e.less(e.f32(0), temperature);
    e.ifThen(arith::AndIOp::create(e.builder(), e.loc(), summary.usable, warm),
             [&] { emitOwn(op, e, leaf, summary.top, temperature, words); });
  });
  return success();
}

void plait::registerPartDrawCpuKernels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, decode::DecodeDialect *) {
    attachCpuKernel<decode::DrawPartOp, emitDrawPart>(context);
  });
}
