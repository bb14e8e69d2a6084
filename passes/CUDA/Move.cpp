//===- Move.cpp - Columns, rows and rounded copies ------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CUDA/CudaKernels.h"

#include "dialects/Decode/Decode.h"

using namespace plait;

static LogicalResult emitSliceColumnsRow(lm::SliceColumnsOp op, CudaKernelEmitter &e, Value row) {
  auto type = cast<RankedTensorType>(op.getInput().getType());
  int64_t size = op.getSize(), offset = op.getOffset();
  int64_t width = CudaKernelEmitter::width({size, offset, type.getDimSize(1)});
  Value from = e.rowPointer(op.getInput(), row);
  // Within a kernel it is read where it lies, by as many elements at once as its columns allow.
  if (e.isInside(op.getResult()) && width == CudaKernelEmitter::width({size})) {
    e.bindRow(op.getResult(), e.element(type.getElementType(), from, e.i32(int32_t(offset))));
    return success();
  }
  Value to = e.rowPointer(op.getResult(), row);
  e.forColumns(size, width, [&](CudaColumns c) {
    Value x = e.load(e.typeOf(type.getElementType(), c.count), from, e.add(c.first, offset));
    e.store(x, to, c.first);
  });
  return success();
}

static LogicalResult emitTakeRows(lm::TakeRowsOp op, CudaKernelEmitter &e) {
  auto type = cast<RankedTensorType>(op.getInput().getType());
  Type element = type.getElementType();
  Value source = e.pointer(op.getInput()), indices = e.pointer(op.getIndices()), target = e.pointer(op.getResult());
  if (type.getRank() == 1) {
    // Single elements from anywhere: one for each thread.
    e.forEachTile(e.rowTiles(op.getResult(), 1, e.threads()), [&](Value tile) {
      Value i = e.add(e.mul(tile, e.threads()), e.thread());
      e.ifThen(e.below(i, e.narrow(e.rows(op.getResult()))),
               [&] { e.store(e.load(element, source, e.loadIndex(indices, i)), target, i); });
    });
    return success();
  }
  int64_t columns = type.getDimSize(1), width = CudaKernelEmitter::width({columns});
  e.forEachTile(e.rowTiles(op.getResult()), [&](Value row) {
    Value from = e.mul(e.widen(e.loadIndex(indices, row)), columns), to = e.mul(e.widen(row), columns);
    e.forColumns(columns, width, [&](CudaColumns c) {
      Value column = e.widen(c.first);
      Value x = e.load(e.typeOf(element, c.count), source, e.add(from, column));
      e.store(x, target, e.add(to, column));
    });
  });
  return success();
}

static LogicalResult emitJoinHidden(decode::JoinHiddenOp op, CudaKernelEmitter &e) {
  auto type = cast<RankedTensorType>(op.getStates().front().getType());
  Type element = type.getElementType();
  int64_t columns = type.getDimSize(1), width = CudaKernelEmitter::width({columns});
  e.forEachTile(e.rowTiles(op.getResult()), [&](Value row) {
    Value target = e.rowPointer(op.getResult(), row);
    for (auto [i, state] : llvm::enumerate(op.getStates())) {
      Value source = e.rowPointer(state, row);
      int64_t first = int64_t(i) * columns;
      e.forColumns(columns, width, [&](CudaColumns c) {
        e.store(e.load(e.typeOf(element, c.count), source, c.first), target, e.add(c.first, first));
      });
    }
  });
  return success();
}

static LogicalResult emitRoundRow(lm::RoundOp op, CudaKernelEmitter &e, Value row) {
  int64_t columns = cast<RankedTensorType>(op.getInput().getType()).getDimSize(1), padded = op.getColumns();
  int64_t width = CudaKernelEmitter::width({columns, padded});
  Value input = e.rowPointer(op.getInput(), row), result = e.rowPointer(op.getResult(), row);
  e.forColumns(columns, width, [&](CudaColumns c) {
    Value x = e.load(e.typeOf(e.f32Type(), c.count), input, c.first);
    e.store(e.roundToBF16(x), result, c.first);
  });
  if (padded > columns)
    e.forColumns(padded - columns, width, [&](CudaColumns c) {
      e.store(e.constant(e.typeOf(e.builder().getBF16Type(), c.count), 0), result, e.add(c.first, columns));
    });
  return success();
}

void plait::registerMoveCudaKernels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, lm::LmDialect *) {
    attachCudaRowKernel<lm::SliceColumnsOp, emitSliceColumnsRow>(context);
    attachCudaKernel<lm::TakeRowsOp, emitTakeRows>(context);
    attachCudaRowKernel<lm::RoundOp, emitRoundRow>(context);
  });
  registry.addExtension(+[](MLIRContext *context, decode::DecodeDialect *) {
    attachCudaKernel<decode::JoinHiddenOp, emitJoinHidden>(context);
  });
}
