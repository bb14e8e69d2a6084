//===- DecomposeAttention.cpp - Stage, then attend -------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Lower/Passes.h"

namespace plait {
#define GEN_PASS_DEF_DECOMPOSEATTENTIONPASS
#include "passes/Lower/Passes.h.inc"
} // namespace plait

using namespace plait;

namespace {
struct DecomposeAttentionPass : plait::impl::DecomposeAttentionPassBase<DecomposeAttentionPass> {
  void runOnOperation() override {
    getOperation().walk([](lm::AttentionOp op) {
      OpBuilder b(op);
      Value state = lm::StageOp::create(b, op.getLoc(), op.getKey(), op.getValue(), op.getState(), op.getRows(),
                                        op.getPositions());
      Value result = lm::AttendOp::create(b, op.getLoc(), op.getQuery(), state, op.getRows(), op.getPositions(),
                                          /*spans=*/Value(), op.getScaleAttr(), op.getSoftcapAttr());
      op.getResult().replaceAllUsesWith(result);
      op.getNext().replaceAllUsesWith(state);
      op.erase();
    });
  }
};
} // namespace
