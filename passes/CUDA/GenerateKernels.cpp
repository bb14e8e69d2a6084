//===- GenerateKernels.cpp - From kernel.func to CUDA code ----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CUDA/CudaKernels.h"
#include "passes/CUDA/Passes.h"

#include "mlir/IR/Remarks.h"

namespace plait {
#define GEN_PASS_DEF_GENERATECUDAKERNELSPASS
#include "passes/CUDA/Passes.h.inc"
} // namespace plait

#include "passes/CUDA/CudaKernelInterface.cpp.inc"

using namespace plait;

namespace {
struct GenerateCudaKernelsPass : plait::impl::GenerateCudaKernelsPassBase<GenerateCudaKernelsPass> {
  using GenerateCudaKernelsPassBase::GenerateCudaKernelsPassBase;

  void runOnOperation() override {
    auto resolved = resolveCudaMachine("cuda:" + chip);
    if (!resolved) {
      mlir::emitError(getOperation().getLoc(), "expected chip to be sm_80, sm_90a or sm_100a but got '")
          << std::string(chip) << "'";
      return signalPassFailure();
    }
    machine = *resolved;
    for (auto kernel : llvm::make_early_inc_range(getOperation().getOps<kernel::FuncOp>()))
      if (!kernel.getHost() && failed(generate(kernel)))
        return signalPassFailure();
    for (auto model : getOperation().getOps<rt::ModelOp>())
      model.setChip(StringRef(machine.name));
  }

  LogicalResult generate(kernel::FuncOp kernel) {
    SmallVector<Operation *> ops = kernel.getComputeOps();
    if (ops.empty())
      return kernel.emitOpError("expected an op that computes but found none");
    for (Operation *op : ops)
      if (!isa<CudaKernelOpInterface, CudaRowKernelOpInterface>(op)) {
        if (!partial)
          return op->emitOpError("has no CUDA kernel");
        remark::missed(op->getLoc(), remark::RemarkOpts::name("NoKernel").category("plait-generate-cuda-kernels"))
            << remark::reason("{0} has no CUDA kernel; @{1} stays as it is", op->getName().getStringRef(),
                              kernel.getSymName());
        ++numLeft;
        return success();
      }
    for (Operation &op : kernel.getBody().front())
      for (TypeRange types : {TypeRange(op.getOperandTypes()), TypeRange(op.getResultTypes())})
        for (Type type : types)
          if (auto tensor = dyn_cast<RankedTensorType>(type); tensor && !CudaKernelEmitter::hasKnownRows(tensor))
            return op.emitOpError("expected tensors whose first extent is one of a step but got ") << tensor;

    OpBuilder b(kernel);
    auto target =
        NVVM::NVVMTargetAttr::get(&getContext(), /*optLevel=*/3, "nvptx64-nvidia-cuda", machine.name, machine.features);
    auto module = gpu::GPUModuleOp::create(b, kernel.getLoc(), kernel.getSymName(), b.getArrayAttr(target));
    SmallVector<Attribute> entries;
    for (CudaKernelEmitter::Entry entry : entriesFor(kernel)) {
      OpBuilder inside = OpBuilder::atBlockEnd(module.getBody());
      std::string name = kernel.getSymName().str();
      std::replace(name.begin(), name.end(), '.', '_'); // PTX has no dots in names
      if (entry.rows)
        name += "_rows" + std::to_string(entry.rows);
      auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(&getContext()), {});
      auto function = LLVM::LLVMFuncOp::create(inside, kernel.getLoc(), name, type);
      CudaKernelEmitter emitter(kernel, function, machine, entry);
      for (const auto &part : kernel.getParts()) {
        emitter.beginPart(part);
        if (failed(emitPart(part, emitter)))
          return failure();
      }
      entries.push_back(emitter.finish());
      ++numEntries;
    }
    for (auto model : getOperation().getOps<rt::ModelOp>())
      for (auto op : model.getOps<rt::KernelOp>())
        if (op.getFunction() == kernel.getSymName())
          op.setEntriesAttr(b.getArrayAttr(entries));
    kernel.erase();
    return success();
  }

  /// Rows are a few elements for each thread, and enough threads to wait for memory.
  SmallVector<CudaKernelEmitter::Entry> entriesFor(kernel::FuncOp kernel) {
    int64_t widest = 1;
    for (Operation *op : kernel.getComputeOps()) {
      if (auto code = dyn_cast<CudaKernelOpInterface>(op))
        if (SmallVector<CudaKernelEmitter::Entry> entries = code.getCudaEntries(machine); !entries.empty())
          return entries;
      auto type = cast<RankedTensorType>(getTiledTensor(op).getType());
      int64_t columns = 1;
      for (int64_t extent : type.getShape().drop_front())
        columns *= std::max<int64_t>(extent, 1);
      widest = std::max(widest, columns);
    }
    int64_t threads = llvm::alignTo(llvm::divideCeilSigned(widest, 4), 32);
    return {{/*rows=*/0, std::clamp<int64_t>(threads, 64, 256)}};
  }

  LogicalResult emitPart(ArrayRef<Operation *> part, CudaKernelEmitter &e) {
    Operation *first = part.front();
    // An elementwise op alone need not keep to rows.
    bool byRow = llvm::all_of(part, llvm::IsaPred<CudaRowKernelOpInterface>) &&
                 (part.size() > 1 || !isa<CudaKernelOpInterface>(first));
    if (byRow)
      return emitRows(part, e);
    for (Operation *op : part.drop_front())
      if (!isa<CudaElementwiseOpInterface>(op) && !op->hasTrait<lm::WeightProduct>())
        return op->emitOpError("expected an elementwise op or a product after '")
               << first->getName() << "' in one part of a kernel, or row by row ops alone";
    if (part.size() > 1 && !first->hasTrait<lm::WeightProduct>())
      return first->emitOpError("expected a product as the first op of a part that is not row by row");
    return cast<CudaKernelOpInterface>(first).emitCuda(e);
  }

  /// One block per row; what an op has written is there for the next one after a barrier.
  LogicalResult emitRows(ArrayRef<Operation *> part, CudaKernelEmitter &e) {
    LogicalResult result = success();
    e.forEachTile(e.rowTiles(getTiledTensor(part.front())), [&](Value row) {
      for (Operation *op : part) {
        if (op != part.front())
          e.barrier();
        if (succeeded(result))
          result = cast<CudaRowKernelOpInterface>(op).emitCudaRow(e, row);
      }
    });
    return result;
  }

  CudaMachine machine;
};
} // namespace
