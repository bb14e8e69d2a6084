//===- Par.h - The par dialect ----------------------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECTS_PAR_PAR_H
#define PLAIT_DIALECTS_PAR_PAR_H

#include "dialects/Lm/Lm.h"

namespace plait::par {
/// Parameters of a machine's attributes: {f32 = 1.0e11}, [0, 1], true.
llvm::FailureOr<mlir::DictionaryAttr> parsePeaks(mlir::AsmParser &parser);
void printPeaks(mlir::AsmPrinter &printer, mlir::DictionaryAttr peaks);
llvm::FailureOr<mlir::DenseI64ArrayAttr> parseMembers(mlir::AsmParser &parser);
llvm::FailureOr<bool> parseFlag(mlir::AsmParser &parser);
} // namespace plait::par

#include "dialects/Par/ParDialect.h.inc"
#include "dialects/Par/ParEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/Par/ParAttrs.h.inc"
#include "dialects/Par/ParOpInterfaces.h.inc"
#define GET_OP_CLASSES
#include "dialects/Par/ParOps.h.inc"

namespace plait::par {

/// The axis along which the model is there several times: nothing is split along it.
inline constexpr llvm::StringLiteral kReplicaAxis = "dp";

/// Of the mesh's rank, which one it is of those that share a replica's work, and how
/// many they are.
std::pair<int64_t, int64_t> getPlaceInReplica(MeshOp mesh);

/// The groups of ranks of a replica that differ along `axes` alone, in the order of their
/// first members. The members are in the order of their numbers along `axes`, and are ranks
/// of the replica (`getPlaceInReplica`).
llvm::SmallVector<llvm::SmallVector<int64_t>> getGroupsInReplica(MeshOp mesh, llvm::ArrayRef<AxisAttr> axes);

/// The first of the elements that device `index` of `count` has of `extent` that they share
/// out evenly.
inline int64_t getEvenBegin(int64_t index, int64_t count, int64_t extent) { return extent * index / count; }

/// What the device `rank` of `mesh` holds of a value of `type`: extents, and where
/// they begin. `begins` may be null.
llvm::SmallVector<int64_t> getLocalShape(MeshOp mesh, int64_t rank, ShardAttr shard, mlir::Type type,
                                         llvm::SmallVectorImpl<int64_t> *begins = nullptr);

} // namespace plait::par

#endif // PLAIT_DIALECTS_PAR_PAR_H
