//===- CudaProtocol.h - Overlap programs, compiled for GPUs -----*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TEST_UNIT_COMPILER_CUDAPROTOCOL_H
#define PLAIT_TEST_UNIT_COMPILER_CUDAPROTOCOL_H

#include "dialects/Rt/Rt.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"

#include <string>
#include <vector>

namespace plait::test {

/// A program of test/target/cuda/Inputs/protocols.
std::string readProgram(const std::string &name);
/// With values in the place of names.
std::string fillIn(std::string text, const std::vector<std::pair<std::string, std::string>> &values);

/// The first program of a module, compiled for ranks, of which each has the same code.
class CudaProtocol {
public:
  /// NRANKS in `text` is `ranks`; `write` adds passes that write the program; PTX with `fault` in it is taken out.
  CudaProtocol(std::string text, int64_t ranks, const std::string &chip, const char *fault,
               llvm::function_ref<void(mlir::PassManager &)> write, const std::string &multicast = "loop");

  /// Counters of u32 in symmetric memory, and what triggers keep.
  struct Words {
    std::string name;
    int64_t offset, count;
  };

  int64_t ranks;
  size_t memoryBytes;
  mlir::SmallVector<rt::EntryAttr> entries;
  std::vector<Words> words;
  mlir::gpu::GPUModuleOp kernels;

private:
  mlir::DialectRegistry registry;
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

} // namespace plait::test

#endif // PLAIT_TEST_UNIT_COMPILER_CUDAPROTOCOL_H
