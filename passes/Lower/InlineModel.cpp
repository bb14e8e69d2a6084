//===- InlineModel.cpp - The model inside the step -------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Lower/Passes.h"

#include "mlir/IR/IRMapping.h"

namespace plait {
#define GEN_PASS_DEF_INLINEMODELPASS
#include "passes/Lower/Passes.h.inc"
} // namespace plait

using namespace plait;

namespace {
struct InlineModelPass : plait::impl::InlineModelPassBase<InlineModelPass> {
  void runOnOperation() override {
    for (decode::StepOp step : getOperation().getOps<decode::StepOp>()) {
      SmallVector<lm::CallOp> calls;
      step.walk([&](lm::CallOp call) { calls.push_back(call); });
      for (size_t i = 0; i < calls.size(); ++i) // more are added
        if (failed(inlineCall(calls[i], calls)))
          return signalPassFailure();
    }
  }

  /// Appends the calls in the callee's body, which are not recursive, to `calls`.
  LogicalResult inlineCall(lm::CallOp call, SmallVectorImpl<lm::CallOp> &calls) {
    auto callee = SymbolTable::lookupNearestSymbolFrom<lm::FuncOp>(call, call.getCallee());
    if (callee.isExternal())
      return call.emitOpError("expected a function with a body but got ") << call.getCallee();
    StringAttr model = call.getCallee().getRootReference();
    OpBuilder b(call);
    IRMapping mapping;
    Block &body = callee.getBody().front();
    mapping.map(body.getArguments(), call.getArguments());
    auto fromOutside = [&](SymbolRefAttr symbol) {
      return SymbolRefAttr::get(model, {FlatSymbolRefAttr::get(symbol.getLeafReference())});
    };
    for (Operation &op : body.without_terminator())
      b.clone(op, mapping)->walk([&](Operation *inner) {
        if (auto get = dyn_cast<lm::GetWeightOp>(inner)) {
          get.setWeightAttr(fromOutside(get.getWeight()));
        } else if (auto nested = dyn_cast<lm::CallOp>(inner)) {
          nested.setCalleeAttr(fromOutside(nested.getCallee()));
          calls.push_back(nested);
        }
      });
    for (auto [result, value] : llvm::zip_equal(call.getResults(), body.getTerminator()->getOperands()))
      result.replaceAllUsesWith(mapping.lookup(value));
    call.erase();
    return success();
  }
};
} // namespace
