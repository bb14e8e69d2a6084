//===- VerifyCuda.cpp - Border of the cuda phase --------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CUDA/Passes.h"

#include "dialects/Kernel/Kernel.h"

namespace plait {
#define GEN_PASS_DEF_VERIFYCUDAPASS
#include "passes/CUDA/Passes.h.inc"
} // namespace plait

using namespace plait;

namespace {
struct VerifyCudaPass : plait::impl::VerifyCudaPassBase<VerifyCudaPass> {
  using VerifyCudaPassBase::VerifyCudaPassBase;

  void runOnOperation() override {
    markAllAnalysesPreserved();
    for (auto kernels : getOperation().getOps<gpu::GPUModuleOp>())
      if (kernels.walk([&](Operation *op) { return verify(kernels, op); }).wasInterrupted())
        return signalPassFailure();
    for (auto model : getOperation().getOps<rt::ModelOp>())
      for (auto kernel : model.getOps<rt::KernelOp>())
        if (failed(verify(kernel)))
          return signalPassFailure();
  }

  WalkResult verify(gpu::GPUModuleOp kernels, Operation *op) {
    if (op != kernels && !isa_and_nonnull<LLVM::LLVMDialect, NVVM::NVVMDialect>(op->getDialect())) {
      op->emitOpError("illegal after cuda; expected to have been converted by 'convert-to-llvm'");
      return WalkResult::interrupt();
    }
    if (auto func = dyn_cast<LLVM::LLVMFuncOp>(op); func && func.isExternal()) {
      func.emitOpError("expected a definition: a kernel calls nothing");
      return WalkResult::interrupt();
    }
    return WalkResult::advance();
  }

  LogicalResult verify(rt::KernelOp kernel) {
    auto left = getOperation().lookupSymbol<kernel::FuncOp>(kernel.getFunction());
    bool isLeft = left != nullptr;
    if (isLeft && !left.getHost() && !partial)
      return kernel.emitOpError("expected a 'gpu.module' after cuda but got a 'kernel.func': "
                                "'plait-generate-cuda-kernels' replaces it");
    if (!isLeft && !kernel.getEntries())
      return kernel.emitOpError("expected entries after cuda; 'plait-generate-cuda-kernels' sets them");
    return success();
  }
};
} // namespace
