//===- Object.cpp - From LLVM dialect to a shared object ------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Target/Object.h"

#include "runtime/base/File.h"

#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Analysis/CGSCCPassManager.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"

using namespace plait;
using namespace mlir;

static Expected<std::unique_ptr<llvm::TargetMachine>> createTargetMachine(const CpuMachine &machine) {
  // Only x86-64 is named by a CpuMachine.
  LLVMInitializeX86TargetInfo();
  LLVMInitializeX86Target();
  LLVMInitializeX86TargetMC();
  LLVMInitializeX86AsmPrinter();
  std::string error;
  llvm::Triple triple(machine.triple);
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return unsupported("target " + machine.triple + ": " + error);
  llvm::TargetOptions options; // no floating-point fusion: kernels say where they fuse
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      triple, machine.cpu, machine.features, options, llvm::Reloc::PIC_, std::nullopt, llvm::CodeGenOptLevel::Default));
}

void plait::optimizeKernels(llvm::Module &ir, llvm::TargetMachine &tm) {
  // Without LLVM's vectorisers and unrolling: unrolled again, blocks no longer fit the
  // registers, spill twice as much and take half as long again to compile.
  const char *passes =
      "globaldce,"
      "function(sroa,early-cse<memssa>,simplifycfg,instcombine<no-verify-fixpoint>,"
      "loop-mssa(loop-rotate,licm),simplifycfg,loop(indvars),"
      "loop-unroll<no-partial;no-peeling;no-runtime;no-upperbound;full-unroll-max=0>,"
      "gvn,instcombine<no-verify-fixpoint>,dse,loop-mssa(licm),simplifycfg,instcombine<no-verify-fixpoint>),"
      "globaldce,constmerge";
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager callGraphs;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&tm);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(callGraphs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, callGraphs, modules);
  llvm::ModulePassManager manager;
  llvm::cantFail(builder.parsePassPipeline(manager, passes));
  manager.run(ir, modules);
}

Expected<std::string> plait::compileToObject(ModuleOp module, const CpuMachine &machine) {
  auto targetMachine = createTargetMachine(machine);
  if (!targetMachine)
    return targetMachine.status();
  llvm::TargetMachine &tm = **targetMachine;
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> ir = translateModuleToLLVMIR(module, context, "plait");
  if (!ir)
    return internalError("the module could not be translated to LLVM IR; see the message above");
  ir->setTargetTriple(tm.getTargetTriple());
  ir->setDataLayout(tm.createDataLayout());
  for (llvm::Function &f : *ir)
    if (!f.isDeclaration()) {
      f.addFnAttr("target-cpu", machine.cpu);
      if (!machine.features.empty())
        f.addFnAttr("target-features", machine.features);
      f.addFnAttr("prefer-vector-width", std::to_string(machine.lanes * 32));
      f.addFnAttr(llvm::Attribute::NoUnwind);
    }
  optimizeKernels(*ir, tm);
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::legacy::PassManager codegen;
  if (tm.addPassesToEmitFile(codegen, stream, nullptr, llvm::CodeGenFileType::ObjectFile))
    return internalError("LLVM cannot emit an object for " + machine.triple);
  codegen.run(*ir);
  return std::string(bytes.begin(), bytes.end());
}

/// ld.lld of the LLVM that Plait is built against, or the first on PATH.
static Expected<std::string> findLinker() {
  for (const char *name : {"ld.lld-22", "ld.lld"})
    for (llvm::StringRef folder : {"", "/usr/lib/llvm-22/bin"})
      if (auto found = llvm::sys::findProgramByName(name, folder.empty() ? llvm::ArrayRef<llvm::StringRef>() : folder))
        return *found;
  return notFound("ld.lld: found no linker on PATH or in /usr/lib/llvm-22/bin; expected LLVM's lld; install lld-22");
}

Status plait::linkSharedObject(const std::string &object, const std::string &path) {
  PLAIT_ASSIGN_OR_RETURN(std::string linker, findLinker());
  std::string objectFile = path + ".o", log = path + ".log";
  PLAIT_RETURN_IF_ERROR(writeFileAtomic(objectFile, object));
  // No build id and a fixed name: equal inputs give equal bytes.
  llvm::SmallVector<llvm::StringRef> arguments = {
      linker, "-shared", "-o",          path, objectFile, "-soname",         "model.so",      "-z",
      "defs", "-z",      "noexecstack", "-z", "now",      "--build-id=none", "--gc-sections", "--hash-style=gnu"};
  std::string error;
  std::optional<llvm::StringRef> redirects[] = {"", llvm::StringRef(log), llvm::StringRef(log)};
  int rc = llvm::sys::ExecuteAndWait(linker, arguments, std::nullopt, redirects, 0, 0, &error);
  std::string output;
  if (auto buffer = llvm::MemoryBuffer::getFile(log))
    output = (*buffer)->getBuffer().str();
  llvm::sys::fs::remove(objectFile);
  llvm::sys::fs::remove(log);
  if (rc != 0)
    return internalError("the linker failed (" + std::to_string(rc) + "): " + error + output +
                         "\ncommand: " + llvm::join(arguments, " "));
  return Status::success();
}
