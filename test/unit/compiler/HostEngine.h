//===- HostEngine.h - Generated code, run by tests --------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TEST_UNIT_COMPILER_HOSTENGINE_H
#define PLAIT_TEST_UNIT_COMPILER_HOSTENGINE_H

#include "mlir/ExecutionEngine/ExecutionEngine.h"
#include "mlir/IR/BuiltinOps.h"

#include <memory>

namespace plait::test {

/// The functions of `module`, in the dialect of LLVM, compiled for this machine as kernels are. They may
/// call those of the model of GPUs (test/unit/cuda/GpuModel.h).
std::unique_ptr<mlir::ExecutionEngine> makeHostEngine(mlir::ModuleOp module);

} // namespace plait::test

#endif // PLAIT_TEST_UNIT_COMPILER_HOSTENGINE_H
