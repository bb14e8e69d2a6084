//===- CpuKernels.cpp - The list of families of CPU kernels ---------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/CpuKernels.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/IndexToLLVM/IndexToLLVM.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"

using namespace plait;

void plait::registerCpuKernels(DialectRegistry &registry) {
  registerElementwiseCpuKernels(registry);
  registerLinearCpuKernels(registry);
  registerMoveCpuKernels(registry);
  registerNormCpuKernels(registry);
  registerRoundCpuKernels(registry);
  registerEmbedCpuKernels(registry);
  registerQuantizeCpuKernels(registry);
  registerRopeCpuKernels(registry);
  registerStageCpuKernels(registry);
  registerAttendCpuKernels(registry);
  registerChooseCpuKernels(registry);
  registerSampleCpuKernels(registry);
  registerTypicalCpuKernels(registry);
  registerEditCpuKernels(registry);
  registerTopLogprobsCpuKernels(registry);
  registerPartSummaryCpuKernels(registry);
  registerPartThresholdCpuKernels(registry);
  registerPartDrawCpuKernels(registry);

  // convert-to-llvm asks the dialects themselves how they are lowered.
  arith::registerConvertArithToLLVMInterface(registry);
  cf::registerConvertControlFlowToLLVMInterface(registry);
  index::registerConvertIndexToLLVMInterface(registry);
  ub::registerConvertUBToLLVMInterface(registry);
  vector::registerConvertVectorToLLVMInterface(registry);
}
