//===- LogitsParts.cpp - Choices where devices have parts of logits -------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How the decode ops may be split over the vocabulary, and what they become then.
//
//===----------------------------------------------------------------------===//

#include "dialects/Decode/Decode.h"

using namespace plait;
using namespace plait::decode;

//===----------------------------------------------------------------------===//
// Parts
//===----------------------------------------------------------------------===//

RankedTensorType LogitsParts::getWords(StringRef dim, int64_t width) const {
  auto type = cast<RankedTensorType>(logits.getType());
  Type f32 = type.getElementType();
  if (!type.isDynamicDim(0) && dim != "top_entries")
    return RankedTensorType::get({type.getDimSize(0), width}, f32);
  return lm::getNamedTensor(type.getContext(), dim, {width}, f32);
}

Value LogitsParts::getSummaries(OpBuilder &b) {
  if (!summaries) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointAfterValue(logits);
    StringRef dim = lm::getLeadingDim(logits.getType());
    summaries = gather(b, SummarizeOp::create(b, logits.getLoc(), getWords(dim, 4), logits, first));
  }
  return summaries;
}

//===----------------------------------------------------------------------===//
// Rules
//===----------------------------------------------------------------------===//

/// The vocabulary of operand 0, if f32 holds all ids.
static ShardingRule exchangeVocabulary(Operation *op) {
  ShardingRule rule;
  if (cast<RankedTensorType>(op->getOperand(0).getType()).getDimSize(1) <= int64_t(1) << 24)
    rule.add(FactorKind::exchange, {operandDim(0, 1)});
  return rule;
}

ShardingRule ChooseGreedyOp::getShardingRule() { return exchangeVocabulary(*this); }
ShardingRule ChooseSampleOp::getShardingRule() { return exchangeVocabulary(*this); }
ShardingRule TopLogprobsOp::getShardingRule() { return exchangeVocabulary(*this); }

// The entropy and the probabilities of drafted tokens are of all parts.
ShardingRule ChooseTypicalOp::getShardingRule() { return ShardingRule().add(FactorKind::gather, {operandDim(0, 1)}); }

ShardingRule EditLogitsOp::getShardingRule() {
  return ShardingRule().add(FactorKind::parallel, {operandDim(0, 1), resultDim(0, 1)});
}

void EditLogitsOp::setPart(unsigned operand, ArrayRef<int64_t> begins) {
  if (operand == 0)
    setFirst(begins[1]);
}

// Logits leave a step only for tests and people, who may wait for them to be gathered.
ShardingRule ReturnOp::getShardingRule() {
  ShardingRule rule;
  for (auto [i, value] : llvm::enumerate(getValues()))
    if (auto type = dyn_cast<RankedTensorType>(value.getType()); type && type.getRank() == 2 && !type.isDynamicDim(1))
      rule.add(FactorKind::gather, {operandDim(i, 1)});
  return rule;
}

//===----------------------------------------------------------------------===//
// Choices
//===----------------------------------------------------------------------===//

SmallVector<Value> ChooseGreedyOp::onParts(OpBuilder &b, LogitsParts &parts) {
  return ChooseSummarizedOp::create(b, getLoc(), getResultTypes(), parts.getSummaries(b), Value(), Value())
      ->getResults();
}

SmallVector<Value> ChooseSampleOp::onParts(OpBuilder &b, LogitsParts &parts) {
  Location loc = getLoc();
  Value summaries = parts.getSummaries(b), logits = parts.logits, temperature = getTemperature();
  // Extents that are 0 in steps without warps and without draws.
  bool named = lm::getLeadingDim(logits.getType()) == "leaves";
  StringRef warps = named ? "warps" : lm::getLeadingDim(logits.getType()), draws = named ? "draws" : warps;
  Value state;
  for (auto [rule, limit] : {std::pair(Warp::top_k, getTopK()), {Warp::top_p, getTopP()}})
    for (int64_t round = 0; limit && round < 4; ++round) {
      Value bins = BinLogitsOp::create(b, loc, parts.getWords(warps, 512), logits, summaries, temperature, limit, state,
                                       rule, round);
      Value all = parts.gather(b, bins);
      state = NarrowThresholdOp::create(b, loc, parts.getWords(warps, 6), all, limit, state, rule, round);
    }
  Value own = DrawPartOp::create(b, loc, parts.getWords(draws, 3), logits, summaries, getPositions(), getSeed(),
                                 getSequence(), temperature, state, getMinP(), parts.first);
  Value drawn = parts.gather(b, own);
  return ChooseSummarizedOp::create(b, loc, getResultTypes(), summaries, drawn, temperature)->getResults();
}

SmallVector<Value> TopLogprobsOp::onParts(OpBuilder &b, LogitsParts &parts) {
  Value summaries = parts.getSummaries(b);
  Value own = TopPartOp::create(b, getLoc(), parts.getWords("top_entries", 2), parts.logits, getCounts(), parts.first);
  return JoinTopsOp::create(b, getLoc(), getResultTypes(), parts.gather(b, own), summaries, getCounts())->getResults();
}
