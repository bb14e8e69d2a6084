//===- CudaProtocol.cpp - Overlap programs, compiled for GPUs -------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CudaProtocol.h"

#include "dialects/Overlap/ProgramMemory.h"
#include "passes/CUDA/Passes.h"
#include "passes/Overlap/Passes.h"
#include "plait/Driver/Register.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace plait;
using namespace plait::test;
using namespace mlir;

std::string test::readProgram(const std::string &name) {
  auto file = llvm::MemoryBuffer::getFile(PLAIT_TEST_DIR "/target/cuda/Inputs/protocols/" + name);
  if (!file)
    llvm::report_fatal_error(llvm::StringRef(name));
  return (*file)->getBuffer().str();
}

std::string test::fillIn(std::string text, const std::vector<std::pair<std::string, std::string>> &values) {
  for (const auto &[name, value] : values)
    for (size_t at = 0; (at = text.find(name, at)) != std::string::npos; at += value.size())
      text.replace(at, name.size(), value);
  return text;
}

static std::vector<CudaProtocol::Words> wordsOf(overlap::ProgramOp program) {
  overlap::ProgramMemory memory(program);
  std::vector<CudaProtocol::Words> words;
  auto add = [&](const char *name, Operation *op, overlap::CounterType type) {
    words.push_back(
        {name + std::to_string(words.size()), memory.offsets.at(op), ShapedType::getNumElements(type.getExtents())});
  };
  program.walk([&](overlap::TrackOp op) { add("counter ", op, op.getResult().getType()); });
  program.walk([&](overlap::TriggerOp op) { add("epochs begun by trigger ", op, op.getCounter().getType()); });
  return words;
}

CudaProtocol::CudaProtocol(std::string text, int64_t ranks, const std::string &chip, const char *fault,
                           llvm::function_ref<void(PassManager &)> write, const std::string &multicast)
    : ranks(ranks) {
  registerAllDialects(registry);
  context.appendDialectRegistry(registry);
  module = parseSourceString<ModuleOp>(fillIn(std::move(text), {{"NRANKS", std::to_string(ranks)}}), &context);
  PassManager written(&context, ModuleOp::getOperationName()), compiled(&context, ModuleOp::getOperationName());
  write(written);
  // What is not proved may hang.
  written.addPass(createVerifyOverlapPass());
  buildCudaPipeline(compiled, {.chip = chip, .multicast = multicast});
  if (!module || failed(written.run(*module)))
    llvm::report_fatal_error("the program was refused");
  words = wordsOf(*module->getOps<overlap::ProgramOp>().begin());
  if (failed(compiled.run(*module)))
    llvm::report_fatal_error("the program was refused");
  kernels = *module->getOps<gpu::GPUModuleOp>().begin();
  memoryBytes = size_t(kernels->getAttrOfType<IntegerAttr>("overlap.memory").getInt());
  llvm::append_range(entries, kernels->getAttrOfType<ArrayAttr>("overlap.entries").getAsRange<rt::EntryAttr>());
  if (fault)
    kernels.walk([&](LLVM::InlineAsmOp op) {
      if (op.getAsmString().contains(fault))
        op.erase();
    });
}
