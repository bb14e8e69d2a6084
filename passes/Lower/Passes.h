//===- Passes.h - Passes of the lower phase --------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_LOWER_PASSES_H
#define PLAIT_PASSES_LOWER_PASSES_H

#include "dialects/Decode/Decode.h"
#include "dialects/Kernel/Kernel.h"
#include "dialects/Par/Par.h"
#include "dialects/Rt/Rt.h"

#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"

namespace plait {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "passes/Lower/Passes.h.inc"

struct LowerPipelineOptions {
  int64_t panel = 32;       ///< rows per weight panel, see plait-pack-weights
  bool roundInputs = false; ///< the target multiplies bf16 by bf16
  // Which fusions run; none changes a bit of any result.
  bool fuseGated = true, fuseEpilogues = true, fuseRows = true, fuseParallel = true;
  bool quantizeActivations = true; ///< plait-quantize-activations
  bool roundQueries = false;       ///< plait-round-queries: the target multiplies bf16 by bf16 in attention, too
  bool splitAttention = true;      ///< plait-split-attention; changes no bit either
  bool splitsRounded = false;      ///< it leaves alone what has queries of f32
  bool summarizeLogits = true;     ///< plait-summarize-logits; changes no bit either
  bool fuseReductions = true;      ///< and plait-fuse-epilogues makes the summaries part of the head
  bool computeRedundantly = true;  ///< plait-compute-redundantly; changes no bit either
};

/// From steps and models to kernels and launch plans.
void buildLowerPipeline(OpPassManager &pm, const LowerPipelineOptions &options);

} // namespace plait

#endif // PLAIT_PASSES_LOWER_PASSES_H
