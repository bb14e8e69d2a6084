//===- Batch.cpp - From one sequence to ragged rows -----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Decode/Passes.h"
#include "passes/Decode/StepBuilder.h"

#include "mlir/IR/Builders.h"

namespace plait {
#define GEN_PASS_DEF_BATCHPASS
#include "passes/Decode/Passes.h.inc"
} // namespace plait

using namespace plait;
using namespace plait::decode;

namespace {

struct BatchPass : plait::impl::BatchPassBase<BatchPass> {
  using BatchPassBase::BatchPassBase;

  void runOnOperation() override {
    for (StrategyOp strategy : llvm::make_early_inc_range(getOperation().getOps<StrategyOp>())) {
      if (strategy.isOutlined())
        continue;
      if (failed(batch(strategy, /*logits=*/false)) || (debugLogits && failed(batch(strategy, /*logits=*/true))))
        return signalPassFailure();
      strategy.erase();
    }
  }

  LogicalResult batch(StrategyOp strategy, bool wantLogits) {
    auto shape = StepShape::match(strategy.getRound());
    if (failed(shape))
      return failure();
    OpBuilder b(strategy);
    StepVariant variant{(strategy.getSymName() + (wantLogits ? ".debug" : "")).str()};
    variant.returnsLogits = wantLogits;
    return buildStep(b, *shape, variant, shape->forward);
  }
};
} // namespace
