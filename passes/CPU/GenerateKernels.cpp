//===- GenerateKernels.cpp - From kernel.func to CPU code -----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/CpuKernels.h"
#include "passes/CPU/Passes.h"

namespace plait {
#define GEN_PASS_DEF_GENERATECPUKERNELSPASS
#include "passes/CPU/Passes.h.inc"
} // namespace plait

#include "passes/CPU/CpuKernelInterface.cpp.inc"

using namespace plait;

namespace {
struct GenerateCpuKernelsPass : plait::impl::GenerateCpuKernelsPassBase<GenerateCpuKernelsPass> {
  using GenerateCpuKernelsPassBase::GenerateCpuKernelsPassBase;

  void runOnOperation() override {
    if (lanes != 4 && lanes != 8 && lanes != 16) {
      mlir::emitError(getOperation().getLoc(), "expected lanes to be 4, 8 or 16 but got ") << unsigned(lanes);
      return signalPassFailure();
    }
    if (tiles == TileUnit::emulated && !fma) {
      mlir::emitError(getOperation().getLoc(), "expected a target with fma for emulated tiles");
      return signalPassFailure();
    }
    for (auto kernel : llvm::make_early_inc_range(getOperation().getOps<kernel::FuncOp>()))
      if (failed(generate(kernel)))
        return signalPassFailure();
  }

  LogicalResult generate(kernel::FuncOp kernel) {
    Operation *op = kernel.getComputeOp();
    if (!op)
      return kernel.emitOpError("expected an op that computes but found none");
    Operation *end = kernel.getBody().front().getTerminator();
    if (op->getNextNode() != end || !llvm::equal(end->getOperands(), op->getResults()))
      return kernel.emitOpError("expected one op that computes, and its results returned, as "
                                "'plait-outline-kernels' makes them");
    for (TypeRange types : {TypeRange(op->getOperandTypes()), TypeRange(op->getResultTypes())})
      for (Type type : types)
        if (auto tensor = dyn_cast<RankedTensorType>(type); tensor && !CpuKernelEmitter::hasKnownRows(tensor))
          return op->emitOpError("expected tensors whose first extent is one of a step but got ") << tensor;
    auto code = dyn_cast<CpuKernelOpInterface>(op);
    if (!code)
      return op->emitOpError("has no CPU kernel");
    LLVM::LLVMFuncOp function = declare(kernel);
    CpuKernelEmitter emitter(kernel, function, {lanes, fma, tiles});
    if (failed(code.emitCpu(emitter)))
      return failure();
    emitter.finish();
    setTiles(kernel.getSymName(), emitter.tiles());
    kernel.erase();
    return success();
  }

  /// A function of type plait_kernel_fn_v1.
  LLVM::LLVMFuncOp declare(kernel::FuncOp kernel) {
    OpBuilder b(kernel);
    Type address = LLVM::LLVMPointerType::get(&getContext()), i64 = b.getI64Type();
    auto type =
        LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(&getContext()), {address, address, address, i64, i64, i64});
    auto function = LLVM::LLVMFuncOp::create(b, kernel.getLoc(), kernel.getSymName(), type);
    function.setNoUnwind(true);
    // Or else the optimiser would turn loops into calls of memset and memcpy,
    // which a binary without undefined symbols cannot have.
    function.setPassthroughAttr(b.getArrayAttr(b.getStringAttr("no-builtins")));
    return function;
  }

  void setTiles(StringRef name, const CpuTiles &tiles) {
    auto attribute = rt::TilesAttr::get(&getContext(), tiles.count, tiles.dim, tiles.block, tiles.cyclic);
    for (auto model : getOperation().getOps<rt::ModelOp>())
      for (auto kernel : model.getOps<rt::KernelOp>())
        if (kernel.getFunction() == name)
          kernel.setTilesAttr(attribute);
  }
};
} // namespace
