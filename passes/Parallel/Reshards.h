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
#include "llvm/Support/Error.h"

namespace plait {

/// What plait-insert-reshards does, without remarks if `isSilent`; returns the number of
/// reshards. Does nothing where it has been done.
int64_t insertReshards(ModuleOp module, bool isSilent = false);

/// The exchange that a reshard becomes.
struct ReshardKind {
  enum Kind { allReduce, reduceScatter, allGather, part } kind;
  unsigned dim = 0; ///< that is split or put together
};

/// That of a reshard from `source` to `target`, or what was expected of them.
llvm::Expected<ReshardKind> getReshardKind(par::ShardAttr source, par::ShardAttr target);

} // namespace plait

#endif // PLAIT_PASSES_PARALLEL_RESHARDS_H
