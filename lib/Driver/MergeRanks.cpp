//===- MergeRanks.cpp - The programs of several ranks in one --------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Ranks differ in the sizes and places of their parts, so most kernels of one are those
// of another, and generating code for them once is most of the time of a compilation.
//
//===----------------------------------------------------------------------===//

#include "MergeRanks.h"

#include "dialects/Kernel/Kernel.h"
#include "dialects/Rt/Rt.h"

using namespace plait;
using namespace mlir;

void plait::mergeRank(ModuleOp module, ModuleOp rank) {
  SymbolTable symbols(module);
  SmallVector<kernel::FuncOp> present(module.getOps<kernel::FuncOp>());
  DenseMap<StringAttr, FlatSymbolRefAttr> names;
  for (auto func : llvm::make_early_inc_range(rank.getOps<kernel::FuncOp>())) {
    StringAttr name = func.getSymNameAttr();
    auto *same = llvm::find_if(present, [&](kernel::FuncOp other) { return kernel::isSameCode(func, other); });
    if (same != present.end()) {
      names[name] = FlatSymbolRefAttr::get(same->getSymNameAttr());
      continue;
    }
    func->remove();
    names[name] = FlatSymbolRefAttr::get(symbols.insert(func)); // renamed if need be
  }
  for (auto model : llvm::make_early_inc_range(rank.getOps<rt::ModelOp>())) {
    model.walk([&](rt::KernelOp op) { op.setFunctionAttr(names.lookup(op.getFunctionAttr().getAttr())); });
    model.walk([&](rt::LaunchOp op) { op.setKernelAttr(names.lookup(op.getKernelAttr().getAttr())); });
    // The ranks of another phase have numbers of their own, and come after those before.
    if (int64_t number = llvm::range_size(module.getOps<rt::ModelOp>()); number != int64_t(model.getRank()))
      model.setProgram(number);
    model->remove();
    symbols.insert(model);
  }
}
