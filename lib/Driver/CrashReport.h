//===- CrashReport.h - What is kept when the compiler crashes ---*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_LIB_DRIVER_CRASHREPORT_H
#define PLAIT_LIB_DRIVER_CRASHREPORT_H

#include "plait/Driver/Compile.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace plait {

/// Runs `run`, which is `phase` over `module`. Should it crash, the module as it
/// was before is written to `path`, one line on standard error says how to see
/// the crash again, and the process ends with exit code 1: memory may be damaged.
LogicalResult runWithCrashReport(Phase phase, ModuleOp module, const std::string &path,
                                 llvm::function_ref<LogicalResult()> run);

} // namespace plait

#endif // PLAIT_LIB_DRIVER_CRASHREPORT_H
