//===- Pipeline.cpp - The parallel phase ----------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Parallel/Passes.h"

using namespace plait;

void plait::buildParallelPipeline(OpPassManager &pm, const ParallelPipelineOptions &options) {
  AddMeshPassOptions mesh;
  if (options.dp > 1) {
    mesh.axes.push_back("dp");
    mesh.sizes.push_back(options.dp);
  }
  mesh.axes.push_back("tp");
  mesh.sizes.push_back(options.tp);
  pm.addPass(createAddMeshPass(mesh));
  pm.addPass(createSplitProjectionsPass());
  pm.addPass(createPropagateShardingPass());
  pm.addPass(createInsertReshardsPass());
  pm.addPass(createPartitionPass({options.rank}));
  if (options.sequenceParallel)
    pm.addPass(createShardResidualPass());
  pm.addPass(createVerifyParallelPass());
}
