//===- Pipeline.cpp - The parallel phase ----------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Parallel/Passes.h"

using namespace plait;

static void addMesh(OpPassManager &pm, const ParallelPipelineOptions &options) {
  AddMeshPassOptions mesh;
  if (options.dp > 1) {
    mesh.axes.push_back("dp");
    mesh.sizes.push_back(options.dp);
  }
  mesh.axes.push_back("tp");
  mesh.sizes.push_back(options.tp);
  if (!options.phase.empty())
    mesh.symbol = options.phase;
  if (options.tp == 1) // nothing is left to partition
    mesh.rank = options.rank;
  pm.addPass(createAddMeshPass(mesh));
}

void plait::buildPhaseOfOneRankPipeline(OpPassManager &pm, const ParallelPipelineOptions &options) {
  addMesh(pm, options);
  pm.addPass(createDeclarePhasePass({options.phase}));
}

void plait::buildParallelPipeline(OpPassManager &pm, const ParallelPipelineOptions &options) {
  bool isShared = options.tp > 1, hasPhase = !options.phase.empty();
  if (isShared || hasPhase)
    addMesh(pm, options);
  pm.addPass(createSplitProjectionsPass());
  // Before anything depends on the number of ranks.
  if (options.tpInvariant)
    pm.addPass(createDeclareTreesPass());
  if (isShared) {
    if (!options.shards.empty()) {
      ConstrainWeightsPassOptions constrain;
      constrain.shards.assign(options.shards.begin(), options.shards.end());
      pm.addPass(createConstrainWeightsPass(constrain));
    }
    pm.addPass(createPropagateShardingPass());
  }
  if (hasPhase)
    pm.addPass(createDeclarePhasePass({options.phase}));
  if (isShared) {
    pm.addPass(createInsertReshardsPass());
    pm.addPass(createPartitionPass({options.rank}));
    if (options.narrowSums)
      pm.addPass(createNarrowSumsPass());
  }
  bool fuses = isShared && options.overlap == OverlapMode::on;
  if (options.sequenceParallel || fuses)
    pm.addPass(createShardResidualPass({/*leavesAhead=*/!options.sequenceParallel}));
  if (fuses) {
    // So that what a layer begins with follows the sum before it.
    pm.addPass(createRotateLayersPass());
    pm.addPass(createFuseAllReduceEpiloguePass());
  } else if (isShared && options.overlap == OverlapMode::automatic) {
    pm.addPass(createGuardOverlapPass());
  }
  if (isShared && options.optimizeCollectives)
    pm.addPass(createOptimizeCollectivesPass());
  // After all that looks for sums.
  if (isShared && options.expandSums)
    pm.addPass(createExpandSumsPass());
  // Before what predicts how long sums take.
  if (isShared && options.selectAlgorithms)
    pm.addPass(createSelectAlgorithmsPass());
  if (fuses)
    pm.addPass(createWeaveStepsPass({/*tokens=*/kWeaveTokens}));
  else if (isShared && options.overlap == OverlapMode::automatic)
    pm.addPass(createWeaveStepsPass());
  pm.addPass(createVerifyParallelPass());
}
