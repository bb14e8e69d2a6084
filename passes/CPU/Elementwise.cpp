//===- Elementwise.cpp - Sums, activations, gated linear units ------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/CpuKernels.h"

using namespace plait;

/// Computes `result` element by element: `compute(offset, mask)` yields the
/// vector that belongs at element `offset`.
static LogicalResult emitElementwise(CpuKernelEmitter &e, Value result,
                                     llvm::function_ref<Value(Value offset, Value mask)> compute) {
  auto type = cast<RankedTensorType>(result.getType());
  int64_t columns = 1;
  for (int64_t extent : type.getShape().drop_front())
    columns *= extent;
  // Wide rows are cut, so that a step of one token still keeps several threads
  // busy. Nothing is summed, so the cut does not show in the result.
  constexpr int64_t block = 1024;
  int64_t perRow = llvm::divideCeilSigned(columns, block);
  e.forEachTile(e.rowTiles(result, perRow), [&](Value tile) {
    Value base = e.mul(e.div(tile, e.i64(perRow)), columns);
    auto body = [&](Columns c) {
      Value offset = e.add(base, c.first);
      e.store(compute(offset, c.mask), e.pointer(result), offset, c.mask);
    };
    if (perRow == 1)
      return e.forColumns(columns, body);
    e.forColumns(e.mul(e.rem(tile, e.i64(perRow)), block), block, columns, body);
  });
  return success();
}

static LogicalResult emitAdd(lm::AddOp op, CpuKernelEmitter &e) {
  Value x = e.pointer(op.getLhs()), y = e.pointer(op.getRhs());
  return emitElementwise(e, op.getResult(), [&](Value offset, Value mask) {
    Value left = e.load(e.f32Type(), x, offset, mask), right = e.load(e.f32Type(), y, offset, mask);
    return e.add(left, right);
  });
}

static LogicalResult emitScale(lm::ScaleOp op, CpuKernelEmitter &e) {
  Value x = e.pointer(op.getInput()), factor = e.splat(op.getFactor().convertToDouble());
  return emitElementwise(e, op.getResult(),
                         [&](Value offset, Value mask) { return e.mul(e.load(e.f32Type(), x, offset, mask), factor); });
}

static LogicalResult emitSoftcap(lm::SoftcapOp op, CpuKernelEmitter &e) {
  Value x = e.pointer(op.getInput()), cap = e.splat(op.getCap().convertToDouble());
  return emitElementwise(e, op.getResult(), [&](Value offset, Value mask) {
    return e.mul(cap, e.tanh(e.div(e.load(e.f32Type(), x, offset, mask), cap)));
  });
}

static LogicalResult emitActivation(lm::ActivationOp op, CpuKernelEmitter &e) {
  Value x = e.pointer(op.getInput());
  return emitElementwise(e, op.getResult(), [&](Value offset, Value mask) {
    return e.activate(op.getKind(), e.load(e.f32Type(), x, offset, mask));
  });
}

static LogicalResult emitGlu(lm::GluOp op, CpuKernelEmitter &e) {
  Value gate = e.pointer(op.getGate()), up = e.pointer(op.getUp());
  return emitElementwise(e, op.getResult(), [&](Value offset, Value mask) {
    Value activated = e.activate(op.getKind(), e.load(e.f32Type(), gate, offset, mask));
    return e.mul(activated, e.load(e.f32Type(), up, offset, mask));
  });
}

void plait::registerElementwiseCpuKernels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, lm::LmDialect *) {
    attachCpuKernel<lm::AddOp, emitAdd>(context);
    attachCpuKernel<lm::ScaleOp, emitScale>(context);
    attachCpuKernel<lm::SoftcapOp, emitSoftcap>(context);
    attachCpuKernel<lm::ActivationOp, emitActivation>(context);
    attachCpuKernel<lm::GluOp, emitGlu>(context);
  });
}
