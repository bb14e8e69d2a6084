//===- MergeRanks.h - The programs of several ranks in one ------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_LIB_DRIVER_MERGERANKS_H
#define PLAIT_LIB_DRIVER_MERGERANKS_H

#include "mlir/IR/BuiltinOps.h"

namespace plait {

/// Moves the `rt.model` of `rank` into `module`, with the kernels that are not there
/// already, and numbers it. Both are IR after the lower phase.
void mergeRank(mlir::ModuleOp module, mlir::ModuleOp rank);

} // namespace plait

#endif // PLAIT_LIB_DRIVER_MERGERANKS_H
