//===- Pipeline.cpp - The lower phase -------------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Lower/Passes.h"

using namespace plait;

void plait::buildLowerPipeline(OpPassManager &pm, const LowerPipelineOptions &options) {
  // What is no code is out of the way of what makes code.
  pm.addPass(createLowerStrategiesPass());
  // One function per step, so that launches have one order.
  pm.addPass(createInlineModelPass());
  // A launch has no barrier inside.
  pm.addPass(createDecomposeAttentionPass());
  // Before attention is split, into two ops of one query.
  if (options.roundQueries)
    pm.addPass(createRoundQueriesPass());
  // Before outlining: spans are a launch of their own.
  if (options.splitAttention)
    pm.addPass(createSplitAttentionPass({options.splitsRounded}));
  // Before outlining: several products share a rounded input.
  if (options.roundInputs)
    pm.addPass(createRoundInputsPass());
  if (options.quantizeActivations)
    pm.addPass(createQuantizeActivationsPass());
  // Before outlining: what a choice needs of a head's logits is an epilogue of it.
  if (options.summarizeLogits)
    pm.addPass(createSummarizeLogitsPass());
  // Before outlining: a layout depends on all uses of a weight.
  pm.addPass(createPackWeightsPass({options.panel}));
  pm.addPass(createOutlineKernelsPass());
  // Gates first, or else their activation would become the epilogue of one product.
  if (options.fuseGated)
    pm.addPass(createFuseGatedPass());
  if (options.fuseEpilogues)
    pm.addPass(createFuseEpiloguesPass({options.fuseReductions}));
  // After the epilogues, which spread an addition over more tiles than rows.
  if (options.fuseRows)
    pm.addPass(createFuseRowsPass());
  // Last: it puts together what the others have made.
  if (options.fuseParallel)
    pm.addPass(createFuseParallelPass());
  // Once it is clear what a launch does, and who reads it.
  if (options.computeRedundantly)
    pm.addPass(createComputeRedundantlyPass());
  // Before any loop exists: equal ops are compiled once.
  pm.addPass(createDedupeKernelsPass());
  pm.addPass(createPlanLaunchesPass());
  pm.addPass(createVerifyLowerPass());
}
