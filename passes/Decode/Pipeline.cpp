//===- Pipeline.cpp - The decode phase ------------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Decode/Passes.h"

using namespace plait;

void plait::buildDecodePipeline(OpPassManager &pm, const DecodePipelineOptions &options) {
  // What is not drafted is decoded autoregressively.
  pm.addPass(createAttachStrategyPass());
  // While rules and logits are there, of which it speaks.
  pm.addPass(createCheckExactnessPass());
  // Of all parts that were trained beside the model, each step would fill the states.
  pm.addPass(createDropDraftStatesPass());
  // Forwards of many tokens are the autoregressive step, too.
  pm.addPass(createOutlineStepsPass());
  // Strategies are written for one sequence; everything below works on rows.
  pm.addPass(createBatchPass({options.debugLogits}));
  // Most steps draw nothing and edit nothing.
  if (options.greedySteps)
    pm.addPass(createAddGreedyStepsPass());
  pm.addPass(createVerifyDecodePass());
}
