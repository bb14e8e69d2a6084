//===- DedupeKernels.cpp - Equal kernels are one ---------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Lower/Passes.h"

#include "mlir/IR/Remarks.h"

namespace plait {
#define GEN_PASS_DEF_DEDUPEKERNELSPASS
#include "passes/Lower/Passes.h.inc"
} // namespace plait

using namespace plait;

namespace {

struct DedupeKernelsPass : plait::impl::DedupeKernelsPassBase<DedupeKernelsPass> {
  using DedupeKernelsPassBase::DedupeKernelsPassBase;

  void runOnOperation() override {
    // Equal kernels have the same type and the same first op.
    DenseMap<std::pair<Type, StringAttr>, SmallVector<kernel::FuncOp>> kept;
    DenseMap<StringAttr, FlatSymbolRefAttr> replacement;
    for (kernel::FuncOp func : llvm::make_early_inc_range(getOperation().getOps<kernel::FuncOp>())) {
      Operation *compute = func.getRoot();
      auto &candidates = kept[{func.getFunctionType(), compute ? compute->getName().getIdentifier() : StringAttr()}];
      auto *same = llvm::find_if(candidates, [&](kernel::FuncOp other) { return kernel::isSameCode(func, other); });
      if (same == candidates.end()) {
        candidates.push_back(func);
        continue;
      }
      replacement[func.getSymNameAttr()] = FlatSymbolRefAttr::get(same->getSymNameAttr());
      remark::passed(func.getLoc(), remark::RemarkOpts::name("SharedKernel").category("plait-dedupe-kernels"))
          << func.getSymName() << " is equal to " << same->getSymName();
      func.erase();
      ++numErased;
    }
    getOperation().walk([&](kernel::LaunchOp launch) {
      if (auto other = replacement.lookup(launch.getKernelAttr().getAttr()))
        launch.setKernelAttr(other);
    });
  }
};
} // namespace
