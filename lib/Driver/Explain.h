//===- Explain.h - What the compiler did and why ----------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// explain.json of an artifact, which `plait explain` reads:
//
//   { "schema": 1,
//     "passes": [ {"phase": "lower", "pass": "plait-dedupe-kernels"} ],
//     "remarks": [ {"pass": "plait-dedupe-kernels", "name": "SharedKernel", "kind": "passed",
//                   "at": "model.layers.self_attn.v_proj", "text": "linear_1 is equal to linear_0"} ],
//     "variants": [ {"name": "ar", "launches": [ {"op": "lm.linear", "element": "bf16",
//                    "flops": {...}, "weight_bytes": {...}, "activation_bytes": {...}} ] } ],
//     "machine": {...} }
//
// A launch has the index that it has in the binary's plan. Its cost is that of one
// layer, as a linear form without the terms that are 0; `element` is what it multiplies by, if that
// is not f32. `machine` is that of --machine, if there was one, as a machine table (docs/overlap.md)
// with the devices of the artifact's ranks in order. Equal inputs give equal bytes.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_LIB_DRIVER_EXPLAIN_H
#define PLAIT_LIB_DRIVER_EXPLAIN_H

#include "passes/Pipelines/Phases.h"
#include "runtime/base/Json.h"
#include "runtime/base/Mesh.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"

namespace plait {

/// Collects while the phases run.
class ExplainLog {
public:
  /// Listens to the remarks of all passes in `context`.
  void listen(mlir::MLIRContext &context);
  /// Listens to the passes of a phase.
  void listen(mlir::PassManager &passes, Phase phase);
  /// Keeps the machine that `module` has for the ranks of `mesh`.
  void addMachine(mlir::ModuleOp module, const Mesh &mesh);
  /// Takes the costs out of `module`, which is IR after the lower phase.
  void addCosts(mlir::ModuleOp module);

  Json finish() const;

  /// How much has been collected, and back to that: phases that run for each target
  /// follow those that ran for all.
  struct Mark {
    size_t passes, remarks, variants;
  };
  Mark mark() const { return {passes.size(), remarks.size(), variants.size()}; }
  void rewind(Mark mark);
  /// Adds to `explanation` what has been collected of passes since `mark`.
  void append(Mark mark, Json &explanation) const;

private:
  Json passes = Json::array(), remarks = Json::array(), variants = Json::array(), machine;
};

} // namespace plait

#endif // PLAIT_LIB_DRIVER_EXPLAIN_H
