//===- Attend.cpp - Attention over the pages of a state -------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Queries of bf16 are multiplied by tensor cores, those of f32 are not.
//
//===----------------------------------------------------------------------===//

#include "passes/CUDA/Attend.h"
#include "passes/CUDA/CudaKernels.h"

using namespace plait;
using kernel::PageLayout;

template <typename Op> static bool hasTiles(Op op) { return getElementTypeOrSelf(op.getQuery()).isBF16(); }

template <typename Op> static LogicalResult check(Op op) {
  PageLayout layout(cast<lm::StateType>(op.getState().getType()));
  if (layout.isScaled)
    return op.emitOpError("expected a state of f32 or bf16 for CUDA but got one of integers");
  if (hasTiles(op) && (layout.headDim % PageLayout::slice || layout.headDim > 256))
    return op.emitOpError("expected queries of f32 for CUDA where heads have ")
           << layout.headDim << " columns, no multiple of " << PageLayout::slice << " up to 256";
  return success();
}

static LogicalResult emitAttend(lm::AttendOp op, CudaKernelEmitter &e) {
  if (failed(check(op)))
    return failure();
  if (!hasTiles(op) && op.getSpans())
    return op.emitOpError("expected attention without spans for CUDA where queries are of f32; "
                          "'plait-split-attention{rounded}' leaves it alone");
  hasTiles(op) ? emitAttendTiles(op, e) : emitAttendTokens(op, e);
  return success();
}

static LogicalResult emitAttendSpans(lm::AttendSpansOp op, CudaKernelEmitter &e) {
  if (failed(check(op)))
    return failure();
  if (!hasTiles(op))
    return op.emitOpError("expected queries of bf16 for CUDA; 'plait-split-attention{rounded}' leaves others alone");
  emitAttendTiles(op, e);
  return success();
}

template <typename Op> static SmallVector<CudaKernelEmitter::Entry> entriesOf(Op op, const CudaMachine &) {
  return hasTiles(op) ? attendTilesEntries(op) : SmallVector<CudaKernelEmitter::Entry>();
}

void plait::registerAttendCudaKernels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, lm::LmDialect *) {
    attachCudaKernel<lm::AttendOp, emitAttend, entriesOf<lm::AttendOp>>(context);
    attachCudaKernel<lm::AttendSpansOp, emitAttendSpans, entriesOf<lm::AttendSpansOp>>(context);
  });
}
