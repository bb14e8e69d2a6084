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

/// One tile loop for each part, written by its first op.
static LogicalResult emitParts(ArrayRef<SmallVector<Operation *>> parts, CpuKernelEmitter &e) {
  e.expectTileLoops(parts.size());
  for (ArrayRef<Operation *> part : parts) {
    for (Operation *op : part.drop_front())
      if (!isa<CpuElementwiseOpInterface, CpuBlockReductionOpInterface>(op) && !op->hasTrait<lm::WeightProduct>())
        return op->emitOpError("expected an elementwise op, a reduction of blocks or a product after '")
               << part.front()->getName() << "' in one part of a kernel, or row by row ops alone";
    if (part.size() > 1 && !part.front()->hasTrait<lm::WeightProduct>())
      return part.front()->emitOpError("expected a product as the first op of a part that is not row by row");
    e.beginPart(part);
    if (failed(cast<CpuKernelOpInterface>(part.front()).emitCpu(e)))
      return failure();
  }
  return success();
}

/// One tile per row and part: parts of a row are next to each other, so that
/// threads get as much of each.
static void emitRows(ArrayRef<SmallVector<Operation *>> parts, CpuKernelEmitter &e) {
  int64_t count = parts.size();
  e.forEachTile(e.rowTiles(getRowsTensor(parts.front().front()), count), [&](Value tile) {
    Value row = count == 1 ? tile : e.div(tile, e.i64(count)), number = e.rem(tile, e.i64(count));
    for (auto [i, part] : llvm::enumerate(parts)) {
      auto emit = [&, &ops = part] {
        for (Operation *op : ops)
          cast<CpuRowKernelOpInterface>(op).emitCpuRow(e, row);
      };
      if (count == 1)
        emit();
      else
        e.ifThen(e.equal(number, e.i64(int64_t(i))), emit);
    }
  });
}

/// A function of type plait_kernel_fn_v1.
static LLVM::LLVMFuncOp declare(kernel::FuncOp kernel) {
  OpBuilder b(kernel);
  Type address = LLVM::LLVMPointerType::get(kernel.getContext()), i64 = b.getI64Type();
  auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(kernel.getContext()),
                                          {address, address, address, i64, i64, i64});
  auto function = LLVM::LLVMFuncOp::create(b, kernel.getLoc(), kernel.getSymName(), type);
  function.setNoUnwind(true);
  // Or else the optimiser would turn loops into calls of memset and memcpy,
  // which a binary without undefined symbols cannot have.
  function.setPassthroughAttr(b.getArrayAttr(b.getStringAttr("no-builtins")));
  return function;
}

FailureOr<CpuTiles> plait::generateCpuKernel(kernel::FuncOp kernel, CpuTarget target) {
  SmallVector<Operation *> ops = kernel.getComputeOps();
  if (ops.empty())
    return kernel.emitOpError("expected an op that computes but found none");
  for (Operation *op : ops)
    if (!isa<CpuKernelOpInterface>(op))
      return op->emitOpError("has no CPU kernel");
  for (Operation &op : kernel.getBody().front())
    for (TypeRange types : {TypeRange(op.getOperandTypes()), TypeRange(op.getResultTypes())})
      for (Type type : types)
        if (auto tensor = dyn_cast<RankedTensorType>(type); tensor && !CpuKernelEmitter::hasKnownRows(tensor))
          return op.emitOpError("expected tensors whose first extent is one of a step but got ") << tensor;
  LLVM::LLVMFuncOp function = declare(kernel);
  CpuKernelEmitter emitter(kernel, function, target);
  bool byRow = ops.size() > 1 && llvm::all_of(ops, llvm::IsaPred<CpuRowKernelOpInterface>);
  if (byRow)
    emitRows(kernel.getParts(), emitter);
  else if (failed(emitParts(kernel.getParts(), emitter)))
    return failure();
  if (emitter.tilesDiffer())
    return kernel.emitOpError("expected parts whose tiles are alike");
  emitter.finish();
  kernel.erase();
  return emitter.tiles();
}

namespace {
struct GenerateCpuKernelsPass : plait::impl::GenerateCpuKernelsPassBase<GenerateCpuKernelsPass> {
  using GenerateCpuKernelsPassBase::GenerateCpuKernelsPassBase;

  void runOnOperation() override {
    if (lanes != 4 && lanes != 8 && lanes != 16) {
      mlir::emitError(getOperation().getLoc(), "expected lanes to be 4, 8 or 16 but got ") << unsigned(lanes);
      return signalPassFailure();
    }
    if ((tiles == TileUnit::emulated || pairs == PairUnit::emulated) && !fma) {
      mlir::emitError(getOperation().getLoc(), "expected a target with fma for emulated tiles and pairs");
      return signalPassFailure();
    }
    if (bytes == ByteUnit::vnni && lanes != 16) {
      mlir::emitError(getOperation().getLoc(), "expected lanes to be 16 for bytes=vnni but got ") << unsigned(lanes);
      return signalPassFailure();
    }
    if (pairs == PairUnit::avx512 && lanes != 16) {
      mlir::emitError(getOperation().getLoc(), "expected lanes to be 16 for pairs=avx512 but got ") << unsigned(lanes);
      return signalPassFailure();
    }
    for (auto kernel : llvm::make_early_inc_range(getOperation().getOps<kernel::FuncOp>())) {
      std::string name = kernel.getSymName().str();
      auto made = generateCpuKernel(kernel, {lanes, fma, tiles, pairs, isFast() ? bytes : ByteUnit::none});
      if (failed(made))
        return signalPassFailure();
      setTiles(name, *made);
    }
  }

  /// Whether a row's bits may depend on the rows beside it.
  bool isFast() {
    auto models = getOperation().getOps<rt::ModelOp>();
    return !models.empty() && llvm::all_of(models, [](rt::ModelOp model) {
      return model.getNumerics() == lm::stringifyNumerics(lm::Numerics::fast);
    });
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
