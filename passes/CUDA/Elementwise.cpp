//===- Elementwise.cpp - Sums, activations, gated linear units ------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What an op makes of elements of each operand is all that differs. The same code serves
// kernels of one op, rows of several ops, and the elements of a product before they are
// stored.
//
//===----------------------------------------------------------------------===//

#include "passes/CUDA/CudaKernels.h"

using namespace plait;

namespace {

/// Code of `Op` from `elements`: operands' elements to the result's.
template <typename Op, Value (*elements)(Op, CudaKernelEmitter &, ValueRange)> struct Elementwise {
  struct Model : CudaElementwiseOpInterface::ExternalModel<Model, Op> {
    Value emitCudaElements(Operation *op, CudaKernelEmitter &e, ValueRange operands) const {
      return elements(cast<Op>(op), e, operands);
    }
  };

  static void compute(Op op, CudaKernelEmitter &e, ArrayRef<Value> pointers, Value result, Value offset,
                      int64_t count) {
    SmallVector<Value> operands;
    for (Value pointer : pointers)
      operands.push_back(e.load(e.typeOf(e.f32Type(), count), pointer, offset));
    e.store(elements(op, e, operands), result, offset);
  }

  /// Rows are cut into as many elements as a block's threads take at once.
  static LogicalResult emit(Op op, CudaKernelEmitter &e) {
    auto type = cast<RankedTensorType>(op.getResult().getType());
    int64_t columns = 1;
    for (int64_t extent : type.getShape().drop_front())
      columns *= extent;
    auto pointers = llvm::map_to_vector(op->getOperands(), [&](Value operand) { return e.pointer(operand); });
    int64_t width = CudaKernelEmitter::width({columns}), block = e.threads() * width;
    int64_t perRow = llvm::divideCeilSigned(columns, block);
    e.forEachTile(e.rowTiles(op.getResult(), perRow), [&](Value tile) {
      Value base = e.mul(e.widen(e.div(tile, perRow)), columns), own = e.mul(e.thread(), width);
      Value column = e.add(e.mul(e.rem(tile, perRow), block), own);
      auto body = [&] { compute(op, e, pointers, e.pointer(op.getResult()), e.add(base, e.widen(column)), width); };
      if (columns % block == 0)
        return body();
      e.ifThen(e.below(column, e.i32(columns)), body);
    });
    return success();
  }

  static LogicalResult emitRow(Op op, CudaKernelEmitter &e, Value row) {
    auto pointers = llvm::map_to_vector(op->getOperands(), [&](Value operand) { return e.rowPointer(operand, row); });
    // A sum of many takes memory for one of them: the same thread reads and writes an element.
    Value first = op->getOperand(0);
    if (e.isInside(op.getResult()) && e.isInside(first) && first.hasOneUse() &&
        isa_and_nonnull<CudaElementwiseOpInterface>(first.getDefiningOp()))
      e.bindRow(op.getResult(), pointers[0]);
    Value result = e.rowPointer(op.getResult(), row);
    int64_t columns = cast<RankedTensorType>(op.getResult().getType()).getDimSize(1);
    e.forColumns(columns, CudaKernelEmitter::width({columns}),
                 [&](CudaColumns c) { compute(op, e, pointers, result, c.first, c.count); });
    return success();
  }

  static void attach(MLIRContext *context) {
    attachCudaKernel<Op, emit>(context);
    attachCudaRowKernel<Op, emitRow>(context);
    Op::template attachInterface<Model>(*context);
  }
};

} // namespace

static Value add(lm::AddOp, CudaKernelEmitter &e, ValueRange x) { return e.add(x[0], x[1]); }

static Value scale(lm::ScaleOp op, CudaKernelEmitter &e, ValueRange x) {
  return e.mul(x[0], e.constant(x[0].getType(), op.getFactor().convertToDouble()));
}

static Value softcap(lm::SoftcapOp op, CudaKernelEmitter &e, ValueRange x) {
  Value cap = e.constant(x[0].getType(), op.getCap().convertToDouble());
  return e.mul(cap, e.tanh(e.div(x[0], cap)));
}

static Value activation(lm::ActivationOp op, CudaKernelEmitter &e, ValueRange x) {
  return e.activate(op.getKind(), x[0]);
}

static Value glu(lm::GluOp op, CudaKernelEmitter &e, ValueRange x) {
  return e.mul(e.activate(op.getKind(), x[0]), x[1]);
}

void plait::registerElementwiseCudaKernels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, lm::LmDialect *) {
    Elementwise<lm::AddOp, add>::attach(context);
    Elementwise<lm::ScaleOp, scale>::attach(context);
    Elementwise<lm::SoftcapOp, softcap>::attach(context);
    Elementwise<lm::ActivationOp, activation>::attach(context);
    Elementwise<lm::GluOp, glu>::attach(context);
  });
}
