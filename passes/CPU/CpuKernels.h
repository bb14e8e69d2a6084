//===- CpuKernels.h - CPU code of each family of ops ------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One file and one registration function per family. A family is added by
// writing a function `LogicalResult emit(XOp op, CpuKernelEmitter &e)` for each
// op, attaching it with attachCpuKernel, and one line in registerCpuKernels.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_CPU_CPUKERNELS_H
#define PLAIT_PASSES_CPU_CPUKERNELS_H

#include "passes/CPU/KernelEmitter.h"

#include "mlir/IR/OpDefinition.h"

#include "passes/CPU/CpuKernelInterface.h.inc"

namespace plait {

/// Makes `emit` the CPU code of `Op`.
template <typename Op, LogicalResult (*emit)(Op, CpuKernelEmitter &)>
struct CpuKernelModel : CpuKernelOpInterface::ExternalModel<CpuKernelModel<Op, emit>, Op> {
  LogicalResult emitCpu(Operation *op, CpuKernelEmitter &emitter) const { return emit(cast<Op>(op), emitter); }
};
template <typename Op, LogicalResult (*emit)(Op, CpuKernelEmitter &)> void attachCpuKernel(MLIRContext *context) {
  Op::template attachInterface<CpuKernelModel<Op, emit>>(*context);
}

/// The code of every family below, and what the lowering of their code to the
/// llvm dialect needs.
void registerCpuKernels(DialectRegistry &registry);

void registerElementwiseCpuKernels(DialectRegistry &registry);
void registerLinearCpuKernels(DialectRegistry &registry);
void registerMoveCpuKernels(DialectRegistry &registry);
void registerNormCpuKernels(DialectRegistry &registry);
void registerEmbedCpuKernels(DialectRegistry &registry);
void registerQuantizeCpuKernels(DialectRegistry &registry);
void registerRopeCpuKernels(DialectRegistry &registry);
void registerStageCpuKernels(DialectRegistry &registry);
void registerAttendCpuKernels(DialectRegistry &registry);
void registerChooseCpuKernels(DialectRegistry &registry);
void registerSampleCpuKernels(DialectRegistry &registry);
void registerEditCpuKernels(DialectRegistry &registry);
void registerTopLogprobsCpuKernels(DialectRegistry &registry);

} // namespace plait

#endif // PLAIT_PASSES_CPU_CPUKERNELS_H
