//===- Overlap.h - The overlap dialect --------------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECTS_OVERLAP_OVERLAP_H
#define PLAIT_DIALECTS_OVERLAP_OVERLAP_H

#include "dialects/Par/Par.h"

#include "mlir/Interfaces/FunctionInterfaces.h"

#include "dialects/Overlap/OverlapDialect.h.inc"
#include "dialects/Overlap/OverlapEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/Overlap/OverlapAttrs.h.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/Overlap/OverlapTypes.h.inc"
#define GET_OP_CLASSES
#include "dialects/Overlap/OverlapOps.h.inc"

namespace plait::overlap {

/// The most tiles of a loop and counters of a family.
inline constexpr int64_t kMaxTiles = int64_t(1) << 16;

/// The results of a map; symbols that it lacks are left out, and -1 stands for what a division
/// by zero gives.
llvm::SmallVector<int64_t> evaluateMap(mlir::AffineMap map, llvm::ArrayRef<int64_t> dims,
                                       llvm::ArrayRef<int64_t> symbols);

/// That a memory or counter is there from the first epoch on.
llvm::LogicalResult verifyIsProgramOp(mlir::Operation *op);

} // namespace plait::overlap

#endif // PLAIT_DIALECTS_OVERLAP_OVERLAP_H
