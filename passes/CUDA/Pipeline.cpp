//===- Pipeline.cpp - Lowering of CUDA kernels ----------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CUDA/Passes.h"

#include "mlir/Conversion/ConvertToLLVM/ToLLVMPass.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Transforms/Passes.h"

using namespace plait;

void plait::buildCudaLoweringPipeline(OpPassManager &pm) {
  OpPassManager &kernels = pm.nest<gpu::GPUModuleOp>();
  // While loops still have their structure: those of one iteration go away, and so do
  // extents that a kernel does not use.
  kernels.addPass(mlir::createCanonicalizerPass());
  kernels.addPass(mlir::createCSEPass());
  kernels.addPass(mlir::createSCFToControlFlowPass());
  kernels.addPass(mlir::createConvertToLLVMPass());
  kernels.addPass(mlir::createReconcileUnrealizedCastsPass());
  kernels.addPass(mlir::createCanonicalizerPass());
  kernels.addPass(mlir::createCSEPass());
}

void plait::buildCudaPipeline(OpPassManager &pm, const CudaPipelineOptions &options) {
  GenerateCudaKernelsPassOptions kernels;
  kernels.chip = options.chip;
  kernels.partial = options.partial;
  pm.addPass(createPlaceKernelsPass());
  // While kernels are ops, whose results have types.
  pm.addPass(createSeparateSlotsPass());
  pm.addPass(createGenerateCudaKernelsPass(kernels));
  GenerateCudaProtocolsPassOptions protocols;
  protocols.chip = options.chip;
  protocols.multicast = options.multicast;
  pm.addPass(createGenerateCudaProtocolsPass(protocols));
  buildCudaLoweringPipeline(pm);
  pm.addPass(createVerifyCudaPass({options.partial}));
}
