//===- CudaKernels.h - CUDA code of each family of ops ----------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One file and one registration function per family. A family is added by writing a
// function for each op, attaching it with one of the functions below, and one line in
// registerCudaKernels.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_CUDA_CUDAKERNELS_H
#define PLAIT_PASSES_CUDA_CUDAKERNELS_H

#include "passes/CUDA/KernelEmitter.h"

#include "mlir/IR/OpDefinition.h"

#include "passes/CUDA/CudaKernelInterface.h.inc"

namespace plait {

template <typename Op> using CudaEntriesOf = SmallVector<CudaKernelEmitter::Entry> (*)(Op, const CudaMachine &);

/// Makes `emit` the CUDA code of `Op`, for `entries`.
template <typename Op, LogicalResult (*emit)(Op, CudaKernelEmitter &), CudaEntriesOf<Op> entries>
struct CudaKernelModel : CudaKernelOpInterface::ExternalModel<CudaKernelModel<Op, emit, entries>, Op> {
  LogicalResult emitCuda(Operation *op, CudaKernelEmitter &emitter) const { return emit(cast<Op>(op), emitter); }
  SmallVector<CudaKernelEmitter::Entry> getCudaEntries(Operation *op, const CudaMachine &machine) const {
    if constexpr (entries != nullptr)
      return entries(cast<Op>(op), machine);
    return {};
  }
};
template <typename Op, LogicalResult (*emit)(Op, CudaKernelEmitter &), CudaEntriesOf<Op> entries = nullptr>
void attachCudaKernel(MLIRContext *context) {
  Op::template attachInterface<CudaKernelModel<Op, emit, entries>>(*context);
}

/// Makes `emit` the CUDA code of a row of `Op`.
template <typename Op, LogicalResult (*emit)(Op, CudaKernelEmitter &, Value row)>
struct CudaRowKernelModel : CudaRowKernelOpInterface::ExternalModel<CudaRowKernelModel<Op, emit>, Op> {
  LogicalResult emitCudaRow(Operation *op, CudaKernelEmitter &emitter, Value row) const {
    return emit(cast<Op>(op), emitter, row);
  }
};
template <typename Op, LogicalResult (*emit)(Op, CudaKernelEmitter &, Value)>
void attachCudaRowKernel(MLIRContext *context) {
  Op::template attachInterface<CudaRowKernelModel<Op, emit>>(*context);
}

/// The tensor whose rows are the tiles of an op that works row by row.
inline Value getTiledTensor(Operation *op) {
  Value result = op->getResult(0);
  return isa<RankedTensorType>(result.getType()) ? result : op->getOperand(0);
}

/// The code of every family below, and what the lowering of their code to the llvm
/// dialect needs.
void registerCudaKernels(DialectRegistry &registry);

void registerAttendCudaKernels(DialectRegistry &registry);
void registerElementwiseCudaKernels(DialectRegistry &registry);
void registerEmbedCudaKernels(DialectRegistry &registry);
void registerLinearCudaKernels(DialectRegistry &registry);
void registerMoveCudaKernels(DialectRegistry &registry);
void registerNormCudaKernels(DialectRegistry &registry);
void registerRopeCudaKernels(DialectRegistry &registry);
void registerStageCudaKernels(DialectRegistry &registry);
void registerSummarizeCudaKernels(DialectRegistry &registry);

} // namespace plait

#endif // PLAIT_PASSES_CUDA_CUDAKERNELS_H
