//===- Ptx.cpp - From LLVM dialect to PTX ---------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Target/Ptx.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"

using namespace plait;
using namespace mlir;

static Expected<std::unique_ptr<llvm::TargetMachine>> createTargetMachine(NVVM::NVVMTargetAttr attribute) {
  LLVMInitializeNVPTXTargetInfo();
  LLVMInitializeNVPTXTarget();
  LLVMInitializeNVPTXTargetMC();
  LLVMInitializeNVPTXAsmPrinter();
  std::string error;
  llvm::Triple triple(attribute.getTriple());
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return unsupported("target " + attribute.getTriple().str() + ": " + error);
  llvm::TargetOptions options; // no floating-point fusion: kernels say where they fuse
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;
  return std::unique_ptr<llvm::TargetMachine>(
      target->createTargetMachine(triple, attribute.getChip(), attribute.getFeatures(), options, std::nullopt,
                                  std::nullopt, llvm::CodeGenOptLevel::Aggressive));
}

/// Like -O2, but loops stay as they are: kernels are written with as much unrolled as pays,
/// and more takes registers that tiles of sums need.
static void optimize(llvm::Module &ir, llvm::TargetMachine &tm) {
  llvm::PipelineTuningOptions tuning;
  tuning.LoopUnrolling = tuning.LoopInterleaving = tuning.LoopVectorization = tuning.SLPVectorization = false;
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager callGraph;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&tm, tuning);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(callGraph);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, callGraph, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O2).run(ir, modules);
}

Expected<std::string> plait::compileToPtx(gpu::GPUModuleOp module) {
  ArrayAttr targets = module.getTargetsAttr();
  auto attribute = targets && targets.size() == 1 ? dyn_cast<NVVM::NVVMTargetAttr>(targets[0]) : nullptr;
  if (!attribute)
    return invalidArgument("gpu.module @" + module.getName().str() + ": expected one #nvvm.target");
  auto targetMachine = createTargetMachine(attribute);
  if (!targetMachine)
    return targetMachine.status();
  llvm::TargetMachine &tm = **targetMachine;
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> ir = translateModuleToLLVMIR(module, context, "plait");
  if (!ir)
    return internalError("gpu.module @" + module.getName().str() +
                         " could not be translated to LLVM IR; see the message above");
  ir->setTargetTriple(tm.getTargetTriple());
  ir->setDataLayout(tm.createDataLayout());
  optimize(*ir, tm);
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::legacy::PassManager codegen;
  if (tm.addPassesToEmitFile(codegen, stream, nullptr, llvm::CodeGenFileType::AssemblyFile))
    return internalError("LLVM cannot emit PTX for " + attribute.getChip().str());
  codegen.run(*ir);
  return std::string(bytes.begin(), bytes.end());
}
