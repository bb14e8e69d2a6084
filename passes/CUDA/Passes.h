//===- Passes.h - Passes of the CUDA targets --------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_CUDA_PASSES_H
#define PLAIT_PASSES_CUDA_PASSES_H

#include "dialects/Rt/Rt.h"
#include "plait/Target/CudaMachine.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"

namespace plait {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "passes/CUDA/Passes.h.inc"

/// From the loops, vectors and nvvm ops of each gpu.module to the llvm dialect and those nvvm
/// ops that are translated as they are. Needs what registerCudaKernels (CudaKernels.h) registers.
void buildCudaLoweringPipeline(OpPassManager &pm);

struct CudaPipelineOptions {
  std::string chip;               ///< of CudaMachine
  bool partial = false;           ///< leave kernels without code
  std::string multicast = "loop"; ///< of protocols
};

/// The cuda phase: code of all kernels, lowering, verifier.
void buildCudaPipeline(OpPassManager &pm, const CudaPipelineOptions &options);

} // namespace plait

#endif // PLAIT_PASSES_CUDA_PASSES_H
