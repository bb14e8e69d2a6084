//===- PackWeights.cpp - Layouts of weights --------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Lower/Passes.h"

#include "mlir/IR/Remarks.h"
#include "llvm/ADT/MapVector.h"

namespace plait {
#define GEN_PASS_DEF_PACKWEIGHTSPASS
#include "passes/Lower/Passes.h.inc"
} // namespace plait

using namespace plait;

namespace {
struct PackWeightsPass : plait::impl::PackWeightsPassBase<PackWeightsPass> {
  using PackWeightsPassBase::PackWeightsPassBase;

  void runOnOperation() override {
    if (panel < 0) {
      mlir::emitError(getOperation().getLoc(), "expected panel to be at least 0 but got ") << int64_t(panel);
      return signalPassFailure();
    }
    // One layout per weight, whatever the number of steps that use it.
    llvm::MapVector<Attribute, SmallVector<lm::GetWeightOp>> uses;
    for (decode::StepOp step : getOperation().getOps<decode::StepOp>())
      step.walk([&](lm::GetWeightOp get) { uses[get.getWeightAttr()].push_back(get); });
    for (auto &[symbol, gets] : uses) {
      bool multiplied = llvm::any_of(gets, [](lm::GetWeightOp get) { return isMultiplied(get.getResult()); });
      for (lm::GetWeightOp get : gets)
        pack(get, multiplied);
    }
  }

  static bool isMultiplied(Value weight) {
    return llvm::any_of(weight.getUses(), [](OpOperand &use) {
      return use.getOperandNumber() == 1 && use.getOwner()->hasTrait<lm::WeightProduct>();
    });
  }

  void pack(lm::GetWeightOp get, bool multiplied) {
    auto weight = cast<lm::WeightType>(get.getType());
    auto format = cast<lm::WeightFormatInterface>(weight.getFormat());
    bool panels = (multiplied || format.getQuantization()) && !weight.isVector();
    unsigned bits = format.getStorageType().getIntOrFloatBitWidth();
    remark::analysis(get.getLoc(), remark::RemarkOpts::name("WeightLayout").category("plait-pack-weights"))
        << get.getWeight().getLeafReference()
        << (multiplied ? " is stored in panels: it is multiplied by"
            : panels   ? " is stored in panels: its elements are integers"
                       : " is stored by rows: it is never multiplied by");
    auto type =
        kernel::PackedType::get(&getContext(), weight, panels ? int64_t(panel) : 0, panels && panel ? 32 / bits : 1);
    OpBuilder b(get);
    Value packed = kernel::PackedWeightOp::create(b, get.getLoc(), type, get.getWeightAttr());
    get.replaceAllUsesWith(kernel::UnpackOp::create(b, get.getLoc(), weight, packed).getResult());
    get.erase();
  }
};
} // namespace
