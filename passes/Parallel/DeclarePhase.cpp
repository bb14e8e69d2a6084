//===- DeclarePhase.cpp - In which phase steps run ------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Parallel/Passes.h"

namespace plait {
#define GEN_PASS_DEF_DECLAREPHASEPASS
#include "passes/Parallel/Passes.h.inc"
} // namespace plait

using namespace plait;

namespace {
struct DeclarePhasePass : plait::impl::DeclarePhasePassBase<DeclarePhasePass> {
  using DeclarePhasePassBase::DeclarePhasePassBase;

  void runOnOperation() override {
    auto meshes = llvm::to_vector(getOperation().getOps<par::MeshOp>());
    auto steps = llvm::to_vector(getOperation().getOps<decode::StepOp>());
    if (meshes.size() != 1 || steps.empty()) {
      getOperation().emitError("expected one 'par.mesh' and a 'decode.step' but got ")
          << meshes.size() << " and " << steps.size();
      return signalPassFailure();
    }
    // Variants of a step have the same states.
    SmallVector<Attribute> states, shards;
    for (BlockArgument argument : steps.front().getBody().getArguments()) {
      if (!isa<lm::StateType>(argument.getType()))
        continue;
      states.push_back(TypeAttr::get(argument.getType()));
      shards.push_back(getShard(argument, meshes.front()));
    }
    OpBuilder b(&getContext());
    b.setInsertionPointAfter(meshes.front());
    par::PhaseOp::create(b, getOperation().getLoc(), phase, meshes.front().getSymName(), b.getArrayAttr(states),
                         b.getArrayAttr(shards));
  }

private:
  par::ShardAttr getShard(BlockArgument state, par::MeshOp mesh) {
    for (Operation *user : state.getUsers())
      if (auto constraint = dyn_cast<par::ConstraintOp>(user))
        return constraint.getShard();
    auto whole = par::DimShardAttr::get(&getContext(), {}, {});
    return par::ShardAttr::get(&getContext(), FlatSymbolRefAttr::get(mesh.getSymNameAttr()), {whole}, {});
  }
};
} // namespace
