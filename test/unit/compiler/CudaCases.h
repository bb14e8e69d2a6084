//===- CudaCases.h - Kernels and their results, for a machine with a GPU ---===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// If $PLAIT_GPU_CASES names a folder, tests of kernels for sm_90a leave there what they computed on
// the model of a GPU: N.cubin, and N-M.safetensors for each step. test/unit/gpu/KernelsTest.cpp
// repeats it on a GPU.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TEST_UNIT_COMPILER_CUDACASES_H
#define PLAIT_TEST_UNIT_COMPILER_CUDACASES_H

#include "dialects/Kernel/Kernel.h"
#include "dialects/Rt/Rt.h"
#include "plait-abi/Types.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"

#include <string>
#include <vector>

namespace plait::test {

class CudaCases {
public:
  /// Of the code of one kernel for `chip`; assembles it if cases are wanted.
  void begin(mlir::gpu::GPUModuleOp code, const std::string &chip);
  bool areWanted() const { return !stem.empty(); }
  /// Buffers before the kernel ran, and after. Those of unknown size cannot be kept: then nothing is.
  void add(kernel::FuncOp kernel, mlir::ArrayRef<rt::EntryAttr> entries, const int64_t *dims,
           const std::vector<std::vector<uint8_t>> &before, const std::vector<void *> &after);

private:
  std::string stem; ///< of file names; empty: no cases
  int count = 0;
};

} // namespace plait::test

#endif // PLAIT_TEST_UNIT_COMPILER_CUDACASES_H
