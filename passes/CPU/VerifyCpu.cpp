//===- VerifyCpu.cpp - Border of the cpu phase -----------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/Passes.h"

#include "plait-abi/Version.h"

namespace plait {
#define GEN_PASS_DEF_VERIFYCPUPASS
#include "passes/CPU/Passes.h.inc"
} // namespace plait

using namespace plait;

namespace {
struct VerifyCpuPass : plait::impl::VerifyCpuPassBase<VerifyCpuPass> {
  void runOnOperation() override {
    markAllAnalysesPreserved();
    ModuleOp module = getOperation();
    auto result = module.walk([&](Operation *op) {
      if (op != module && !isa_and_nonnull<LLVM::LLVMDialect>(op->getDialect())) {
        op->emitOpError("illegal after cpu; expected to have been converted by 'convert-to-llvm'");
        return WalkResult::interrupt();
      }
      if (auto func = dyn_cast<LLVM::LLVMFuncOp>(op); func && func.isExternal()) {
        func.emitOpError("expected a definition: a model binary calls nothing but its imports");
        return WalkResult::interrupt();
      }
      return WalkResult::advance();
    });
    if (!result.wasInterrupted() && !module.lookupSymbol<LLVM::LLVMFuncOp>(PLAIT_MODEL_QUERY_SYMBOL)) {
      module.emitError("expected a function @" PLAIT_MODEL_QUERY_SYMBOL " after cpu; 'plait-emit-tables' makes it");
      return signalPassFailure();
    }
    if (result.wasInterrupted())
      signalPassFailure();
  }
};
} // namespace
