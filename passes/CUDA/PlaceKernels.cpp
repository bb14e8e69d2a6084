//===- PlaceKernels.cpp - Which kernels run on the host of a GPU ----------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CUDA/CudaKernels.h"
#include "passes/CUDA/Passes.h"

#include "dialects/Decode/Decode.h"

#include "mlir/IR/Remarks.h"
#include "llvm/ADT/SetVector.h"

namespace plait {
#define GEN_PASS_DEF_PLACEKERNELSPASS
#include "passes/CUDA/Passes.h.inc"
} // namespace plait

using namespace plait;

namespace {
struct PlaceKernelsPass : plait::impl::PlaceKernelsPassBase<PlaceKernelsPass> {
  using PlaceKernelsPassBase::PlaceKernelsPassBase;

  void runOnOperation() override {
    // Ranks have kernels in common, so what one launches on its GPU all of them do.
    llvm::SmallSetVector<kernel::FuncOp, 16> device;
    SmallVector<std::pair<rt::LaunchOp, kernel::FuncOp>> host;
    for (auto model : getOperation().getOps<rt::ModelOp>())
      for (auto plan : model.getOps<rt::PlanOp>())
        if (failed(placeLaunches(plan, device, host)))
          return signalPassFailure();
    DenseMap<kernel::FuncOp, kernel::FuncOp> copies;
    DenseSet<std::pair<Operation *, Operation *>> listed; // of a model, a copy
    for (auto [launch, kernel] : host) {
      kernel::FuncOp own = kernel;
      if (device.contains(kernel)) {
        kernel::FuncOp &copy = copies[kernel];
        if (!copy)
          copy = copyOf(kernel);
        own = copy;
        auto model = launch->getParentOfType<rt::ModelOp>();
        if (listed.insert({model, own}).second)
          listKernel(model, kernel, own);
        launch.setKernelAttr(FlatSymbolRefAttr::get(own.getSymNameAttr()));
      }
      if (!own.getHost())
        ++numHost;
      own.setHost(true);
    }
  }

  static bool hasCode(kernel::FuncOp kernel) {
    return llvm::all_of(kernel.getComputeOps(), llvm::IsaPred<CudaKernelOpInterface, CudaRowKernelOpInterface>);
  }
  /// What chooses tokens or edits logits: little work, at the end of a step.
  static bool isForHost(kernel::FuncOp kernel) {
    return !hasCode(kernel) && llvm::all_of(kernel.getComputeOps(),
                                            [](Operation *op) { return isa<decode::DecodeDialect>(op->getDialect()); });
  }

  /// From the first launch of a kernel for the host on, all launches of a plan are there.
  LogicalResult placeLaunches(rt::PlanOp plan, llvm::SmallSetVector<kernel::FuncOp, 16> &device,
                              SmallVectorImpl<std::pair<rt::LaunchOp, kernel::FuncOp>> &host) {
    kernel::FuncOp first;
    for (auto launch : plan.getOps<rt::LaunchOp>()) {
      auto kernel = getOperation().lookupSymbol<kernel::FuncOp>(launch.getKernelAttr());
      if (!kernel)
        continue; // its code is there
      if (!first && isForHost(kernel)) {
        first = kernel;
        remark::passed(launch.getLoc(), remark::RemarkOpts::name("Host").category("plait-place-kernels"))
            << remark::reason("launches of {0} from @{1} on run on the host", plan.getName(), kernel.getSymName());
      }
      if (!first) {
        device.insert(kernel);
        continue;
      }
      for (rt::ArgAttr argument : launch.getArguments().getAsRange<rt::ArgAttr>())
        if (argument.getKind() == rt::ArgKind::weight || argument.getKind() == rt::ArgKind::state)
          return launch.emitOpError("expected neither weights nor states after @")
                 << first.getSymName() << ", which runs on the host of a GPU";
      host.push_back({launch, kernel});
    }
    return success();
  }

  /// Of a kernel that the GPU has, too.
  kernel::FuncOp copyOf(kernel::FuncOp kernel) {
    OpBuilder b(kernel);
    b.setInsertionPointAfter(kernel);
    auto copy = cast<kernel::FuncOp>(b.clone(*kernel));
    std::string name = kernel.getSymName().str() + "_host";
    while (getOperation().lookupSymbol(name))
      name += "_";
    copy.setSymName(name);
    return copy;
  }

  static void listKernel(rt::ModelOp model, kernel::FuncOp kernel, kernel::FuncOp copy) {
    for (auto row : llvm::make_early_inc_range(model.getOps<rt::KernelOp>()))
      if (row.getFunction() == kernel.getSymName()) {
        OpBuilder b(row);
        b.setInsertionPointAfter(row);
        rt::KernelOp::create(b, row.getLoc(), FlatSymbolRefAttr::get(copy.getSymNameAttr()), rt::TilesAttr(),
                             ArrayAttr(), StringAttr(), DenseI64ArrayAttr());
      }
  }
};
} // namespace
