//===- CudaHostCode.h - CUDA kernels as code for this machine ---*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TEST_UNIT_COMPILER_CUDAHOSTCODE_H
#define PLAIT_TEST_UNIT_COMPILER_CUDAHOSTCODE_H

#include "plait/Target/Ptx.h"

#include "mlir/IR/BuiltinOps.h"

namespace plait::test {

/// The functions of `kernels`, which is after the cuda phase, with calls of the model in
/// test/unit/cuda/GpuModel.h for what only a GPU has. Tensor maps are passed by address.
mlir::OwningOpRef<mlir::ModuleOp> makeHostCode(mlir::gpu::GPUModuleOp kernels);

/// An image of that for the driver of test/unit/cuda/FakeDriver.h (CompileOptions::assemble).
Expected<Cubin> makeHostImage(mlir::gpu::GPUModuleOp kernels);

} // namespace plait::test

#endif // PLAIT_TEST_UNIT_COMPILER_CUDAHOSTCODE_H
