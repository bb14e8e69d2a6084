//===- DecodeCost.cpp - Symbolic cost of decode ops -----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Conventions as in LmCost.cpp. Which warps a row uses is only known at run
// time; a draw is counted without top_k and top_p, which search a threshold in
// a number of passes that depends on the logits.
//
//===----------------------------------------------------------------------===//

#include "dialects/Decode/Decode.h"

using namespace plait;
using namespace plait::decode;

/// The cost per leaf of an op that reads the logits once and does
/// `flopsPerLogit` flops with each; small operands and results move once.
static Cost chooseCost(Operation *op, Value logits, int64_t flopsPerLogit) {
  auto type = cast<RankedTensorType>(logits.getType());
  StringRef dim = lm::getLeadingDim(type);
  int64_t leaves = type.isDynamicDim(0) ? 1 : type.getDimSize(0), vocabulary = type.getDimSize(1);
  Cost cost;
  cost.flops = lm::perDim(dim, leaves * vocabulary * flopsPerLogit);
  int64_t bytes = vocabulary * 4;
  for (TypeRange types : {TypeRange(op->getOperandTypes()).drop_front(), TypeRange(op->getResultTypes())})
    for (Type other : types)
      bytes += int64_t(cast<RankedTensorType>(other).getElementTypeBitWidth() / 8);
  cost.activationBytes = lm::perDim(dim, leaves * bytes);
  return cost;
}

// Maximum; subtract it, exp, add.
Cost ChooseGreedyOp::getCost() { return chooseCost(*this, getLogits(), 4); }

// As above; subtract, the temperature, two logarithms and compare. Random bits are no floating point.
Cost ChooseSampleOp::getCost() { return chooseCost(*this, getLogits(), 9); }

// As above, and the entropy; which leaves have drafted successors is not known here.
Cost ChooseTypicalOp::getCost() { return chooseCost(*this, getLogits(), 13); }

/// The cost of `words` numbers that each of the leaves of `type` moves.
static Cost leafCost(Type leaves, int64_t words) {
  auto type = cast<RankedTensorType>(leaves);
  Cost cost;
  cost.activationBytes =
      lm::perDim(lm::getLeadingDim(type), (type.isDynamicDim(0) ? 1 : type.getDimSize(0)) * words * 4);
  return cost;
}

Cost JoinHiddenOp::getCost() {
  // Each number is read and written.
  return leafCost(getResult().getType(), 2 * cast<RankedTensorType>(getResult().getType()).getDimSize(1));
}

// A leaf that wants nothing, as most do, costs a look at where its entries end.
Cost EditLogitsOp::getCost() { return leafCost(getEnds().getType(), 1); }
Cost TopLogprobsOp::getCost() { return leafCost(getCounts().getType(), 1); }

Cost MatchStopsOp::getCost() {
  // The width of the stop table is no extent of a cost: it counts as one.
  return leafCost(getTokens().getType(), 4);
}
