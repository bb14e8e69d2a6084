//===- CudaKernels.cpp - The list of families of CUDA kernels -------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CUDA/CudaKernels.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/NVVMToLLVM/NVVMToLLVM.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"

using namespace plait;

void plait::registerCudaKernels(DialectRegistry &registry) {
  registerAttendCudaKernels(registry);
  registerElementwiseCudaKernels(registry);
  registerEmbedCudaKernels(registry);
  registerLinearCudaKernels(registry);
  registerMoveCudaKernels(registry);
  registerNormCudaKernels(registry);
  registerRopeCudaKernels(registry);
  registerStageCudaKernels(registry);
  registerSummarizeCudaKernels(registry);

  // convert-to-llvm asks the dialects themselves how they are lowered.
  arith::registerConvertArithToLLVMInterface(registry);
  cf::registerConvertControlFlowToLLVMInterface(registry);
  registerConvertNVVMToLLVMInterface(registry);
  ub::registerConvertUBToLLVMInterface(registry);
  vector::registerConvertVectorToLLVMInterface(registry);
}
