//===- Register.h - The only list of all dialects and passes ----*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DRIVER_REGISTER_H
#define PLAIT_DRIVER_REGISTER_H

#include "mlir/IR/DialectRegistry.h"

namespace plait {

/// Plait's dialects and the upstream ones they lower to, with the translations
/// to LLVM IR.
void registerAllDialects(mlir::DialectRegistry &registry);

/// Plait's passes and pipelines, and the upstream passes that the pipelines use.
void registerAllPasses();

} // namespace plait

#endif // PLAIT_DRIVER_REGISTER_H
