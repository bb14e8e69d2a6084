//===- ForwardShape.cpp - A forward that becomes a step -------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Decode/ForwardShape.h"

#include "dialects/Decode/DraftFunctions.h"
#include "passes/Decode/Refuse.h"

using namespace plait;
using namespace plait::decode;

/// Prompts have embeddings, and a source that knows them.
static LogicalResult verifyPrompts(ForwardOp op) {
  if (!op.getBlock().getType().getPrompts())
    return success();
  auto source = op.getBlock().getDefiningOp<ExpandPromptsOp>();
  if (!source)
    return refuse(op, "prompts in its block", "a block of 'decode.expand_prompts', or nodes that stand for tokens");
  if (source.getMask())
    return success();
  FlatSymbolRefAttr model = op.getSequence().getType().getModel();
  auto symbol = SymbolRefAttr::get(model.getAttr(), {FlatSymbolRefAttr::get(op.getContext(), kPromptTokens)});
  auto weight = SymbolTable::lookupNearestSymbolFrom<lm::WeightOp>(op, symbol);
  int64_t found = weight ? cast<lm::WeightType>(weight.getType()).getRows() : 0, wanted = source.getLongest();
  if (found >= wanted)
    return success();
  return source.emitOpError("found ")
         << (found ? std::to_string(found) : std::string("no")) << " prompt tokens of the model " << model
         << "; expected " << wanted
         << ", those of prompt_tokens.safetensors beside the model, or in the folder of --heads";
}

FailureOr<ForwardShape> ForwardShape::match(ForwardOp op) {
  ForwardShape forward;
  forward.op = op;
  if (failed(verifyPrompts(op)))
    return failure();
  if (failed(forward.matchHidden(op.getHidden(), forward.leaves)) || failed(forward.matchTaps()))
    return failure();
  if (!forward.head)
    return refuse(op, "no head", "one 'decode.head' of a forward");
  if (failed(forward.matchUsers(forward.head.getLogits())))
    return failure();
  if (!forward.rule || forward.rule->getOperand(0) != op.getBlock())
    return refuse(op, "no rule on its block", "one verify rule for the logits of a forward");
  for (PromptedOp prompted : forward.prompted)
    if (prompted.getPath().getDefiningOp() != forward.rule)
      return refuse(prompted, "the path of another forward's rule", "that of the rule on the same block");
  SmallVector<LeafOp> leaves(forward.leaves);
  for (const auto &[layer, own] : forward.tapped)
    llvm::append_range(leaves, own);
  for (LeafOp leaf : leaves)
    if (leaf.getPath().getDefiningOp() != forward.rule)
      return refuse(leaf, "the path of another forward's rule", "that of the rule on the same block");
  return forward;
}

/// The uses of hidden states of all nodes: leaves, and one head.
LogicalResult ForwardShape::matchHidden(Value hidden, SmallVectorImpl<LeafOp> &leavesOf) {
  for (Operation *user : hidden.getUsers()) {
    if (auto leaf = dyn_cast<LeafOp>(user)) {
      leavesOf.push_back(leaf);
      continue;
    }
    auto own = dyn_cast<HeadOp>(user);
    if (!own || head)
      return refuse(user, "another use of hidden states than one head", "one 'decode.head' of a forward");
    if (hidden == op.getHidden() && own.getFunction() && *own.getFunction() != "head")
      return refuse(own, "another head than the model's", "no 'by'");
    head = own;
  }
  return success();
}

/// All nodes have logits of a tap where the forward ends there.
LogicalResult ForwardShape::matchTaps() {
  for (auto [tap, layer] : llvm::zip_equal(op.getTaps(), op.getTapped().value_or(ArrayRef<int64_t>()))) {
    SmallVector<LeafOp> own;
    if (failed(matchHidden(tap, own)))
      return failure();
    bool isOfHead = head && head.getHidden() == tap;
    if (isOfHead && (!op.exitsEarly() || tap != op.getTaps().back()))
      return refuse(head, "logits of a tap for all nodes",
                    "those of the last tap, where nothing is behind it, or a "
                    "'decode.leaf'");
    hasTapHead = isOfHead && head.getFunction() && *head.getFunction() != "head";
    if (!own.empty() || hasTapHead)
      tapped[layer] = std::move(own);
  }
  return success();
}

LogicalResult ForwardShape::matchUsers(Value logits) {
  for (Operation *user : logits.getUsers()) {
    auto learn = dyn_cast<LearnOp>(user);
    if (learn && learn.getBlock() == op.getBlock())
      learns.push_back(learn);
    else if (auto own = dyn_cast<PromptedOp>(user); own && own.getBlock() == op.getBlock())
      prompted.push_back(own);
    else if (auto own = dyn_cast<VerifyRuleOpInterface>(user); own && !rule)
      rule = own;
    else if (auto own = dyn_cast<EditOp>(user); own && !edit)
      edit = own;
    else
      return refuse(user, "another use of logits than the rule's",
                    "one edit, one rule, 'decode.learn' and 'decode.prompted'");
  }
  return edit && edit.getLogits() == logits ? matchUsers(edit.getResult()) : success();
}
