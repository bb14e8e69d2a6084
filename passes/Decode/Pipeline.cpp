//===- Pipeline.cpp - The decode phase ------------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Decode/Passes.h"

using namespace plait;

void plait::buildDecodePipeline(OpPassManager &pm, const DecodePipelineOptions &options) {
  // A model without a strategy decodes autoregressively.
  pm.addPass(createAttachStrategyPass());
  // Strategies are written for one sequence; everything below works on rows.
  pm.addPass(createBatchPass({options.debugLogits}));
  pm.addPass(createVerifyDecodePass());
}
