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

namespace plait {

/// Compiles `module` (llvm dialect only) to an ELF object with LLVM's optimiser.
Expected<std::string> compileToObject(mlir::ModuleOp module, const CpuMachine &machine);

/// Links an object to a shared object at `path` with ld.lld, without undefined
/// symbols. On an error the linker's own words and the command are shown.
Status linkSharedObject(const std::string &object, const std::string &path);

} // namespace plait

#endif // PLAIT_TARGET_OBJECT_H
