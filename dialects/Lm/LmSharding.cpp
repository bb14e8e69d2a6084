//===- LmSharding.cpp - Sharding rules of lm ops --------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Lm/Lm.h"

using namespace plait;
using namespace plait::lm;

SmallVector<int64_t> lm::getShardableShape(Type type) {
  if (auto tensor = dyn_cast<RankedTensorType>(type))
    return SmallVector<int64_t>(tensor.getShape());
  if (auto weight = dyn_cast<WeightType>(type))
    return SmallVector<int64_t>(weight.getShape());
  if (auto state = dyn_cast<StateType>(type))
    return {state.getKvHeads() * state.getHeadDim()};
  return {};
}

Type lm::getPartType(Type type, ArrayRef<int64_t> shape) {
  if (auto tensor = dyn_cast<RankedTensorType>(type))
    return RankedTensorType::get(shape, tensor.getElementType(), tensor.getEncoding());
  if (auto weight = dyn_cast<WeightType>(type))
    return WeightType::get(type.getContext(), shape, weight.getFormat());
  auto state = cast<StateType>(type);
  return StateType::get(type.getContext(), state.getLayers(), shape[0] / state.getHeadDim(), state.getHeadDim(),
                        state.getElement(), state.getWindow());
}

RankedTensorType lm::getTokensPart(RankedTensorType type) {
  if (getLeadingDim(type) != "tokens")
    return nullptr;
  auto names = llvm::to_vector(cast<DimsAttr>(type.getEncoding()).getNames());
  names[0] = StringAttr::get(type.getContext(), "tokens_part");
  return RankedTensorType::get(type.getShape(), type.getElementType(), DimsAttr::get(type.getContext(), names));
}

/// One factor for each dimension, through the operands of the result's shape.
static ShardingRule elementwise(Operation *op, unsigned operands) {
  ShardingRule rule;
  for (unsigned dim = 0; dim < cast<RankedTensorType>(op->getResult(0).getType()).getRank(); ++dim) {
    ShardingFactor &factor = rule.factors.emplace_back();
    for (unsigned i = 0; i < operands; ++i)
      factor.dims.push_back(operandDim(i, dim));
    factor.dims.push_back(resultDim(0, dim));
  }
  return rule;
}

/// Columns in groups of `granule`, each on its own.
static ShardingRule columns(int64_t granule) {
  return ShardingRule()
      .add(FactorKind::parallel, {operandDim(0, 0), resultDim(0, 0)})
      .add(FactorKind::parallel, {operandDim(0, 1, granule), resultDim(0, 1, granule)});
}

static ShardingRule rows() { return ShardingRule().add(FactorKind::parallel, {operandDim(0, 0), resultDim(0, 0)}); }

/// [T, K] x [N, K] -> [T, N]. Columns that share a scale stay together.
static ShardingRule product(WeightType weight) {
  ShardingRule rule;
  rule.add(FactorKind::parallel, {operandDim(0, 0), resultDim(0, 0)});
  rule.add(FactorKind::parallel, {operandDim(1, 0), resultDim(0, 1)});
  auto quantization = cast<WeightFormatInterface>(weight.getFormat()).getQuantization();
  if (!quantization)
    rule.add(FactorKind::sum, {operandDim(0, 1), operandDim(1, 1)});
  else if (quantization->group)
    rule.add(FactorKind::sum, {operandDim(0, 1, quantization->group), operandDim(1, 1, quantization->group)});
  return rule;
}

ShardingRule EmbedOp::getShardingRule() {
  ShardingRule rule;
  rule.add(FactorKind::parallel, {operandDim(0, 0), resultDim(0, 0)});
  rule.add(FactorKind::parallel, {operandDim(1, 1), resultDim(0, 1)});
  rule.add(FactorKind::sum, {operandDim(1, 0)});
  rule.isSelection = true;
  return rule;
}

void EmbedOp::setPart(unsigned operand, ArrayRef<int64_t> begins) {
  if (operand == 1)
    setFirst(getFirst().value_or(0) + begins[0]);
}

ShardingRule LinearOp::getShardingRule() {
  ShardingRule rule = product(cast<WeightType>(getWeight().getType()));
  if (getBias()) {
    rule.factors[1].dims.push_back(operandDim(2, 0));
    rule.firstSummand = 2;
  }
  // Parts are leaves of the sum's tree.
  if (getTree() && rule.factors.size() > 2)
    for (FactorDim &dim : rule.factors[2].dims)
      dim.granule = getTree()->getGranule();
  return rule;
}

ShardingRule HeadOp::getShardingRule() { return product(cast<WeightType>(getWeight().getType())); }

ShardingRule RmsNormOp::getShardingRule() {
  int64_t size = cast<WeightType>(getGain().getType()).getRows();
  return getGroups() > 1 ? columns(size) : rows();
}

ShardingRule LayerNormOp::getShardingRule() { return rows(); }
ShardingRule QuantizeOp::getShardingRule() { return rows(); }
ShardingRule RoundOp::getShardingRule() { return rows(); }
ShardingRule SliceColumnsOp::getShardingRule() { return rows(); }
ShardingRule GluOp::getShardingRule() { return elementwise(*this, 2); }
ShardingRule ScaleOp::getShardingRule() { return elementwise(*this, 1); }
ShardingRule SoftcapOp::getShardingRule() { return elementwise(*this, 1); }
ShardingRule ActivationOp::getShardingRule() { return elementwise(*this, 1); }

ShardingRule AddOp::getShardingRule() {
  ShardingRule rule = elementwise(*this, 2);
  rule.isLinear = true;
  return rule;
}

ShardingRule RopeOp::getShardingRule() {
  ShardingRule rule = columns(getHeadDim());
  rule.factors[0].dims.push_back(operandDim(1, 0));
  return rule;
}

// Tokens are not shared out here: a token attends to those before it.
ShardingRule AttentionOp::getShardingRule() {
  int64_t head = cast<StateType>(getState().getType()).getHeadDim();
  return ShardingRule().add(FactorKind::parallel,
                            {operandDim(0, 1, head), operandDim(1, 1, head), operandDim(2, 1, head),
                             operandDim(3, 0, head), resultDim(0, 1, head), resultDim(1, 0, head)});
}

ShardingRule StageOp::getShardingRule() {
  int64_t head = cast<StateType>(getState().getType()).getHeadDim();
  return ShardingRule().add(FactorKind::parallel, {operandDim(0, 1, head), operandDim(1, 1, head),
                                                   operandDim(2, 0, head), resultDim(0, 0, head)});
}

ShardingRule AttendOp::getShardingRule() {
  int64_t head = cast<StateType>(getState().getType()).getHeadDim();
  return ShardingRule().add(FactorKind::parallel,
                            {operandDim(0, 1, head), operandDim(1, 0, head), resultDim(0, 1, head)});
}

// Made after sharding: its columns are those of all heads, kind by kind.
ShardingRule AttendSpansOp::getShardingRule() { return ShardingRule(); }

ShardingRule TakeRowsOp::getShardingRule() {
  ShardingRule rule;
  rule.add(FactorKind::parallel, {operandDim(1, 0), resultDim(0, 0)});
  if (cast<RankedTensorType>(getInput().getType()).getRank() == 2)
    rule.add(FactorKind::parallel, {operandDim(0, 1), resultDim(0, 1)});
  return rule;
}
