//===- Phases.cpp - The whole compiler as named phases --------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Pipelines/Phases.h"

#include "passes/CPU/Passes.h"
#include "passes/CUDA/Passes.h"
#include "passes/Decode/Passes.h"
#include "passes/Import/Passes.h"
#include "passes/Lower/Passes.h"
#include "passes/Overlap/Passes.h"
#include "passes/Parallel/Passes.h"

#include "mlir/Pass/PassRegistry.h"

using namespace plait;

llvm::StringRef plait::getName(Phase phase) {
  switch (phase) {
  case Phase::import:
    return "import";
  case Phase::decode:
    return "decode";
  case Phase::parallel:
    return "parallel";
  case Phase::lower:
    return "lower";
  case Phase::cpu:
    return "cpu";
  case Phase::cuda:
    return "cuda";
  case Phase::ptx:
    return "ptx";
  case Phase::cubin:
    return "cubin";
  case Phase::link:
    return "link";
  }
  llvm_unreachable("unknown phase");
}

std::optional<Phase> plait::parsePhase(llvm::StringRef name) {
  for (Phase phase : kPhases)
    if (getName(phase) == name)
      return phase;
  return std::nullopt;
}

void plait::buildPhase(mlir::OpPassManager &pm, Phase phase, const PhaseOptions &options) {
  switch (phase) {
  case Phase::import:
    pm.addPass(createVerifyImportPass());
    return;
  case Phase::decode:
    return buildDecodePipeline(pm, {options.debugLogits, options.fuseLogits});
  case Phase::parallel: {
    ParallelPipelineOptions parallel{.dp = options.dp,
                                     .tp = options.tp,
                                     .rank = options.rank,
                                     .sequenceParallel = options.sequenceParallel,
                                     .overlap = options.overlap,
                                     .tpInvariant = options.tpInvariant,
                                     .narrowSums = options.narrowSums,
                                     .optimizeCollectives = options.optimizeCollectives,
                                     .selectAlgorithms = options.selectAlgorithms,
                                     .expandSums = options.expandSums,
                                     .shards = {options.shards.begin(), options.shards.end()},
                                     .phase = options.servingPhase};
    // A model on one rank stays as it is, in each of its replicas, unless its bits are to be those on several.
    if (options.tp == 1 && !options.tpInvariant) {
      if (!parallel.phase.empty())
        buildPhaseOfOneRankPipeline(pm, parallel);
      return;
    }
    pm.addPass(createInlineModelPass());
    return buildParallelPipeline(pm, parallel);
  }
  case Phase::lower:
    return buildLowerPipeline(pm, {.panel = options.cuda.empty() ? 32 : 0, // a GPU copies tiles out of rows
                                   .roundInputs = options.roundInputs || !options.cuda.empty(),
                                   .fuseGated = options.fuseGated,
                                   .fuseEpilogues = options.fuseEpilogues,
                                   .fuseRows = options.fuseRows,
                                   .fuseParallel = options.fuseParallel,
                                   .quantizeActivations = options.quantizeActivations,
                                   .roundQueries = options.roundQueries && !options.cuda.empty(),
                                   .splitAttention = options.splitAttention,
                                   .splitsRounded = !options.cuda.empty(), // its other kernel joins no spans
                                   .summarizeLogits = options.fuseLogits,
                                   .fuseReductions = options.cuda.empty(), // a block of them is several tiles of a GPU
                                   .computeRedundantly = options.computeRedundantly && options.cuda.empty()});
  case Phase::cpu:
    return buildCpuPipeline(
        pm, {{unsigned(options.lanes), options.fma, options.tiles, options.pairs, options.bytes}, options.isa});
  case Phase::cuda:
    return buildCudaPipeline(pm, {options.cuda, options.partial});
  case Phase::ptx:
  case Phase::cubin:
  case Phase::link:
    return;
  }
}

/// From sums over ranks to fused ones, with programs that say how these are carried out, and the proof of those.
static void buildOverlapPipeline(mlir::OpPassManager &pm, const OverlapPipelineOptions &options) {
  pm.addPass(createShardResidualPass());
  pm.addPass(createRotateLayersPass());
  pm.addPass(createFuseAllReduceEpiloguePass());
  OutlineProtocolsPassOptions protocols;
  protocols.rows = options.rows;
  protocols.sms = options.sms;
  protocols.commSms = options.commSms;
  pm.addPass(createOutlineProtocolsPass(protocols));
  if (options.tiles) {
    FuseTilesPassOptions tiles;
    tiles.rows = options.rows;
    tiles.tileRows = options.tileRows;
    if (options.sms)
      tiles.sms = options.sms;
    pm.addPass(createFuseTilesPass(tiles));
  }
  if (options.assignOrder)
    pm.addPass(createAssignTileOrderPass());
  if (options.assignPools)
    pm.addPass(createAssignPoolsPass({options.machine.getValue(), /*comm=*/0}));
  if (options.allocateSlots)
    pm.addPass(createAllocateSlotsPass());
  pm.addPass(createVerifyOverlapPass());
}

void plait::registerPhasePipelines() {
  mlir::PassPipelineRegistration<OverlapPipelineOptions>(
      "plait-overlap-pipeline", "From sums over ranks to fused ones, with their programs and the proof of these",
      buildOverlapPipeline);
  mlir::PassPipelineRegistration<CpuProtocolsPipelineOptions>(
      "plait-cpu-protocols-pipeline", "From the programs of protocols to the llvm dialect, for CPU ranks",
      [](mlir::OpPassManager &pm, const CpuProtocolsPipelineOptions &options) {
        buildCpuProtocolsPipeline(pm, {options.lanes, options.fma, options.delays});
      });
  static const struct {
    Phase phase;
    const char *flag, *description;
  } pipelines[] = {
      {Phase::import, "plait-import-pipeline", "What follows reading a model: its verifier"},
      {Phase::decode, "plait-decode-pipeline", "From a model to steps over ragged rows"},
      {Phase::parallel, "plait-parallel-pipeline", "From steps of a model to those of one rank"},
      {Phase::lower, "plait-lower-pipeline", "From steps to kernels and launch plans"},
      {Phase::cpu, "plait-cpu-pipeline", "From kernels and plans to the llvm dialect"},
      {Phase::cuda, "plait-cuda-pipeline", "From kernels to the llvm and nvvm dialects"},
  };
  for (auto &pipeline : pipelines) {
    Phase phase = pipeline.phase;
    mlir::PassPipelineRegistration<PhaseOptions>(
        pipeline.flag, pipeline.description,
        [phase](mlir::OpPassManager &pm, const PhaseOptions &options) { buildPhase(pm, phase, options); });
  }
}
