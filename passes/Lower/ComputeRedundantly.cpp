//===- ComputeRedundantly.cpp - Rows that each thread may compute ---------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Lower/LaunchFusion.h"
#include "passes/Lower/Passes.h"

#include "mlir/IR/Remarks.h"

namespace plait {
#define GEN_PASS_DEF_COMPUTEREDUNDANTLYPASS
#include "passes/Lower/Passes.h.inc"
} // namespace plait

using namespace plait;
using kernel::LaunchOp;

namespace {
struct ComputeRedundantlyPass : plait::impl::ComputeRedundantlyPassBase<ComputeRedundantlyPass> {
  using ComputeRedundantlyPassBase::ComputeRedundantlyPassBase;

  void runOnOperation() override {
    LaunchFusion kernels(getOperation(), "plait-compute-redundantly");
    for (decode::StepOp step : getOperation().getOps<decode::StepOp>()) {
      SmallVector<LaunchOp> launches;
      step.walk([&](LaunchOp launch) { launches.push_back(launch); });
      // Readers first.
      for (LaunchOp launch : llvm::reverse(launches)) {
        if (!hasNarrowRows(launch, kernels) ||
            !llvm::all_of(launch->getUses(), [&](OpOperand &use) { return isReadRedundantly(use, kernels); }))
          continue;
        launch.setRedundant(true);
        ++numRedundant;
        remark::passed(launch.getLoc(), remark::RemarkOpts::name("Redundant").category("plait-compute-redundantly"))
            << launch.getSource() << " is computed by each thread in steps of few rows";
      }
    }
  }

  /// Whether `launch` works row by row, on tokens or leaves, and changes nothing but its results.
  bool hasNarrowRows(LaunchOp launch, LaunchFusion &kernels) {
    StringRef rows = LaunchFusion::getRows(kernels.getKernel(launch));
    // What is within a collective is part of it.
    if (!isa<decode::StepOp, lm::LayersOp>(launch->getParentOp()) || !llvm::is_contained({"tokens", "leaves"}, rows))
      return false;
    auto isNarrow = [&](Value value) {
      auto type = dyn_cast<RankedTensorType>(value.getType());
      // An output of the step, which belongs to nobody in it.
      if (llvm::any_of(value.getUsers(), llvm::IsaPred<decode::ReturnOp>))
        return false;
      return !type || type.getRank() < 2 || type.getDimSize(1) <= columns;
    };
    return llvm::all_of(launch->getOperands(), isNarrow) && llvm::all_of(launch->getResults(), [&](Value result) {
             return isa<RankedTensorType>(result.getType()) && !result.use_empty() && isNarrow(result);
           });
  }

  /// Whether all threads read the whole of `use`, a launch's argument: as the input of a product, or
  /// because each computes that launch.
  bool isReadRedundantly(OpOperand &use, LaunchFusion &kernels) {
    auto reader = dyn_cast<LaunchOp>(use.getOwner());
    if (!reader)
      return false;
    kernel::FuncOp kernel = kernels.getKernel(reader);
    ArrayRef<int64_t> inPlace = kernel.getInPlace().value_or(ArrayRef<int64_t>());
    for (size_t i = 0; i < inPlace.size(); i += 2)
      if (inPlace[i] == int64_t(use.getOperandNumber()) && !reader.getRedundant())
        return false; // it becomes something else
    return reader.getRedundant() || kernel.getRoot()->hasTrait<lm::WeightProduct>();
  }
};
} // namespace
