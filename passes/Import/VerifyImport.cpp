//===- VerifyImport.cpp - Border of the import phase -----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Import/Passes.h"

#include "dialects/Lm/Lm.h"

namespace plait {
#define GEN_PASS_DEF_VERIFYIMPORTPASS
#include "passes/Import/Passes.h.inc"
} // namespace plait

using namespace plait;

namespace {
struct VerifyImportPass : plait::impl::VerifyImportPassBase<VerifyImportPass> {
  void runOnOperation() override {
    markAllAnalysesPreserved();
    ModuleOp module = getOperation();
    if (module.getOps<lm::ModelOp>().empty()) {
      module.emitError("expected an 'lm.model' after import but found none");
      return signalPassFailure();
    }
    for (lm::ModelOp model : module.getOps<lm::ModelOp>())
      if (failed(verify(model)))
        return signalPassFailure();
  }

  LogicalResult verify(lm::ModelOp model) {
    auto forward = model.lookupSymbol<lm::FuncOp>("forward"), head = model.lookupSymbol<lm::FuncOp>("head");
    if (!forward || !head)
      return model.emitOpError("expected functions @forward and @head after import");
    auto isOverTokens = [](Type type) { return lm::getLeadingDim(type) == "tokens"; };
    if (!forward.isForward() || !isOverTokens(forward.getArgumentTypes()[0]) ||
        !isOverTokens(forward.getArgumentTypes()[1]) || !isOverTokens(forward.getResultTypes()[0]))
      return forward.emitOpError("expected (ids, positions, rows, state...) -> (hidden, state...) over tokens but got ")
             << forward.getFunctionType();
    if (head.getArgumentTypes().size() != 1 || lm::getLeadingDim(head.getArgumentTypes()[0]) != "leaves" ||
        head.getResultTypes().size() != 1 || lm::getLeadingDim(head.getResultTypes()[0]) != "leaves")
      return head.emitOpError("expected (hidden) -> logits over leaves but got ") << head.getFunctionType();
    return success();
  }
};
} // namespace
