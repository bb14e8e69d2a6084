//===- QuantizeActivations.cpp - Products of integers ----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Lower/Passes.h"

namespace plait {
#define GEN_PASS_DEF_QUANTIZEACTIVATIONSPASS
#include "passes/Lower/Passes.h.inc"
} // namespace plait

using namespace plait;

namespace {
struct QuantizeActivationsPass : plait::impl::QuantizeActivationsPassBase<QuantizeActivationsPass> {
  using QuantizeActivationsPassBase::QuantizeActivationsPassBase;

  void runOnOperation() override {
    for (decode::StepOp step : getOperation().getOps<decode::StepOp>()) {
      made.clear();
      step.walk([&](Operation *op) {
        if (op->hasTrait<lm::WeightProduct>())
          quantizeInput(op);
      });
    }
  }

  void quantizeInput(Operation *product) {
    auto weight = cast<lm::WeightType>(product->getOperand(1).getType());
    auto quantization = cast<lm::WeightFormatInterface>(weight.getFormat()).getQuantization();
    Value input = product->getOperand(0);
    if (!quantization || !cast<RankedTensorType>(input.getType()).getElementType().isF32())
      return;
    // A 32-bit word of integers is taken apart into pairs of 16 bits.
    auto element =
        lm::Int16Type::get(&getContext(), lm::getProductGroup(*quantization), quantization->bits == 8 ? 2 : 4);
    Value &quantized = made[{product->getBlock(), {input, element}}];
    if (!quantized) {
      OpBuilder b(product);
      quantized = lm::QuantizeOp::create(b, getLocation(product), input, TypeAttr::get(element));
      ++numQuantized;
    }
    product->setOperand(0, quantized);
  }

  /// Named after the first product.
  static Location getLocation(Operation *product) {
    if (auto named = dyn_cast<NameLoc>(product->getLoc()))
      return NameLoc::get(StringAttr::get(product->getContext(), named.getName().getValue() + ".input"));
    return product->getLoc();
  }

  DenseMap<std::pair<Block *, std::pair<Value, Type>>, Value> made;
};
} // namespace
