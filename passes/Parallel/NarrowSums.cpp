//===- NarrowSums.cpp - Sums that ranks send each other as bf16 -----------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Lm/Lm.h"
#include "dialects/Par/Par.h"
#include "passes/Parallel/Passes.h"

#include "llvm/ADT/TypeSwitch.h"

namespace plait {
#define GEN_PASS_DEF_NARROWSUMSPASS
#include "passes/Parallel/Passes.h.inc"
} // namespace plait

using namespace plait;

namespace {
struct NarrowSumsPass : plait::impl::NarrowSumsPassBase<NarrowSumsPass> {
  void runOnOperation() override {
    for (lm::ModelOp model : getOperation().getOps<lm::ModelOp>())
      if (model.getNumerics() == lm::Numerics::tp_invariant) {
        model.emitOpError("expected sums that may depend on the number of ranks, but its numerics are tp_invariant; "
                          "leave wire f32 or choose row_invariant");
        return signalPassFailure();
      }
    auto wire = TypeAttr::get(BFloat16Type::get(&getContext()));
    getOperation().walk([&](Operation *op) {
      llvm::TypeSwitch<Operation *>(op).Case<par::AllReduceOp, par::ReduceScatterOp, par::ReduceGatherOp>(
          [&](auto sum) {
            sum.setWireAttr(wire);
            ++numSums;
          });
    });
  }
};
} // namespace
