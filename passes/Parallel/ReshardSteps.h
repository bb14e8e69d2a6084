//===- ReshardSteps.h - Collectives from one sharding to another -*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_PARALLEL_RESHARDSTEPS_H
#define PLAIT_PASSES_PARALLEL_RESHARDSTEPS_H

#include "dialects/Par/Par.h"

namespace plait {

enum class ReshardKind { allReduce, reduceScatter, allGather, allToAll, part };

/// A collective, and how the value is sharded behind it.
struct ReshardStep {
  ReshardKind kind;
  par::ShardAttr result;
  unsigned dim = 0;                ///< that becomes parts, or of all_gather whole
  unsigned sourceDim = 0;          ///< of all_to_all: that becomes whole
  SmallVector<par::AxisAttr> axes; ///< of the devices
};

/// The collectives that lead from `source` to `target` and send the fewest bytes; among
/// equals the fewest. None if parts overlap that would have to be made or put together.
std::optional<SmallVector<ReshardStep>> findReshardSteps(par::MeshOp mesh, RankedTensorType type, par::ShardAttr source,
                                                         par::ShardAttr target);

/// What a rank holds of `type`.
RankedTensorType getLocalType(par::MeshOp mesh, int64_t rank, par::ShardAttr shard, RankedTensorType type);

} // namespace plait

#endif // PLAIT_PASSES_PARALLEL_RESHARDSTEPS_H
