//===- CpuKernels.h - CPU code of each family of ops ------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One file and one registration function per family. A family is added by
// writing a function `LogicalResult emit(XOp op, CpuKernelEmitter &e)` for each
// op, attaching it with attachCpuKernel, and one line in registerCpuKernels. An op
// that works row by row has a function of one row instead or as well.
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

/// Makes `emit` the CPU code of `Op` where it is alone, `emitRow` that of a row of it.
template <typename Op, void (*emitRow)(Op, CpuKernelEmitter &, Value row)>
struct CpuRowKernelModel : CpuRowKernelOpInterface::ExternalModel<CpuRowKernelModel<Op, emitRow>, Op> {
  void emitCpuRow(Operation *op, CpuKernelEmitter &emitter, Value row) const { emitRow(cast<Op>(op), emitter, row); }
};
template <typename Op, LogicalResult (*emit)(Op, CpuKernelEmitter &), void (*emitRow)(Op, CpuKernelEmitter &, Value)>
void attachCpuRowKernel(MLIRContext *context) {
  Op::template attachInterface<CpuKernelModel<Op, emit>, CpuRowKernelModel<Op, emitRow>>(*context);
}

/// The tensor whose rows are the tiles of an op that works row by row.
inline Value getRowsTensor(Operation *op) {
  Value result = op->getResult(0);
  return isa<RankedTensorType>(result.getType()) ? result : op->getOperand(0);
}

/// Makes `emitRow` the CPU code of `Op`: where it is alone, one tile is one row.
template <typename Op, void (*emitRow)(Op, CpuKernelEmitter &, Value row)>
LogicalResult emitCpuRows(Op op, CpuKernelEmitter &e) {
  e.forEachTile(e.rowTiles(getRowsTensor(op)), [&](Value row) { emitRow(op, e, row); });
  return success();
}
template <typename Op, void (*emitRow)(Op, CpuKernelEmitter &, Value row)>
void attachCpuRowKernel(MLIRContext *context) {
  attachCpuRowKernel<Op, emitCpuRows<Op, emitRow>, emitRow>(context);
}

/// Makes `emitBlock` the CPU code of a block of `Op`, which has blocks of `Op::blockTokens` columns.
template <typename Op, void (*emitBlock)(Op, CpuKernelEmitter &, Value memory, Value row, Value block, int64_t columns)>
struct CpuBlockReductionModel : CpuBlockReductionOpInterface::ExternalModel<CpuBlockReductionModel<Op, emitBlock>, Op> {
  int64_t getBlockColumns(Operation *) const { return Op::blockTokens; }
  void emitCpuBlock(Operation *op, CpuKernelEmitter &emitter, Value memory, Value row, Value block,
                    int64_t columns) const {
    emitBlock(cast<Op>(op), emitter, memory, row, block, columns);
  }
};

/// Puts a function of type plait_kernel_fn_v1 (GenerateKernels.cpp) in the place of `kernel`. How its work is divided;
/// or reports at an op what cannot be generated.
FailureOr<CpuTiles> generateCpuKernel(kernel::FuncOp kernel, CpuTarget target);

/// The code of every family below, and what the lowering of their code to the
/// llvm dialect needs.
void registerCpuKernels(DialectRegistry &registry);

void registerElementwiseCpuKernels(DialectRegistry &registry);
void registerLinearCpuKernels(DialectRegistry &registry);
void registerMoveCpuKernels(DialectRegistry &registry);
void registerNormCpuKernels(DialectRegistry &registry);
void registerRoundCpuKernels(DialectRegistry &registry);
void registerEmbedCpuKernels(DialectRegistry &registry);
void registerQuantizeCpuKernels(DialectRegistry &registry);
void registerRopeCpuKernels(DialectRegistry &registry);
void registerStageCpuKernels(DialectRegistry &registry);
void registerAttendCpuKernels(DialectRegistry &registry);
void registerChooseCpuKernels(DialectRegistry &registry);
void registerSampleCpuKernels(DialectRegistry &registry);
void registerTypicalCpuKernels(DialectRegistry &registry);
void registerEditCpuKernels(DialectRegistry &registry);
void registerTopLogprobsCpuKernels(DialectRegistry &registry);
void registerPartSummaryCpuKernels(DialectRegistry &registry);
void registerPartThresholdCpuKernels(DialectRegistry &registry);
void registerPartDrawCpuKernels(DialectRegistry &registry);

} // namespace plait

#endif // PLAIT_PASSES_CPU_CPUKERNELS_H
