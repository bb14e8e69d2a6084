//===- FuseEpilogue.h - Sums with what follows them -------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The passes that lead to par.reduce_gather, as functions: plait-guard-overlap tries them out on
// a copy of the program.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_PARALLEL_FUSEEPILOGUE_H
#define PLAIT_PASSES_PARALLEL_FUSEEPILOGUE_H

#include "dialects/Decode/Decode.h"
#include "dialects/Par/Par.h"

#include "plait/Timeline/Machine.h"

#include "mlir/IR/BuiltinOps.h"

namespace plait {

/// plait-shard-residual; returns how many sums are scattered. `isSilent`: without remarks.
/// `leavesAhead`: as the pass's option.
int64_t shardResidual(ModuleOp module, bool isSilent, bool leavesAhead = false);
/// plait-rotate-layers; returns how many loops begin elsewhere.
int64_t rotateLayers(ModuleOp module, bool isSilent);
/// From how many tokens on ranks share them out in a step with fused sums. Rows of fewer cost less than
/// the second exchange that each fused sum needs for them.
inline constexpr int64_t kShareTokens = 16;

/// plait-fuse-all-reduce-epilogue; returns how many sums are fused.
int64_t fuseAllReduceEpilogues(ModuleOp module, bool isSilent);

/// The machine of the devices of the program's mesh along `axes`, or nothing if none is described.
std::optional<timeline::Machine> getMachineOf(par::MeshOp mesh, ArrayRef<par::AxisAttr> axes);

} // namespace plait

#endif // PLAIT_PASSES_PARALLEL_FUSEEPILOGUE_H
