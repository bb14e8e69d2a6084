//===- Elementwise.cpp - Sums, activations, gated linear units ------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What an op makes of a vector of each operand is all that differs. The same code
// serves kernels of one op, rows of several ops, and the elements of a product
// before they are stored.
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/CpuKernels.h"

using namespace plait;

namespace {

/// Code of `Op` from `elements`: operands' vectors to the result's.
template <typename Op, Value (*elements)(Op, CpuKernelEmitter &, ValueRange)> struct Elementwise {
  struct Model : CpuElementwiseOpInterface::ExternalModel<Model, Op> {
    Value emitCpuElements(Operation *op, CpuKernelEmitter &e, ValueRange operands) const {
      return elements(cast<Op>(op), e, operands);
    }
  };

  /// Elements at `offset` of the operands' `pointers`.
  static Value compute(Op op, CpuKernelEmitter &e, ArrayRef<Value> pointers, Value offset, Value mask) {
    SmallVector<Value> vectors;
    for (Value pointer : pointers)
      vectors.push_back(e.load(e.f32Type(), pointer, offset, mask));
    return elements(op, e, vectors);
  }

  static LogicalResult emit(Op op, CpuKernelEmitter &e) {
    auto type = cast<RankedTensorType>(op.getResult().getType());
    int64_t columns = 1;
    for (int64_t extent : type.getShape().drop_front())
      columns *= extent;
    auto pointers = llvm::map_to_vector(op->getOperands(), [&](Value operand) { return e.pointer(operand); });
    // Wide rows are cut, so that a step of one token still keeps several threads
    // busy. Nothing is summed, so the cut does not show in the result.
    constexpr int64_t block = 1024;
    int64_t perRow = llvm::divideCeilSigned(columns, block);
    e.forEachTile(e.rowTiles(op.getResult(), perRow), [&](Value tile) {
      Value base = e.mul(e.div(tile, e.i64(perRow)), columns);
      auto body = [&](Columns c) {
        Value offset = e.add(base, c.first);
        Value computed = compute(op, e, pointers, offset, c.mask);
        e.store(computed, e.pointer(op.getResult()), offset, c.mask);
      };
      if (perRow == 1)
        return e.forColumns(columns, body);
      e.forColumns(e.mul(e.rem(tile, e.i64(perRow)), block), block, columns, body);
    });
    return success();
  }

  static void emitRow(Op op, CpuKernelEmitter &e, Value row) {
    auto pointers = llvm::map_to_vector(op->getOperands(), [&](Value operand) { return e.rowPointer(operand, row); });
    Value result = e.rowPointer(op.getResult(), row);
    e.forColumns(cast<RankedTensorType>(op.getResult().getType()).getDimSize(1),
                 [&](Columns c) { e.store(compute(op, e, pointers, c.first, c.mask), result, c.first, c.mask); });
  }

  static void attach(MLIRContext *context) {
    attachCpuRowKernel<Op, emit, emitRow>(context);
    Op::template attachInterface<Model>(*context);
  }
};

} // namespace

static Value add(lm::AddOp, CpuKernelEmitter &e, ValueRange x) { return e.add(x[0], x[1]); }

static Value scale(lm::ScaleOp op, CpuKernelEmitter &e, ValueRange x) {
  return e.mul(x[0], e.splat(op.getFactor().convertToDouble()));
}

static Value softcap(lm::SoftcapOp op, CpuKernelEmitter &e, ValueRange x) {
  Value cap = e.splat(op.getCap().convertToDouble());
  return e.mul(cap, e.tanh(e.div(x[0], cap)));
}

static Value activation(lm::ActivationOp op, CpuKernelEmitter &e, ValueRange x) {
  return e.activate(op.getKind(), x[0]);
}

static Value glu(lm::GluOp op, CpuKernelEmitter &e, ValueRange x) {
  return e.mul(e.activate(op.getKind(), x[0]), x[1]);
}

void plait::registerElementwiseCpuKernels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, lm::LmDialect *) {
    Elementwise<lm::AddOp, add>::attach(context);
    Elementwise<lm::ScaleOp, scale>::attach(context);
    Elementwise<lm::SoftcapOp, softcap>::attach(context);
    Elementwise<lm::ActivationOp, activation>::attach(context);
    Elementwise<lm::GluOp, glu>::attach(context);
  });
}
