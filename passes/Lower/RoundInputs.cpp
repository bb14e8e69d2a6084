//===- RoundInputs.cpp - Inputs of products in bf16 -----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Lower/Passes.h"

#include "mlir/IR/Remarks.h"
#include "llvm/Support/MathExtras.h"

namespace plait {
#define GEN_PASS_DEF_ROUNDINPUTSPASS
#include "passes/Lower/Passes.h.inc"
} // namespace plait

using namespace plait;

namespace {

/// A tile is 64 bytes wide; so is a cache line.
int64_t padColumns(int64_t columns) {
  constexpr int64_t perLine = 32;
  int64_t lines = int64_t(llvm::divideCeil(columns, perLine));
  return perLine * (lines % 2 ? lines : lines + 1);
}

struct RoundInputsPass : plait::impl::RoundInputsPassBase<RoundInputsPass> {
  using RoundInputsPassBase::RoundInputsPassBase;

  void runOnOperation() override {
    for (decode::StepOp step : getOperation().getOps<decode::StepOp>()) {
      llvm::DenseMap<Value, Value> rounded;
      step.walk([&](Operation *op) {
        if (op->hasTrait<lm::WeightProduct>())
          roundInput(op, rounded);
      });
    }
  }

  void roundInput(Operation *product, llvm::DenseMap<Value, Value> &rounded) {
    Value input = product->getOperand(0);
    auto weight = cast<lm::WeightType>(product->getOperand(1).getType());
    if (!isa<lm::BF16Attr>(weight.getFormat()) || !getElementTypeOrSelf(input.getType()).isF32())
      return;
    // Tile units take steps of 32 columns, which leaves of a tree need not be.
    if (auto linear = dyn_cast<lm::LinearOp>(product); linear && linear.getTree() && !linear.getTree()->isChain())
      return;
    Value &result = rounded[input];
    if (!result) {
      OpBuilder b(&getContext());
      b.setInsertionPointAfterValue(input);
      int64_t columns = padColumns(weight.getCols());
      result = lm::RoundOp::create(b, input.getLoc(), input, columns);
      remark::analysis(input.getLoc(), remark::RemarkOpts::name("RoundedInput").category("plait-round-inputs"))
          << "rounded to bf16 for products with weights of bf16";
      ++numRounded;
    }
    product->setOperand(0, result);
  }
};

} // namespace
