//===- Passes.h - Passes of the parallel phase ------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_PARALLEL_PASSES_H
#define PLAIT_PASSES_PARALLEL_PASSES_H

#include "dialects/Decode/Decode.h"
#include "dialects/Par/Par.h"

#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"

namespace plait {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "passes/Parallel/Passes.h.inc"

/// Whether sums over ranks are fused with what follows them: where that is predicted to pay
/// (plait-guard-overlap), or wherever it can be. The bits of results are the same.
enum class OverlapMode { off, automatic, on };

/// From how many tokens on a step is computed in two parts wherever it can be (plait-weave-steps).
inline constexpr int64_t kWeaveTokens = 128;

struct ParallelPipelineOptions {
  // Devices along the axes "dp" and "tp", if the module has no mesh. Nothing is split
  // along "dp": it is there with more than one.
  int64_t dp = 1, tp = 1;
  int64_t rank = 0;
  bool sequenceParallel = false; ///< run plait-shard-residual
  OverlapMode overlap = OverlapMode::automatic;
  bool tpInvariant = false; ///< run plait-declare-trees
  bool narrowSums = false;  ///< run plait-narrow-sums; changes numbers
  bool optimizeCollectives = true;
  bool selectAlgorithms = true;         ///< run plait-select-algorithms
  bool expandSums = false;              ///< run plait-expand-sums
  std::vector<std::string> shards = {}; ///< WEIGHT=SPEC of plait-constrain-weights
  std::string phase = {};               ///< that the steps are for, and its mesh; empty: all, on @mesh
};

/// From steps on whole tensors, with the model inlined, to those of one rank of the
/// module's mesh: add-mesh, split-projections, declare-trees (if wanted), constrain-weights,
/// propagate-sharding, declare-phase (if there is one), insert-reshards, partition,
/// narrow-sums (if wanted), shard-residual (if wanted), guard-overlap or rotate-layers and fuse-all-reduce-epilogue (by
/// `overlap`), optimize-collectives, expand-sums (if wanted), weave-steps, select-algorithms (if wanted),
/// verify-parallel. With one rank nothing is split, and of those split-projections, declare-trees and verify-parallel
/// remain, with a phase also add-mesh and declare-phase.
void buildParallelPipeline(OpPassManager &pm, const ParallelPipelineOptions &options);

/// Of one rank with a phase, steps that stay as they are: add-mesh and declare-phase.
void buildPhaseOfOneRankPipeline(OpPassManager &pm, const ParallelPipelineOptions &options);

} // namespace plait

#endif // PLAIT_PASSES_PARALLEL_PASSES_H
