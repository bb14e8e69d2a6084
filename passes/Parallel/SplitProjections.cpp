//===- SplitProjections.cpp - One product per projection ------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Parallel/Passes.h"

namespace plait {
#define GEN_PASS_DEF_SPLITPROJECTIONSPASS
#include "passes/Parallel/Passes.h.inc"
} // namespace plait

using namespace plait;

namespace {
struct SplitProjectionsPass : plait::impl::SplitProjectionsPassBase<SplitProjectionsPass> {
  void runOnOperation() override {
    for (decode::StepOp step : getOperation().getOps<decode::StepOp>()) {
      SmallVector<lm::LinearOp> products;
      step.walk([&](lm::LinearOp linear) {
        bool sliced = llvm::all_of(linear->getUsers(), llvm::IsaPred<lm::SliceColumnsOp>);
        if (sliced && !linear->use_empty() && linear.getWeight().getDefiningOp<lm::GetWeightOp>())
          products.push_back(linear);
      });
      for (lm::LinearOp linear : products)
        split(linear);
    }
  }

  void split(lm::LinearOp linear) {
    for (Operation *user : llvm::make_early_inc_range(linear->getUsers())) {
      auto slice = cast<lm::SliceColumnsOp>(user);
      OpBuilder b(slice);
      int64_t offset = slice.getOffset(), size = slice.getSize();
      Value weight = getRows(b, linear.getWeight(), offset, size);
      Value bias = linear.getBias() ? getRows(b, linear.getBias(), offset, size) : Value();
      Value product = lm::LinearOp::create(b, slice.getLoc(), linear.getInput(), weight, bias, linear.getTreeAttr());
      slice.replaceAllUsesWith(product);
      slice.erase();
    }
    linear.erase();
    ++numSplit;
  }

  /// `size` rows of the weight `value` from `offset` on.
  Value getRows(OpBuilder &b, Value value, int64_t offset, int64_t size) {
    auto get = value.getDefiningOp<lm::GetWeightOp>();
    auto whole = SymbolTable::lookupNearestSymbolFrom<lm::WeightOp>(get, get.getWeightAttr());
    auto type = cast<lm::WeightType>(whole.getType());
    SmallVector<int64_t> shape(type.getShape());
    shape[0] = size;
    auto partType = cast<lm::WeightType>(lm::getPartType(type, shape));
    StringAttr name = b.getStringAttr(whole.getSymName() + "_" + Twine(offset));
    auto symbol = SymbolRefAttr::get(get.getWeight().getRootReference(), {FlatSymbolRefAttr::get(name)});
    auto model = cast<lm::ModelOp>(whole->getParentOp());
    if (!model.lookupSymbol(name)) {
      lm::PartAttr part = whole.getPartOrWhole();
      OpBuilder at(whole);
      auto rows = cast<lm::WeightOp>(at.clone(*whole));
      rows.setSymNameAttr(name);
      rows.setTypeAttr(TypeAttr::get(partType));
      rows.setPartAttr(lm::PartAttr::get(b.getContext(), part.getRow() + offset, part.getColumn(), part.getRows(),
                                         part.getColumns()));
    }
    return lm::GetWeightOp::create(b, get.getLoc(), partType, symbol);
  }
};
} // namespace
