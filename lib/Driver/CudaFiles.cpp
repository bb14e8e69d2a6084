//===- CudaFiles.cpp - PTX and cubins of a model's kernels ----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CudaFiles.h"
#include "CudaImages.h"

#include "dialects/Kernel/Kernel.h"
#include "dialects/Rt/Rt.h"
#include "plait/Target/Ptx.h"
#include "runtime/base/File.h"
#include "runtime/base/Signals.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

using namespace plait;
using namespace mlir;

/// Entries of the kernel `name`, or of the protocol.
static SmallVector<rt::EntryAttr> entriesOf(ModuleOp module, StringRef name) {
  SmallVector<rt::EntryAttr> entries;
  if (auto own = module.lookupSymbol(name)->getAttrOfType<ArrayAttr>("overlap.entries"))
    llvm::append_range(entries, own.getAsRange<rt::EntryAttr>());
  for (auto model : module.getOps<rt::ModelOp>())
    for (auto kernel : model.getOps<rt::KernelOp>())
      if (kernel.getFunction() == name && kernel.getEntries())
        llvm::append_range(entries, kernel.getEntriesAttr().getAsRange<rt::EntryAttr>());
  return entries;
}

/// A line for each entry; shared memory is static and dynamic together.
static Status addResources(ModuleOp module, StringRef kernel, const Cubin &cubin, llvm::raw_ostream &table) {
  for (rt::EntryAttr entry : entriesOf(module, kernel)) {
    PLAIT_ASSIGN_OR_RETURN(KernelResources found, resourcesOf(cubin, entry));
    table << llvm::left_justify(entry.getName(), 32);
    for (int64_t number : {entry.getThreads(), found.registers, found.spillStores + found.spillLoads, found.stack,
                           found.shared + entry.getShared()})
      table << llvm::format_decimal(number, 10);
    table << "\n";
  }
  return Status::success();
}

Status plait::writeCudaFiles(ModuleOp module, const CudaMachine &machine, const CompileOptions &options) {
  if (options.output.empty() || options.output == "-")
    return invalidArgument("-o: found no folder; expected one for the files of each kernel");
  if (std::error_code error = llvm::sys::fs::create_directories(options.output))
    return resourceError(options.output + ": cannot be made: " + error.message());
  auto log = [&](const std::string &line) {
    if (options.log)
      options.log(line);
  };
  std::string resources;
  llvm::raw_string_ostream table(resources);
  table << llvm::left_justify("entry", 32);
  for (StringRef column : {"threads", "registers", "spills", "stack", "shared"})
    table << llvm::right_justify(column, 10);
  table << "\n";
  for (auto kernel : module.getOps<gpu::GPUModuleOp>()) {
    PLAIT_RETURN_IF_ERROR(checkInterrupted());
    std::string name = kernel.getName().str(), path = options.output + "/" + name;
    if (options.progress)
      options.progress->begin("kernel " + name);
    PLAIT_ASSIGN_OR_RETURN(std::string ptx, compileToPtx(kernel));
    PLAIT_RETURN_IF_ERROR(writeFileAtomic(path + ".ptx", ptx));
    if (options.stopAfter < Phase::cubin)
      continue;
    PLAIT_ASSIGN_OR_RETURN(Cubin cubin, assemblePtx(ptx, machine.name));
    PLAIT_RETURN_IF_ERROR(writeFileAtomic(path + ".cubin", cubin.bytes));
    PLAIT_RETURN_IF_ERROR(addResources(module, name, cubin, table));
    for (const std::string &warning : cubin.warnings)
      log("warning: " + name + ": " + warning);
  }
  if (options.stopAfter >= Phase::cubin)
    PLAIT_RETURN_IF_ERROR(writeFileAtomic(options.output + "/resources.txt", resources));
  for (auto kernel : module.getOps<kernel::FuncOp>()) {
    if (kernel.getHost())
      continue;
    auto names =
        llvm::map_to_vector(kernel.getComputeOps(), [](Operation *op) { return op->getName().getStringRef(); });
    log("warning: " + kernel.getSymName().str() + ": found no CUDA code for " + llvm::join(names, ", ") +
        "; no files are written for this kernel");
  }
  return Status::success();
}
