//===- Passes.h - Passes of the decode phase --------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_DECODE_PASSES_H
#define PLAIT_PASSES_DECODE_PASSES_H

#include "dialects/Decode/Decode.h"

#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"

namespace plait {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "passes/Decode/Passes.h.inc"

struct DecodePipelineOptions {
  bool debugLogits = false;
  bool greedySteps = true; ///< plait-add-greedy-steps; changes no bit of any result
};

/// attach-strategy, check-exactness, drop-draft-states, outline-steps, batch, add-greedy-steps, verify-decode.
void buildDecodePipeline(OpPassManager &pm, const DecodePipelineOptions &options);

} // namespace plait

#endif // PLAIT_PASSES_DECODE_PASSES_H
