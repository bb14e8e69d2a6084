//===- Pipeline.cpp - Lowering of CPU kernels to the llvm dialect ---------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/Passes.h"

#include "mlir/Conversion/ConvertToLLVM/ToLLVMPass.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Transforms/Passes.h"

using namespace plait;

void plait::buildCpuLoweringPipeline(OpPassManager &pm) {
  pm.addPass(createLowerImportsPass());
  // While loops still have their structure: those of one iteration go away, and
  // so do addresses and extents that a kernel does not use.
  pm.addPass(mlir::createCanonicalizerPass());
  pm.addPass(mlir::createCSEPass());
  pm.addPass(mlir::createSCFToControlFlowPass());
  pm.addPass(mlir::createConvertToLLVMPass());
  pm.addPass(mlir::createReconcileUnrealizedCastsPass());
  pm.addPass(mlir::createCanonicalizerPass());
  pm.addPass(mlir::createCSEPass());
}

void plait::buildCpuProtocolsPipeline(OpPassManager &pm, const GenerateCpuProtocolsPassOptions &options) {
  pm.addPass(createGenerateCpuProtocolsPass(options));
  buildCpuLoweringPipeline(pm);
}

void plait::buildCpuPipeline(OpPassManager &pm, const CpuPipelineOptions &options) {
  GenerateCpuKernelsPassOptions kernels;
  kernels.lanes = options.target.lanes;
  kernels.fma = options.target.fma;
  kernels.tiles = options.target.tiles;
  kernels.pairs = options.target.pairs;
  kernels.bytes = options.target.bytes;
  pm.addPass(createGenerateCpuKernelsPass(kernels));
  // After generation: the tables name functions and tiles.
  pm.addPass(createEmitTablesPass({options.isa}));
  buildCpuLoweringPipeline(pm);
  pm.addPass(createVerifyCpuPass());
}
