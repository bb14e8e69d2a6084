//===- Register.cpp - The only list of all dialects and passes ------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Driver/Register.h"

#include "dialects/Decode/Decode.h"
#include "dialects/Kernel/Kernel.h"
#include "dialects/Lm/Lm.h"
#include "dialects/Overlap/Overlap.h"
#include "dialects/Par/Par.h"
#include "dialects/Rt/Rt.h"
#include "passes/CPU/CpuKernels.h"
#include "passes/CPU/Passes.h"
#include "passes/CUDA/CudaKernels.h"
#include "passes/CUDA/Passes.h"
#include "passes/Decode/Passes.h"
#include "passes/Lower/Passes.h"
#include "passes/Import/Passes.h"
#include "passes/Overlap/Passes.h"
#include "passes/Parallel/Passes.h"
#include "passes/Pipelines/Phases.h"
#include "plait/Support/IrVersion.h"

#include "mlir/Conversion/ConvertToLLVM/ToLLVMPass.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Target/LLVM/NVVM/Target.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/GPU/GPUToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mlir/Transforms/Passes.h"

using namespace plait;

void plait::registerAllDialects(DialectRegistry &registry) {
  registry.insert<lm::LmDialect, decode::DecodeDialect, par::ParDialect, overlap::OverlapDialect, kernel::KernelDialect,
                  rt::RtDialect>();
  addIrVersion<lm::LmDialect, decode::DecodeDialect, par::ParDialect, overlap::OverlapDialect, kernel::KernelDialect,
               rt::RtDialect>(registry);
  registry.insert<arith::ArithDialect, func::FuncDialect, gpu::GPUDialect, LLVM::LLVMDialect, math::MathDialect,
                  memref::MemRefDialect, NVVM::NVVMDialect, scf::SCFDialect, vector::VectorDialect>();
  registerCpuKernels(registry);
  registerCudaKernels(registry);
  mlir::registerBuiltinDialectTranslation(registry);
  mlir::registerGPUDialectTranslation(registry);
  mlir::registerLLVMDialectTranslation(registry);
  mlir::registerNVVMDialectTranslation(registry);
  NVVM::registerNVVMTargetInterfaceExternalModels(registry);
}

void plait::registerAllPasses() {
  registerPlaitDecodePasses();
  registerPlaitParallelPasses();
  registerPlaitOverlapPasses();
  registerPlaitLowerPasses();
  registerPlaitImportPasses();
  registerPlaitCPUPasses();
  registerPlaitCUDAPasses();
  registerPhasePipelines();
  mlir::registerCanonicalizerPass();
  mlir::registerCSEPass();
  mlir::registerSymbolDCEPass();
  mlir::registerSCFToControlFlowPass();
  mlir::registerConvertToLLVMPass();
  mlir::registerReconcileUnrealizedCastsPass();
}
