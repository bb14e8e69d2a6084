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

/// Whether `algorithm` adds in the order of the devices, so that it changes no bit.
inline bool keepsOrder(SumAlgorithm algorithm) {
  return algorithm != SumAlgorithm::ring && algorithm != SumAlgorithm::multimem;
}

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

/// That `shard` fits its mesh and `type`, or an error at `op`.
mlir::LogicalResult verifyShard(mlir::Operation *op, mlir::SymbolTableCollection &symbols, ShardAttr shard,
                                mlir::Type type);

/// Key/value heads [begin, end) of a state.
struct HeadRange {
  int64_t begin, end;

  bool has(int64_t head) const { return begin <= head && head < end; }
};

/// The heads that each rank of a replica has of a state, in order of the ranks.
llvm::SmallVector<HeadRange> getHeadRanges(MeshOp mesh, ShardAttr shard, lm::StateType state);

/// Who sends which heads where ranks have `sources` of them and others are to have
/// `targets`. Of several ranks that have a head the one sends it that sends least so far,
/// so that ranks with the same heads share the work; consecutive heads of one rank go
/// together.
llvm::SmallVector<HeadsAttr> planSends(mlir::MLIRContext *context, llvm::ArrayRef<HeadRange> sources,
                                       llvm::ArrayRef<HeadRange> targets);

/// The names of phases.
inline constexpr llvm::StringLiteral kPrefillPhase = "prefill", kDecodePhase = "decode";

} // namespace plait::par

#endif // PLAIT_DIALECTS_PAR_PAR_H
