//===- LmCost.cpp - Symbolic cost of lm ops -------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Conventions: a multiply-add is two flops; a division, a root and a
// transcendental function are one each. Weights count once per execution,
// however many tokens share them. What an op reads and writes is counted as if
// it ran alone; fusion subtracts what stays in registers.
//
//===----------------------------------------------------------------------===//

#include "dialects/Lm/Lm.h"

using namespace plait;
using namespace plait::lm;

/// `factor` per row of `type`: symbolic in a named extent, else a number.
static LinearForm perRow(Type type, int64_t factor) {
  auto tensor = cast<RankedTensorType>(type);
  if (tensor.getRank() > 0 && !tensor.isDynamicDim(0))
    factor *= tensor.getDimSize(0);
  return perDim(getLeadingDim(type), factor);
}

/// Elements of one row of `type`.
static int64_t rowElements(Type type) {
  int64_t elements = 1;
  for (int64_t extent : cast<RankedTensorType>(type).getShape().drop_front())
    elements *= extent;
  return elements;
}

LinearForm lm::tensorBytes(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  if (tensor.getRank() == 0)
    return perRow(type, tensor.getElementTypeBitWidth() / 8);
  return perRow(type, getRowBytes(tensor));
}

/// The activation bytes of an op that reads its tensor operands and writes its
/// tensor results once.
static LinearForm activationBytes(Operation *op) {
  LinearForm bytes;
  for (TypeRange types : {TypeRange(op->getOperandTypes()), TypeRange(op->getResultTypes())})
    for (Type type : types)
      if (isa<RankedTensorType>(type))
        bytes = bytes + tensorBytes(type);
  return bytes;
}

/// The bytes of all weights among the operands.
static LinearForm weightBytes(Operation *op) {
  LinearForm bytes;
  for (Type type : op->getOperandTypes())
    if (auto weight = dyn_cast<WeightType>(type))
      bytes.constant += weight.getStorageBytes();
  return bytes;
}

/// The cost of an op with `flopsPerRow` flops for each row of its first result.
static Cost rowwiseCost(Operation *op, int64_t flopsPerRow) {
  return {perRow(op->getResult(0).getType(), flopsPerRow), weightBytes(op), activationBytes(op)};
}

static int64_t flopsOf(ActivationKind kind) {
  switch (kind) {
  case ActivationKind::silu: // negate, exp, add, divide
    return 4;
  case ActivationKind::gelu_tanh: // x^3: 2, polynomial: 3, tanh, 1 +, times x / 2: 2
    return 9;
  }
  llvm_unreachable("all kinds of activation are covered");
}

Cost EmbedOp::getCost() {
  // Of the table only the rows that are asked for are read.
  auto table = cast<WeightType>(getTable().getType());
  int64_t rowBytes = cast<WeightFormatInterface>(table.getFormat()).getStorageBytes(1, table.getCols());
  return {LinearForm(), perRow(getIds().getType(), rowBytes), activationBytes(*this)};
}

Cost LinearOp::getCost() {
  auto matrix = cast<WeightType>(getWeight().getType());
  int64_t joins = getTree() ? matrix.getCols() / getTree()->getGranule() - getNumNodes() : 0;
  return rowwiseCost(*this, matrix.getRows() * (2 * matrix.getCols() + joins + (getBias() ? 1 : 0)));
}

Cost HeadOp::getCost() {
  auto matrix = cast<WeightType>(getWeight().getType());
  return rowwiseCost(*this, matrix.getRows() * 2 * matrix.getCols());
}

Cost QuantizeOp::getCost() {
  // Per element: magnitude, maximum, product, rounding, sum.
  return rowwiseCost(*this, 5 * rowElements(getResult().getType()));
}

Cost RmsNormOp::getCost() {
  // Per element: square and add, divide by the root, times gain, which may be 1 + gain. Per group: mean, eps, root.
  return rowwiseCost(*this, (getUnitOffset() ? 5 : 4) * rowElements(getResult().getType()) + 3 * getGroups());
}

Cost LayerNormOp::getCost() {
  // Per element: sum for the mean, subtract it, square and add, divide by the root, times gain,
  // plus bias. Per row: two means, eps, root.
  return rowwiseCost(*this, 7 * rowElements(getResult().getType()) + 4);
}

Cost AddOp::getCost() { return rowwiseCost(*this, rowElements(getResult().getType())); }

Cost ScaleOp::getCost() { return rowwiseCost(*this, rowElements(getResult().getType())); }

Cost RoundOp::getCost() { return rowwiseCost(*this, rowElements(getInput().getType())); }

/// Divide, tanh, multiply.
static constexpr int64_t softcapFlops = 3;

Cost SoftcapOp::getCost() { return rowwiseCost(*this, softcapFlops * rowElements(getResult().getType())); }

Cost ActivationOp::getCost() { return rowwiseCost(*this, flopsOf(getKind()) * rowElements(getResult().getType())); }

Cost GluOp::getCost() { return rowwiseCost(*this, (flopsOf(getKind()) + 1) * rowElements(getResult().getType())); }

Cost SliceColumnsOp::getCost() {
  // Only the slice is read.
  return {LinearForm(), LinearForm(), tensorBytes(getResult().getType()) * 2};
}

Cost RopeOp::getCost() {
  // Per pair: four products, two sums. Per token and frequency, for all heads: angle, sine, cosine.
  int64_t heads = rowElements(getResult().getType()) / int64_t(getHeadDim());
  return rowwiseCost(*this, (6 * heads + 3) * getPairs());
}

/// Bytes of one position's key and value in one layer.
static int64_t cellBytes(StateType state) {
  int64_t elements = state.getHeadDim() * int64_t(state.getElement().getIntOrFloatBitWidth() / 8);
  return 2 * state.getKvHeads() * (elements + (state.isScaled() ? 4 : 0));
}

static Cost stageCost(Value key, Value state) {
  Cost cost;
  int64_t staged = cellBytes(cast<StateType>(state.getType()));
  cost.activationBytes = tensorBytes(key.getType()) * 2 + perRow(key.getType(), staged);
  return cost;
}

static Cost attendCost(Value query, Value result, Value stateValue, int64_t heads, bool isCapped) {
  auto state = cast<StateType>(stateValue.getType());
  int64_t columns = cast<RankedTensorType>(query.getType()).getDimSize(1);
  // A window bounds the KV length of a token: what it comes to once the row is
  // longer counts from the beginning.
  auto perPosition = [&](int64_t factor) {
    LinearForm form;
    if (state.getWindow())
      form = perRow(query.getType(), *state.getWindow() * factor);
    else
      form.tokenPositions = factor;
    return form;
  };
  Cost cost;
  cost.flops = perPosition(4 * columns + (isCapped ? softcapFlops * heads : 0)); // two products
  cost.weightBytes = perPosition(cellBytes(state));
  cost.activationBytes = tensorBytes(query.getType()) + tensorBytes(result.getType());
  return cost;
}

Cost StageOp::getCost() { return stageCost(getKey(), getState()); }
Cost AttendOp::getCost() {
  return attendCost(getQuery(), getResult(), getState(), getHeads(), getSoftcap().has_value());
}
// Part of what lm.attend counts, which computes it where nothing is split.
Cost AttendSpansOp::getCost() { return {}; }
Cost AttentionOp::getCost() {
  return stageCost(getKey(), getState()) +
         attendCost(getQuery(), getResult(), getState(), getHeads(), getSoftcap().has_value());
}

Cost TakeRowsOp::getCost() {
  // Only the chosen rows are read.
  return {LinearForm(), LinearForm(), tensorBytes(getIndices().getType()) + tensorBytes(getResult().getType()) * 2};
}
