//===- CudaImages.cpp - Kernels of a GPU as parts of a model binary -------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CudaImages.h"

#include "runtime/base/Signals.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"

#include <chrono>

using namespace plait;
using namespace mlir;

Expected<KernelResources> plait::resourcesOf(const Cubin &cubin, rt::EntryAttr entry) {
  auto found = llvm::find_if(cubin.entries, [&](const auto &own) { return own.entry == entry.getName(); });
  if (found == cubin.entries.end())
    return internalError("ptxas: found nothing on " + entry.getName().str() + "; expected its registers");
  return *found;
}

static Expected<Cubin> assemble(gpu::GPUModuleOp kernel, const CudaMachine &machine, const CompileOptions &options) {
  if (options.assemble)
    return options.assemble(kernel);
  PLAIT_ASSIGN_OR_RETURN(std::string ptx, compileToPtx(kernel));
  return assemblePtx(ptx, machine.name);
}

Status plait::makeCudaImages(ModuleOp module, const CudaMachine &machine, const CompileOptions &options) {
  auto begin = std::chrono::steady_clock::now();
  int64_t kernels = 0, spilled = 0;
  auto log = [&](const std::string &line) {
    if (options.log)
      options.log(line);
  };
  OpBuilder b(module.getContext());
  // The programs of several ranks have kernels in common.
  llvm::MapVector<StringRef, SmallVector<rt::KernelOp>> rows;
  for (auto model : module.getOps<rt::ModelOp>())
    for (auto row : model.getOps<rt::KernelOp>())
      rows[row.getFunction()].push_back(row);
  for (auto &[function, users] : rows) {
    auto kernel = module.lookupSymbol<gpu::GPUModuleOp>(function);
    if (!kernel)
      continue;
    PLAIT_RETURN_IF_ERROR(checkInterrupted());
    std::string name = kernel.getName().str();
    if (options.progress)
      options.progress->begin("kernel " + name);
    PLAIT_ASSIGN_OR_RETURN(Cubin cubin, assemble(kernel, machine, options));
    SmallVector<int64_t> resources;
    for (auto entry : users.front().getEntriesAttr().getAsRange<rt::EntryAttr>()) {
      PLAIT_ASSIGN_OR_RETURN(KernelResources own, resourcesOf(cubin, entry));
      int64_t spills = own.spillStores + own.spillLoads;
      resources.append({own.registers, spills, own.stack, own.shared});
      spilled += spills > 0;
    }
    for (const std::string &warning : cubin.warnings)
      log("warning: " + name + ": " + warning);
    for (rt::KernelOp row : users) {
      row.setImageAttr(b.getStringAttr(cubin.bytes));
      row.setResourcesAttr(b.getDenseI64ArrayAttr(resources));
    }
    kernel.erase();
    ++kernels;
  }
  // Not among the artifact's files, which do not depend on the machine that compiles.
  double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  log(llvm::formatv("{0}: {1} kernels in {2:f1} s{3}", machine.name, kernels, seconds,
                    spilled ? ", of which " + std::to_string(spilled) + " functions spill registers" : ""));
  return Status::success();
}
