//===- AddMesh.cpp - The mesh that options describe -----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Parallel/Passes.h"

namespace plait {
#define GEN_PASS_DEF_ADDMESHPASS
#include "passes/Parallel/Passes.h.inc"
} // namespace plait

using namespace plait;

namespace {
struct AddMeshPass : plait::impl::AddMeshPassBase<AddMeshPass> {
  using AddMeshPassBase::AddMeshPassBase;

  void runOnOperation() override {
    if (!getOperation().getOps<par::MeshOp>().empty())
      return;
    auto machines = llvm::to_vector(getOperation().getOps<par::MachineOp>());
    if (machines.size() > 1) {
      getOperation().emitError("expected at most one 'par.machine' but got ") << machines.size();
      return signalPassFailure();
    }
    OpBuilder b = OpBuilder::atBlockBegin(getOperation().getBody());
    SmallVector<StringRef> names(axes.begin(), axes.end());
    SmallVector<int64_t> extents(sizes.begin(), sizes.end());
    auto mesh = par::MeshOp::create(b, getOperation().getLoc(), symbol, b.getStrArrayAttr(names), extents,
                                    rank < 0 ? IntegerAttr() : b.getI64IntegerAttr(rank));
    if (!machines.empty())
      mesh.setMachine(machines.front().getSymName());
  }
};
} // namespace
