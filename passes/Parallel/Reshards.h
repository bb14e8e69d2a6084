//===- Reshards.h - Reshards where shardings differ -------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_PARALLEL_RESHARDS_H
#define PLAIT_PASSES_PARALLEL_RESHARDS_H

#include "dialects/Par/Par.h"

#include "mlir/IR/BuiltinOps.h"

namespace plait {

/// What plait-insert-reshards does, without remarks if `isSilent`; returns the number of
/// reshards. Does nothing where it has been done.
int64_t insertReshards(ModuleOp module, bool isSilent = false);

} // namespace plait

#endif // PLAIT_PASSES_PARALLEL_RESHARDS_H
