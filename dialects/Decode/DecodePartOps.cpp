//===- DecodePartOps.cpp - Choices from parts of logits -------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Checks and costs; conventions as in DecodeCost.cpp.
//
//===----------------------------------------------------------------------===//

#include "dialects/Decode/Decode.h"

using namespace plait;
using namespace plait::decode;

//===----------------------------------------------------------------------===//
// Checks
//===----------------------------------------------------------------------===//

/// `[L, width]`, or of several parts `[L, width * parts]`.
static LogicalResult verifyWords(Operation *op, StringRef what, Value value, int64_t width, bool several = false) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (type && type.getRank() == 2 && !type.isDynamicDim(1) && type.getDimSize(1) > 0 &&
      (several ? type.getDimSize(1) % width == 0 : type.getDimSize(1) == width))
    return success();
  return op->emitOpError("expected ") << what << " with " << width << " columns" << (several ? " per part" : "")
                                      << " but got " << value.getType();
}

static LogicalResult verifyLogits(Operation *op, Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (type && type.getRank() == 2 && !type.isDynamicDim(1))
    return success();
  return op->emitOpError("expected logits of rank 2 with a static number of columns but got ") << value.getType();
}

/// What belongs to leaves: vectors.
static LogicalResult verifyLeaves(Operation *op, ValueRange values) {
  for (Value value : values)
    if (auto type = dyn_cast<RankedTensorType>(value.getType()); !type || type.getRank() != 1)
      return op->emitOpError("expected a vector over the leaves but got ") << value.getType();
  return success();
}

static LogicalResult verifyState(Operation *op, Value state) {
  return state ? verifyWords(op, "a state", state, 6) : success();
}

LogicalResult SummarizeOp::verify() {
  return failure(failed(verifyLogits(*this, getLogits())) || failed(verifyWords(*this, "a result", getResult(), 4)));
}

LogicalResult SummarizeBlocksOp::verify() {
  if (failed(verifyLogits(*this, getLogits())))
    return failure();
  int64_t columns = cast<RankedTensorType>(getLogits().getType()).getDimSize(1);
  int64_t blocks = int64_t(llvm::divideCeil(columns, blockTokens));
  if (bool(getCounts()) != bool(getEntries()))
    return emitOpError("expected counts and entries, or neither");
  return failure(failed(verifyWords(*this, "summaries", getSummaries(), 4 * blocks)) ||
                 (getCounts() && (failed(verifyLeaves(*this, getCounts())) ||
                                  failed(verifyWords(*this, "entries", getEntries(), 2 * blocks)))));
}

LogicalResult JoinSummariesOp::verify() {
  return failure(failed(verifyWords(*this, "summaries", getSummaries(), 4, /*several=*/true)) ||
                 failed(verifyWords(*this, "a result", getResult(), 4)));
}

LogicalResult ChooseSummarizedOp::verify() {
  if (bool(getDrawn()) != bool(getTemperature()))
    return emitOpError("expected drawn tokens and a temperature, or neither");
  if (failed(verifyWords(*this, "summaries", getSummaries(), 4, /*several=*/true)) ||
      (getDrawn() && failed(verifyWords(*this, "drawn tokens", getDrawn(), 3, /*several=*/true))))
    return failure();
  if (getDrawn() && cast<RankedTensorType>(getDrawn().getType()).getDimSize(1) * 4 !=
                        cast<RankedTensorType>(getSummaries().getType()).getDimSize(1) * 3)
    return emitOpError("expected drawn tokens of as many parts as summaries but got ")
           << getDrawn().getType() << " and " << getSummaries().getType();
  return verifyLeaves(*this, getResults());
}

template <typename Op> static LogicalResult verifyRound(Op op) {
  auto limit = cast<RankedTensorType>(op.getLimit().getType());
  bool isCount = op.getRule() == Warp::top_k;
  if (!isCount && op.getRule() != Warp::top_p)
    return op.emitOpError("expected the rule top_k or top_p but got ") << op.getRuleAttr();
  if (isCount == limit.getElementType().isF32())
    return op.emitOpError("expected a limit of i32 for top_k and of f32 for top_p but got ") << limit;
  if (op.getRound() > 3 || (op.getRound() > 0 && !op.getState()))
    return op.emitOpError("expected a round of 0 to 3, and a state for all but the first, but got ") << op.getRound();
  return failure(failed(verifyLeaves(op, op.getLimit())) || failed(verifyState(op, op.getState())));
}

LogicalResult BinLogitsOp::verify() {
  return failure(failed(verifyRound(*this)) || failed(verifyLogits(*this, getLogits())) ||
                 failed(verifyWords(*this, "summaries", getSummaries(), 4, /*several=*/true)) ||
                 failed(verifyLeaves(*this, getTemperature())) ||
                 failed(verifyWords(*this, "a result", getResult(), 512)));
}

LogicalResult NarrowThresholdOp::verify() {
  return failure(failed(verifyRound(*this)) || failed(verifyWords(*this, "bins", getBins(), 512, /*several=*/true)) ||
                 failed(verifyWords(*this, "a result", getResult(), 6)));
}

LogicalResult DrawPartOp::verify() {
  return failure(failed(verifyLogits(*this, getLogits())) ||
                 failed(verifyWords(*this, "summaries", getSummaries(), 4, /*several=*/true)) ||
                 failed(verifyLeaves(*this, ValueRange{getPositions(), getSeed(), getSequence(), getTemperature()})) ||
                 failed(verifyState(*this, getState())) || (getMinP() && failed(verifyLeaves(*this, getMinP()))) ||
                 failed(verifyWords(*this, "a result", getResult(), 3)));
}

LogicalResult TopPartOp::verify() {
  return failure(failed(verifyLogits(*this, getLogits())) || failed(verifyLeaves(*this, getCounts())) ||
                 failed(verifyWords(*this, "a result", getResult(), 2)));
}

LogicalResult JoinEntriesOp::verify() {
  return failure(failed(verifyWords(*this, "entries", getEntries(), 2, /*several=*/true)) ||
                 failed(verifyLeaves(*this, getCounts())) || failed(verifyWords(*this, "a result", getResult(), 2)));
}

LogicalResult JoinTopsOp::verify() {
  return failure(failed(verifyWords(*this, "entries", getEntries(), 2, /*several=*/true)) ||
                 failed(verifyWords(*this, "summaries", getSummaries(), 4, /*several=*/true)) ||
                 failed(verifyLeaves(*this, getCounts())));
}

//===----------------------------------------------------------------------===//
// Costs
//===----------------------------------------------------------------------===//

/// Per leaf of `logits`: reads them once, `flops` with each.
static Cost logitsCost(Value logits, int64_t flops) {
  auto type = cast<RankedTensorType>(logits.getType());
  int64_t elements = (type.isDynamicDim(0) ? 1 : type.getDimSize(0)) * type.getDimSize(1);
  StringRef dim = lm::getLeadingDim(type);
  Cost cost;
  cost.flops = lm::perDim(dim, elements * flops);
  cost.activationBytes = lm::perDim(dim, elements * 4);
  return cost;
}

/// The operands and results of `op`, once.
static Cost smallCost(Operation *op, Value leaves) {
  auto type = cast<RankedTensorType>(leaves.getType());
  int64_t bytes = 0;
  for (Type other : llvm::concat<const Type>(op->getOperandTypes(), op->getResultTypes()))
    if (auto tensor = cast<RankedTensorType>(other); tensor.getRank() < 2 || !tensor.isDynamicDim(1))
      bytes += lm::getRowBytes(tensor);
  Cost cost;
  cost.activationBytes = lm::perDim(lm::getLeadingDim(type), (type.isDynamicDim(0) ? 1 : type.getDimSize(0)) * bytes);
  return cost;
}

// Together they are what the op on all logits costs: see DecodeCost.cpp. Which leaves
// draw and have warps is not known, so a search counts as nothing.
Cost SummarizeOp::getCost() { return logitsCost(getLogits(), 4); }
Cost SummarizeBlocksOp::getCost() {
  Cost cost = logitsCost(getLogits(), 4);
  cost.activationBytes = cost.activationBytes + lm::tensorBytes(getSummaries().getType());
  return cost;
}
Cost JoinSummariesOp::getCost() { return smallCost(*this, getSummaries()); }
Cost ChooseSummarizedOp::getCost() { return smallCost(*this, getSummaries()); }
Cost NarrowThresholdOp::getCost() { return smallCost(*this, getLimit()); }
Cost JoinEntriesOp::getCost() { return smallCost(*this, getCounts()); }
Cost JoinTopsOp::getCost() { return smallCost(*this, getCounts()); }
Cost BinLogitsOp::getCost() {
  Cost cost;
  cost.activationBytes = lm::perDim(lm::getLeadingDim(getLimit().getType()), 512 * 4);
  return cost;
}
Cost DrawPartOp::getCost() { return logitsCost(getLogits(), 5); }
Cost TopPartOp::getCost() {
  Cost cost;
  cost.activationBytes = lm::perDim(lm::getLeadingDim(getCounts().getType()), 4);
  return cost;
}
