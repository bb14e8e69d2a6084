//===- ChooseTypical.cpp - Typical acceptance on CPUs ---------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A leaf of which nothing was drafted costs what a draw costs; another one a pass for the
// mass and one for the entropy, and a draw only if it accepts nothing. Probabilities and the
// entropy are f32, of sums in f64: a token within about 1e-6 of the bound may fall on its
// other side.
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/CpuKernels.h"
#include "passes/CPU/Draw.h"

#include "dialects/Decode/Decode.h"

using namespace plait;

/// Sets `token` to the drafted successor of `leaf` that is accepted, if there is one.
static void emitAccept(decode::ChooseTypicalOp op, CpuKernelEmitter &e, Value leaf, LogitsRow &row, DrawEmitter &draw,
                       CpuCell &token) {
  OpBuilder &b = e.builder();
  Type f32 = e.f32Type();
  Value mass = draw.mass(), entropy = draw.entropy(mass);
  Value bound = e.mul(e.f32(op.getAlpha().convertToDouble()), e.exp(e.sub(e.f32(0), entropy)));
  Value threshold = e.f32(op.getThreshold().convertToDouble());
  Value least = e.select(e.less(bound, threshold), bound, threshold);
  Value narrow = arith::TruncFOp::create(b, e.loc(), f32, mass);
  SmallVector<Value> best =
      e.forLoop(e.add(leaf, 1), e.dim(PLAIT_DIM_LEAVES), 1, {token.get(), least}, [&](Value other, ValueRange carried) {
        Value isDraft = e.equal(e.loadIndex(e.pointer(op.getParents()), other), leaf);
        Value id = e.loadIndex(e.pointer(op.getDrafted()), other);
        Value probability = e.div(draw.weightOf(row.at(id)), narrow);
        Value better = arith::AndIOp::create(b, e.loc(), isDraft, e.less(carried[1], probability));
        return SmallVector<Value>{e.select(better, id, carried[0]), e.select(better, probability, carried[1])};
      });
  token.set(best[0]);
}

static LogicalResult emitTypical(decode::ChooseTypicalOp op, CpuKernelEmitter &e) {
  OpBuilder &b = e.builder();
  CpuCell token(e, b.getI64Type());
  auto choose = [&](Value leaf, LogitsRow &row) {
    Value temperature = e.load(e.f32Type(), e.pointer(op.getTemperature()), leaf);
    token.set(row.topId);
    e.ifThen(e.less(e.f32(0), temperature), [&] {
      DrawEmitter draw(e, row, temperature);
      applyWarps(e, draw, op, leaf);
      token.set(e.i64(-1));
      // Those that continue a leaf come after it.
      Value hasDrafts = e.forLoop(e.add(leaf, 1), e.dim(PLAIT_DIM_LEAVES), 1, {e.integer(b.getI1Type(), 0)},
                                  [&](Value other, ValueRange carried) {
                                    Value parent = e.loadIndex(e.pointer(op.getParents()), other);
                                    Value is = arith::OrIOp::create(b, e.loc(), carried[0], e.equal(parent, leaf));
                                    return SmallVector<Value>{is};
                                  })[0];
      e.ifThen(hasDrafts, [&] { emitAccept(op, e, leaf, row, draw, token); });
      e.ifThen(e.less(token.get(), e.i64(0)), [&] { token.set(drawFor(e, draw, op, leaf)); });
    });
    return token.get();
  };
  emitChoose(e, op.getLogits(), {op.getTokens(), op.getStatus(), op.getLogprob()}, /*unequalCost=*/true, choose);
  return success();
}

void plait::registerTypicalCpuKernels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, decode::DecodeDialect *) {
    attachCpuKernel<decode::ChooseTypicalOp, emitTypical>(context);
  });
}
