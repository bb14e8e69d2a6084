//===- SummarizeLogits.cpp - Choices from blocks of logits ----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Decode/Decode.h"
#include "passes/Lower/Passes.h"

namespace plait {
#define GEN_PASS_DEF_SUMMARIZELOGITSPASS
#include "passes/Lower/Passes.h.inc"
} // namespace plait

using namespace plait;
using namespace plait::decode;

namespace {
struct SummarizeLogitsPass : plait::impl::SummarizeLogitsPassBase<SummarizeLogitsPass> {
  void runOnOperation() override {
    SmallVector<ChooseGreedyOp> choices;
    SmallVector<SummarizeOp> summaries;
    getOperation().walk([&](ChooseGreedyOp op) { choices.push_back(op); });
    getOperation().walk([&](SummarizeOp op) { summaries.push_back(op); });
    for (ChooseGreedyOp op : choices)
      if (Value blocks = summarizeBlocks(op, op.getLogits(), 0)) {
        OpBuilder b(op);
        auto chosen = ChooseSummarizedOp::create(b, op.getLoc(), op.getResultTypes(), blocks, Value(), Value());
        op->replaceAllUsesWith(chosen.getResults());
        op.erase();
      }
    for (SummarizeOp op : summaries)
      if (Value blocks = summarizeBlocks(op, op.getLogits(), int64_t(op.getFirst()))) {
        OpBuilder b(op);
        op.replaceAllUsesWith(JoinSummariesOp::create(b, op.getLoc(), op.getType(), blocks).getResult());
        op.erase();
      }
  }

  /// Summaries of the blocks of `logits`, whose first one is of token `first`; null if they are
  /// none of a head, or somebody else uses them than `user`.
  Value summarizeBlocks(Operation *user, Value logits, int64_t first) {
    Value product = logits;
    while (Operation *op = product.getDefiningOp()) {
      if (!product.hasOneUse())
        return {};
      if (op->hasTrait<lm::WeightProduct>())
        break;
      if (!op->hasTrait<lm::Elementwise>())
        return {};
      product = op->getOperand(0);
    }
    auto type = cast<RankedTensorType>(logits.getType());
    int64_t columns = type.getDimSize(1),
            width = 4 * int64_t(llvm::divideCeil(columns, SummarizeBlocksOp::blockTokens));
    // Ids are f32 numbers in a summary.
    if (!product.getDefiningOp() || first + columns > int64_t(1) << 24)
      return {};
    ++numSummarized;
    OpBuilder b(user);
    auto blocks = RankedTensorType::get({type.getDimSize(0), width}, type.getElementType(), type.getEncoding());
    if (type.isDynamicDim(0))
      blocks = lm::getNamedTensor(type.getContext(), lm::getLeadingDim(type), {width}, type.getElementType());
    return SummarizeBlocksOp::create(b, logits.getLoc(), blocks, logits, b.getI64IntegerAttr(first));
  }
};
} // namespace
