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
    SmallVector<Operation *> choices;
    getOperation().walk([&](Operation *op) {
      if (isa<ChooseGreedyOp, SummarizeOp>(op))
        choices.push_back(op);
    });
    for (Operation *choice : choices) {
      Value logits = choice->getOperand(0);
      SmallVector<Operation *> users(logits.getUsers());
      llvm::erase(users, choice);
      Operation *tops = users.size() == 1 ? users.front() : nullptr;
      if (users.size() > 1 || (tops && !(isa<SummarizeOp>(choice) ? isa<TopPartOp>(tops) : isa<TopLogprobsOp>(tops))))
        continue;
      if (isOfHead(logits) && hasExactIds(choice) && (!tops || isa<BlockArgument>(tops->getOperand(1)))) {
        summarize(choice, tops);
        ++numSummarized;
      }
    }
  }

  /// Whether nothing but elementwise ops is between a product and `logits`, of which nobody else uses anything.
  static bool isOfHead(Value logits) {
    for (Operation *op = logits.getDefiningOp(); op; op = op->getOperand(0).getDefiningOp()) {
      if (op->getResult(0) != logits && !op->hasOneUse())
        return false;
      if (op->hasTrait<lm::WeightProduct>())
        return true;
      if (!op->hasTrait<lm::Elementwise>())
        return false;
    }
    return false;
  }

  static int64_t firstOf(Operation *choice) {
    auto part = dyn_cast<SummarizeOp>(choice);
    return part ? int64_t(part.getFirst()) : 0;
  }
  /// Whether f32, in which summaries have ids, holds all of them.
  static bool hasExactIds(Operation *choice) {
    int64_t columns = cast<RankedTensorType>(choice->getOperand(0).getType()).getDimSize(1);
    return firstOf(choice) + columns <= int64_t(1) << 24;
  }

  /// Puts blocks in the place of the logits from which `choice` chooses, and of which `tops`, if there is one, takes
  /// the most probable tokens.
  static void summarize(Operation *choice, Operation *tops) {
    Value logits = choice->getOperand(0), counts = tops ? tops->getOperand(1) : Value();
    auto type = cast<RankedTensorType>(logits.getType());
    auto part = dyn_cast<SummarizeOp>(choice);
    int64_t first = firstOf(choice);
    int64_t blocks = int64_t(llvm::divideCeil(type.getDimSize(1), SummarizeBlocksOp::blockTokens));
    OpBuilder b(tops && tops->isBeforeInBlock(choice) ? tops : choice);
    LogitsParts words(logits, first, {});
    SmallVector<Type> types = {words.getWords(lm::getLeadingDim(type), 4 * blocks)};
    if (tops)
      types.push_back(words.getWords("top_entries", 2 * blocks));
    auto summary = SummarizeBlocksOp::create(b, logits.getLoc(), types, logits, counts, first);
    Value summaries = summary.getSummaries(), entries = summary.getEntries();

    b.setInsertionPoint(choice);
    Operation *chosen;
    if (part)
      chosen = JoinSummariesOp::create(b, choice->getLoc(), part.getType(), summaries);
    else
      chosen = ChooseSummarizedOp::create(b, choice->getLoc(), choice->getResultTypes(), summaries, Value(), Value());
    choice->replaceAllUsesWith(chosen);
    choice->erase();
    if (!tops)
      return;
    b.setInsertionPoint(tops);
    Operation *found;
    if (part)
      found = JoinEntriesOp::create(b, tops->getLoc(), tops->getResultTypes(), entries, counts);
    else
      found = JoinTopsOp::create(b, tops->getLoc(), tops->getResultTypes(), entries, summaries, counts);
    tops->replaceAllUsesWith(found);
    tops->erase();
  }
};
} // namespace
