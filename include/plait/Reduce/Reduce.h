//===- Reduce.h - Shrinks IR that shows a fault -----------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Delta debugging (Zeller, Hildebrandt 2002) with rewrite patterns in the place
// of deletions: each pattern makes IR simpler and keeps it valid. What patterns a
// dialect has it says through MLIR's DialectReductionPatternInterface.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_REDUCE_REDUCE_H
#define PLAIT_REDUCE_REDUCE_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/IR/PatternMatch.h"

#include <functional>

namespace plait {

/// Whether a module still shows what is looked for.
using InterestingFn = std::function<bool(mlir::ModuleOp)>;

struct ReductionStats {
  unsigned opsBefore = 0, opsAfter = 0; ///< the module itself not counted
  unsigned tests = 0;                   ///< calls of the test
};

/// Applies the patterns below and those of the loaded dialects while the module
/// stays valid and interesting, in ever smaller groups of ops, until no single
/// application is left that does. Fails, and leaves the module, if it is not
/// interesting to begin with.
mlir::FailureOr<ReductionStats> reduce(mlir::OwningOpRef<mlir::ModuleOp> &module, const InterestingFn &isInteresting);

/// What makes any IR simpler: an op without uses goes, a result becomes an operand
/// of the same type or an argument of its function, an argument or result of a
/// function that nobody calls goes.
void populateGenericReductionPatterns(mlir::RewritePatternSet &patterns);

/// Gives lm and decode their DialectReductionPatternInterface.
void registerReductionPatterns(mlir::DialectRegistry &registry);

} // namespace plait

#endif // PLAIT_REDUCE_REDUCE_H
