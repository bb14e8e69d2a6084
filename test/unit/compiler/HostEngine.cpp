//===- HostEngine.cpp - Generated code, run by tests ----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "HostEngine.h"

#include "test/unit/cuda/GpuModel.h"

#include "plait/Target/Object.h"

#include "llvm/ExecutionEngine/Orc/JITTargetMachineBuilder.h"
#include "llvm/Support/TargetSelect.h"

using namespace plait;
using namespace plait::test;

std::unique_ptr<mlir::ExecutionEngine> test::makeHostEngine(mlir::ModuleOp module) {
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  auto machine = llvm::cantFail(llvm::cantFail(llvm::orc::JITTargetMachineBuilder::detectHost()).createTargetMachine());
  // The engine calls it while it is made, and never again.
  auto optimize = [&](llvm::Module *ir) {
    optimizeKernels(*ir, *machine);
    return llvm::Error::success();
  };
  mlir::ExecutionEngineOptions options;
  options.transformer = optimize;
  auto engine = llvm::cantFail(mlir::ExecutionEngine::create(module, options));
  engine->registerSymbols([](llvm::orc::MangleAndInterner mangle) {
    llvm::orc::SymbolMap symbols;
    for (const ModelFunction &function : llvm::ArrayRef(kModelFunctions, kModelFunctionCount))
      symbols[mangle(function.name)] = {llvm::orc::ExecutorAddr::fromPtr(function.address),
                                        llvm::JITSymbolFlags::Exported};
    return symbols;
  });
  return engine;
}
