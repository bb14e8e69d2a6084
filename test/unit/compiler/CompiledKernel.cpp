//===- CompiledKernel.cpp - One kernel, compiled and loaded ---------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CompiledKernel.h"

#include "plait/Driver/Register.h"
#include "plait/Target/CpuMachine.h"
#include "plait/Target/Object.h"

#include "passes/CPU/CpuKernels.h"
#include "passes/CPU/Passes.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"

#include <dlfcn.h>
#include <filesystem>

using namespace plait;

static CpuMachine resolve(const std::string &spec) {
  auto machine = resolveCpuMachine(spec);
  if (!machine)
    llvm::report_fatal_error(machine.status().message().c_str());
  return *machine;
}

/// The level whose vectors have `lanes`; if this machine has not got it, its own
/// level, where LLVM splits the vectors: the code of a kernel is the same.
static CpuMachine machineOf(unsigned lanes) {
  static const std::map<unsigned, std::string> levels = {{4, "x86-64"}, {8, "x86-64-v3"}, {16, "x86-64-v4"}};
  CpuMachine native = resolve("native");
  CpuMachine machine = lanes <= native.lanes ? resolve(levels.at(lanes)) : native;
  machine.lanes = lanes;
  return machine;
}

std::string CompiledKernel::cost() {
  return "attributes {cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], "
         "activations = [0, 0, 0, 0, 0]>} ";
}

CompiledKernel::CompiledKernel(const std::string &text, unsigned lanes) {
  DialectRegistry registry;
  registerAllDialects(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  std::string types;
  for (auto [name, element] : {std::pair("i", "i32"), {"l", "i64"}, {"f", "f32"}})
    types += std::string("!") + name + " = tensor<?x" + element + ", #lm.dims<leaves>>\n";
  auto module = parseSourceString<ModuleOp>(types + text, &context);
  if (!module)
    llvm::report_fatal_error("the kernel does not parse; see the message above");

  CpuMachine machine = machineOf(lanes);
  PassManager pm(&context, ModuleOp::getOperationName());
  pm.addPass(createGenerateCpuKernelsPass({machine.lanes, machine.fma, machine.tiles, machine.pairs}));
  buildCpuLoweringPipeline(pm);
  if (failed(pm.run(*module)))
    llvm::report_fatal_error("the kernel does not lower; see the message above");
  auto object = compileToObject(*module, machine);
  if (!object)
    llvm::report_fatal_error(object.status().message().c_str());

  std::string folder = (std::filesystem::temp_directory_path() / "plait-kernel-XXXXXX").string();
  if (!mkdtemp(folder.data()))
    llvm::report_fatal_error("no temporary folder");
  std::string path = folder + "/kernel.so";
  Status linked = linkSharedObject(*object, path);
  library = linked.ok() ? dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL) : nullptr;
  std::filesystem::remove_all(folder);
  if (!library)
    llvm::report_fatal_error(linked.ok() ? dlerror() : linked.message().c_str());
  function = reinterpret_cast<plait_kernel_fn_v1>(dlsym(library, "k"));
  if (!function)
    llvm::report_fatal_error("the shared object has no kernel");
}

CompiledKernel::~CompiledKernel() {
  if (library)
    dlclose(library);
}

void CompiledKernel::run(const std::vector<void *> &buffers, const std::map<int, int64_t> &dims, int64_t begin,
                         int64_t end, int64_t step, std::vector<int64_t> *reported) const {
  plait_imports_v1_t imports{};
  imports.struct_size = sizeof(imports);
  imports.report_nonfinite = [](void *runtime, int64_t leaf) {
    if (runtime)
      static_cast<std::vector<int64_t> *>(runtime)->push_back(leaf);
  };
  plait_context_v1_t context{sizeof(context), reported, &imports};
  std::vector<int64_t> extents(PLAIT_DIM_COUNT, -1);
  for (auto [dim, extent] : dims)
    extents[size_t(dim)] = extent;
  function(&context, buffers.data(), extents.data(), begin, end, step);
}
