//===- DecodeVerifyOps.cpp - Rules of acceptance --------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Decode/Decode.h"

#include "mlir/IR/Builders.h"

#include <cmath>

using namespace plait;
using namespace plait::decode;

static LogicalResult verifyWarps(Operation *op, ArrayAttr warps) {
  int32_t last = -1;
  for (auto warp : warps.getAsRange<WarpAttr>()) {
    int32_t kind = int32_t(warp.getValue());
    if (kind <= last)
      return op->emitOpError("expected warps in the order temperature, top_k, top_p, min_p without repetition but got ")
             << warps;
    last = kind;
  }
  if (warps.empty() || cast<WarpAttr>(warps[0]).getValue() != Warp::temperature)
    return op->emitOpError("expected temperature as the first warp but got ") << warps;
  return success();
}

static Operation *refuseBatch(Operation *op) {
  op->emitOpError("cannot be batched: expected verify_greedy, verify_sample or verify_typical");
  return nullptr;
}

static Operation *refuseChoices(Operation *op, StringRef found, StringRef expected) {
  op->emitOpError("is not compiled yet: found ") << found << "; expected " << expected;
  return nullptr;
}

//===----------------------------------------------------------------------===//
// Greedy
//===----------------------------------------------------------------------===//

Operation *VerifyGreedyOp::batch(OpBuilder &b, Value logits, function_ref<Value(Role)>) {
  return ChooseGreedyOp::create(b, getLoc(), logits);
}

ExactnessReason VerifyGreedyOp::getExactness() { return {}; }

Operation *VerifyGreedyOp::followChoices(OpBuilder &b, Value choices) {
  return WalkOp::create(b, getLoc(), getBlock(), choices);
}

//===----------------------------------------------------------------------===//
// Sample
//===----------------------------------------------------------------------===//

LogicalResult VerifySampleOp::verify() { return verifyWarps(*this, getWarps()); }

namespace {

/// What a draw takes: the arguments of a step, asked for in this order.
struct DrawInputs {
  DrawInputs(OpBuilder &b, Location loc, ArrayAttr warps, function_ref<Value(Role)> input) {
    auto warp = [&](Warp kind, Role role) {
      return llvm::is_contained(warps, WarpAttr::get(b.getContext(), kind)) ? input(role) : Value();
    };
    Value tokenPositions = input(Role::positions), leaves = input(Role::leaves);
    positions = lm::TakeRowsOp::create(b, loc, tokenPositions, leaves);
    temperature = input(Role::temperature);
    topK = warp(Warp::top_k, Role::top_k);
    topP = warp(Warp::top_p, Role::top_p);
    minP = warp(Warp::min_p, Role::min_p);
    seed = input(Role::seed);
    sequence = input(Role::sequence);
  }

  Value positions, temperature, topK, topP, minP, seed, sequence;
};

} // namespace

Operation *VerifySampleOp::batch(OpBuilder &b, Value logits, function_ref<Value(Role)> input) {
  DrawInputs draw(b, getLoc(), getWarps(), input);
  return ChooseSampleOp::create(b, getLoc(), logits, draw.positions, draw.seed, draw.sequence, draw.temperature,
                                draw.topK, draw.topP, draw.minP);
}

Operation *VerifySampleOp::followChoices(OpBuilder &b, Value choices) {
  return WalkOp::create(b, getLoc(), getBlock(), choices);
}

ExactnessReason VerifySampleOp::getExactness() {
  if (getPurpose() == Purpose::draft)
    return {Exactness::distribution, "draws are those of a draft"};
  return {};
}

//===----------------------------------------------------------------------===//
// Reject
//===----------------------------------------------------------------------===//

LogicalResult VerifyRejectOp::verify() { return verifyWarps(*this, getWarps()); }

Operation *VerifyRejectOp::batch(OpBuilder &, Value, function_ref<Value(Role)>) { return refuseBatch(*this); }

Operation *VerifyRejectOp::followChoices(OpBuilder &b, Value choices) {
  if (getBonus() && *getBonus() != getWarps())
    return refuseChoices(*this, "other warps at the end of a block", "no 'bonus'");
  return WalkOp::create(b, getLoc(), getBlock(), choices);
}

ExactnessReason VerifyRejectOp::getExactness() {
  if (getBonus() && *getBonus() != getWarps())
    return {Exactness::approximate, "the token at the end of a block is drawn with other warps than those before it"};
  return {Exactness::distribution, "rejection sampling draws other numbers"};
}

//===----------------------------------------------------------------------===//
// Typical acceptance
//===----------------------------------------------------------------------===//

LogicalResult VerifyTypicalOp::verify() {
  if (!(getThreshold().convertToDouble() > 0) || !(getAlpha().convertToDouble() > 0))
    return emitOpError("expected a positive threshold and alpha");
  return verifyWarps(*this, getWarps());
}

Operation *VerifyTypicalOp::batch(OpBuilder &b, Value logits, function_ref<Value(Role)> input) {
  DrawInputs draw(b, getLoc(), getWarps(), input);
  Value drafted = lm::TakeRowsOp::create(b, getLoc(), input(Role::tokens), input(Role::leaves));
  return ChooseTypicalOp::create(b, getLoc(), logits, draw.positions, draw.seed, draw.sequence, drafted,
                                 input(Role::parents), draw.temperature, draw.topK, draw.topP, draw.minP,
                                 getThresholdAttr(), getAlphaAttr());
}

bool VerifyTypicalOp::hasOwnStep() { return true; }

Operation *VerifyTypicalOp::followChoices(OpBuilder &b, Value choices) {
  return WalkOp::create(b, getLoc(), getBlock(), choices);
}

ExactnessReason VerifyTypicalOp::getExactness() {
  return {Exactness::approximate, "typical acceptance takes drafted tokens that would not have been drawn"};
}

//===----------------------------------------------------------------------===//
// Momentum
//===----------------------------------------------------------------------===//

LogicalResult decode::verifyMomentum(Operation *op, const APFloat &alpha, ArrayRef<double> resistance) {
  auto isFine = [](double value) { return value >= 0 && std::isfinite(value); };
  if (!isFine(alpha.convertToDouble()))
    return op->emitOpError("expected a finite alpha that is not negative");
  if (resistance.empty() || !llvm::all_of(resistance, isFine))
    return op->emitOpError("expected at least one resistance, all finite and none negative");
  return success();
}

LogicalResult VerifyMomentumOp::verify() { return verifyMomentum(*this, getAlpha(), getResistance()); }

Operation *VerifyMomentumOp::batch(OpBuilder &, Value, function_ref<Value(Role)>) { return refuseBatch(*this); }

Operation *VerifyMomentumOp::followChoices(OpBuilder &b, Value choices) {
  return WalkMomentumOp::create(b, getLoc(), getBlock(), choices, choices.getDefiningOp<RunOp>().getSequence(),
                                getAlphaAttr(), getResistanceAttr());
}

int64_t VerifyMomentumOp::getNumTops() { return int64_t(getTop()); }

ExactnessReason VerifyMomentumOp::getExactness() {
  return {Exactness::reference, "momentum decoding takes the most probable token less what repeats the text"};
}

//===----------------------------------------------------------------------===//
// Jacobi
//===----------------------------------------------------------------------===//

LogicalResult VerifyJacobiOp::verify() {
  auto block = cast<BlockType>(getBlock().getType());
  int64_t guesses = cast<GuessesType>(getGuesses().getType()).getCount();
  if (block.getTree() || block.getSize() != guesses + 1)
    return emitOpError("expected a chain of ")
           << guesses + 1 << " nodes for " << guesses << " guesses but got " << block;
  return verifyWarps(*this, getWarps());
}

Operation *VerifyJacobiOp::batch(OpBuilder &, Value, function_ref<Value(Role)>) { return refuseBatch(*this); }

Operation *VerifyJacobiOp::followChoices(OpBuilder &b, Value choices) {
  if (getAgainst() == Context::fresh)
    return refuseChoices(*this, "guesses tested against fresh distributions", "'against stale'");
  return WalkGuessesOp::create(b, getLoc(), PathType::get(getContext()), getGuesses().getType(), getBlock(), choices);
}

ExactnessReason VerifyJacobiOp::getExactness() {
  if (getAgainst() == Context::fresh)
    return {Exactness::approximate,
            "guesses are tested against distributions of this round, not against those that they were drawn from"};
  return {Exactness::distribution, "rejection sampling draws other numbers"};
}
