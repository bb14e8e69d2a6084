//===- RoundQueries.cpp - Queries of bf16 for tensor cores ----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Lower/Passes.h"

#include "mlir/IR/Remarks.h"

namespace plait {
#define GEN_PASS_DEF_ROUNDQUERIESPASS
#include "passes/Lower/Passes.h.inc"
} // namespace plait

using namespace plait;

namespace {
struct RoundQueriesPass : plait::impl::RoundQueriesPassBase<RoundQueriesPass> {
  void runOnOperation() override {
    for (decode::StepOp step : getOperation().getOps<decode::StepOp>())
      step.walk([&](lm::AttendOp op) { round(op); });
  }

  void round(lm::AttendOp op) {
    auto type = cast<lm::StateType>(op.getState().getType());
    // Units multiply 16 columns at once; sums of more than 256 do not fit in registers.
    if (op.getSpans() || !getElementTypeOrSelf(op.getQuery()).isF32() || !type.getElement().isBF16() ||
        type.getHeadDim() % 16 || type.getHeadDim() > 256) {
      remark::missed(op.getLoc(), remark::RemarkOpts::name("NotRounded").category("plait-round-queries"))
          << "the state is not of bf16, or its heads are no multiple of 16 columns up to 256";
      return;
    }
    OpBuilder b(op);
    auto columns = cast<RankedTensorType>(op.getQuery().getType()).getDimSize(1);
    op.getQueryMutable().assign(lm::RoundOp::create(b, op.getLoc(), op.getQuery(), columns));
    remark::analysis(op.getLoc(), remark::RemarkOpts::name("RoundedQueries").category("plait-round-queries"))
        << "rounded to bf16 for attention by units that multiply bf16";
    ++numRounded;
  }
};
} // namespace
