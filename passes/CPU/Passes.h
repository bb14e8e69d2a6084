//===- Passes.h - Passes of the CPU target ----------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_CPU_PASSES_H
#define PLAIT_PASSES_CPU_PASSES_H

#include "dialects/Rt/Rt.h"
#include "passes/CPU/KernelEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"

namespace plait {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "passes/CPU/Passes.h.inc"

/// From the loops, vectors and rt ops of kernels to the llvm dialect alone.
/// Needs what registerCpuKernels (CpuKernels.h) registers.
void buildCpuLoweringPipeline(OpPassManager &pm);

/// The code of overlap programs, in the llvm dialect alone.
void buildCpuProtocolsPipeline(OpPassManager &pm, const GenerateCpuProtocolsPassOptions &options);

struct CpuPipelineOptions {
  CpuTarget target;
  std::string isa; ///< features the runtime must find before it runs the code
};

/// The cpu phase: code of all kernels, tables, lowering, verifier.
void buildCpuPipeline(OpPassManager &pm, const CpuPipelineOptions &options);

} // namespace plait

#endif // PLAIT_PASSES_CPU_PASSES_H
