//===- FuseGated.cpp - Gate and up projections with their activation ------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Lower/LaunchFusion.h"
#include "passes/Lower/Passes.h"

namespace plait {
#define GEN_PASS_DEF_FUSEGATEDPASS
#include "passes/Lower/Passes.h.inc"
} // namespace plait

using namespace plait;
using kernel::LaunchOp;

namespace {
struct FuseGatedPass : plait::impl::FuseGatedPassBase<FuseGatedPass> {
  void runOnOperation() override {
    LaunchFusion fusion(getOperation(), "plait-fuse-gated");
    for (decode::StepOp step : getOperation().getOps<decode::StepOp>())
      LaunchFusion::forEachBlock(step, [&](ArrayRef<LaunchOp> launches) {
        for (LaunchOp launch : launches) // those fused lie before it
          if (Operation *op = fusion.getOnlyOp(launch); op && op->hasTrait<lm::Elementwise>())
            fuseProducts(fusion, launch);
      });
  }

  void fuseProducts(LaunchFusion &fusion, LaunchOp launch) {
    SmallVector<LaunchOp> products;
    for (Value operand : launch.getArguments()) {
      auto product = operand.getDefiningOp<LaunchOp>();
      if (product && fusion.getOnlyOp(product) && fusion.getProductInput(product))
        products.push_back(product);
    }
    if (products.size() != 2 || products[0] == products[1])
      return;
    if (llvm::any_of(products,
                     [&](LaunchOp product) { return LaunchFusion::getOnlyUser(product.getResult(0)) != launch; }))
      return fusion.reportMissed(launch, "a product that it uses has other uses, or is outside its layer");
    if (fusion.getProductInput(products[0]) != fusion.getProductInput(products[1]))
      return fusion.reportMissed(launch, "the products that it uses have different inputs");
    if (getWeightType(fusion, products[0]) != getWeightType(fusion, products[1]))
      return fusion.reportMissed(launch, "the weights of the products that it uses have different layouts");
    if (products[1]->isBeforeInBlock(products[0]))
      std::swap(products[0], products[1]);
    if (fusion.fuse({products[0], products[1], launch}))
      ++numFused;
  }

  static Type getWeightType(LaunchFusion &fusion, LaunchOp product) {
    return fusion.getOnlyOp(product)->getOperand(1).getDefiningOp<kernel::UnpackOp>().getPacked().getType();
  }
};
} // namespace
