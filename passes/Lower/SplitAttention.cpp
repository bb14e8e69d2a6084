//===- SplitAttention.cpp - Spans of positions, then their sum -------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Lower/Passes.h"

#include "mlir/IR/Remarks.h"

namespace plait {
#define GEN_PASS_DEF_SPLITATTENTIONPASS
#include "passes/Lower/Passes.h.inc"
} // namespace plait

using namespace plait;

namespace {
struct SplitAttentionPass : plait::impl::SplitAttentionPassBase<SplitAttentionPass> {
  using SplitAttentionPassBase::SplitAttentionPassBase;

  void runOnOperation() override {
    int64_t maxPositions = 0;
    for (lm::ModelOp model : getOperation().getOps<lm::ModelOp>())
      maxPositions = std::max(maxPositions, int64_t(model.getMaxPositions()));
    for (decode::StepOp step : getOperation().getOps<decode::StepOp>())
      step.walk([&](lm::AttendOp op) {
        if (!op.getSpans() && (!rounded || getElementTypeOrSelf(op.getQuery()).isBF16()))
          split(op, maxPositions);
      });
  }

  void split(lm::AttendOp op, int64_t maxPositions) {
    auto type = cast<lm::StateType>(op.getState().getType());
    int64_t seen = std::min(maxPositions, type.getWindow().value_or(maxPositions));
    if (seen <= lm::spanPositions) {
      remark::missed(op.getLoc(), remark::RemarkOpts::name("NotSplit").category("plait-split-attention"))
          << "a token sees " << std::to_string(seen) << " positions at most; a span has "
          << std::to_string(lm::spanPositions);
      return;
    }
    OpBuilder b(op);
    Value spans = lm::AttendSpansOp::create(b, op.getLoc(), op.getQuery(), op.getState(), op.getRows(),
                                            op.getPositions(), op.getScaleAttr(), op.getSoftcapAttr());
    op.getSpansMutable().assign(spans);
    remark::passed(op.getLoc(), remark::RemarkOpts::name("Split").category("plait-split-attention"))
        << "spans of " << std::to_string(lm::spanPositions) << " positions are computed apart in steps that have some";
    ++numSplit;
  }
};
} // namespace
