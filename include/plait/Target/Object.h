//===- Object.h - From LLVM dialect to a shared object ----------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TARGET_OBJECT_H
#define PLAIT_TARGET_OBJECT_H

#include "plait/Target/CpuMachine.h"

#include "mlir/IR/BuiltinOps.h"

#include <string>

namespace llvm {
class Module;
class TargetMachine;
} // namespace llvm

namespace plait {

/// Runs the passes of LLVM that generated kernels want: those that make them cheaper and
/// leave their loops and vectors as they are.
void optimizeKernels(llvm::Module &ir, llvm::TargetMachine &tm);

/// Compiles `module` (llvm dialect only) to an ELF object, optimised as above.
Expected<std::string> compileToObject(mlir::ModuleOp module, const CpuMachine &machine);

/// Links an object to a shared object at `path` with ld.lld, without undefined
/// symbols. On an error the linker's own words and the command are shown.
Status linkSharedObject(const std::string &object, const std::string &path);

} // namespace plait

#endif // PLAIT_TARGET_OBJECT_H
