//===- DecodeRunOps.cpp - Verification of runs of steps -------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Decode/Decode.h"

using namespace plait;
using namespace plait::decode;

LogicalResult RunOp::inferReturnTypes(MLIRContext *context, std::optional<Location>, ValueRange operands,
                                      DictionaryAttr attributes, OpaqueProperties properties, RegionRange regions,
                                      SmallVectorImpl<Type> &results) {
  FlatSymbolRefAttr model = cast<SequenceType>(operands[0].getType()).getModel();
  results.assign({ChoicesType::get(context), StageType::get(context, model)});
  Adaptor op(operands, attributes, properties, regions);
  IntegerAttr taps = op.getNumTapsAttr(); // while it is parsed a default is none
  results.append(size_t(op.getWithHidden()) + (taps ? taps.getInt() : 0), HiddenType::get(context, model));
  return success();
}

DictionaryAttr RunOp::getRoundAttributes() {
  // What is returned is said by its results.
  NamedAttrList attributes((*this)->getAttrDictionary());
  attributes.erase(getWithHiddenAttrName());
  attributes.erase(getNumTapsAttrName());
  return attributes.getDictionary(getContext());
}

LogicalResult RunOp::verifySymbolUses(SymbolTableCollection &symbols) {
  // Steps of the model that users read are here until they are lowered.
  auto strategy = (*this)->getParentOfType<StrategyOp>();
  if (!strategy || getSequence().getType() != strategy.getBody().getArgument(0).getType())
    return success();
  for (FlatSymbolRefAttr symbol : getSteps())
    if (!isa_and_nonnull<StepOp, StrategyOp>(symbols.lookupNearestSymbolFrom(*this, symbol)))
      return emitOpError("expected the symbol of a 'decode.step' or of the strategy that becomes one but got ")
             << symbol;
  auto choice = getVariant() ? getVariant().getDefiningOp<ChooseVariantOp>() : nullptr;
  if (getVariant() ? !choice || choice.getCount() != getSteps().size() : getSteps().size() > 1)
    return emitOpError("expected 'by' a 'decode.choose_variant' of ")
           << getSteps().size() << ", as there are as many steps";
  return success();
}

SmallVector<FlatSymbolRefAttr> RunOp::getSteps() {
  SmallVector<FlatSymbolRefAttr> steps = {getStepAttr()};
  if (getOthers())
    llvm::append_range(steps, getOthers()->getAsRange<FlatSymbolRefAttr>());
  return steps;
}

LogicalResult RunHeadOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto step = symbols.lookupNearestSymbolFrom<StepOp>(*this, getStepAttr());
  if (!step || !step.getInput(Role::hidden))
    return emitOpError("expected the symbol of a 'decode.step' with an argument of role hidden but got ")
           << getStepAttr();
  return success();
}

DictionaryAttr RunHeadOp::getRoundAttributes() {
  NamedAttrList attributes((*this)->getAttrDictionary());
  attributes.set("count", IntegerAttr::get(IntegerType::get(getContext(), 64), getResult().getType().getCount()));
  return attributes.getDictionary(getContext());
}

LogicalResult RunRecurOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto step = symbols.lookupNearestSymbolFrom<StepOp>(*this, getStepAttr());
  if (!step || !step.getInput(Role::hidden) || !step.getInput(Role::tokens))
    return emitOpError("expected the symbol of a 'decode.step' with arguments of the roles hidden and tokens but got ")
           << getStepAttr();
  return success();
}

DictionaryAttr RunRecurOp::getRoundAttributes() {
  NamedAttrList attributes((*this)->getAttrDictionary());
  attributes.set("count", IntegerAttr::get(IntegerType::get(getContext(), 64), getCandidates().getType().getCount()));
  return attributes.getDictionary(getContext());
}

static LogicalResult verifyChoices(Operation *op, Value block, Value choices) {
  auto run = choices.getDefiningOp<RunOp>();
  if (!run || run.getBlock() != block)
    return op->emitOpError("expected the choices of a 'decode.run' over the same block");
  return success();
}

LogicalResult WalkOp::verify() { return verifyChoices(*this, getBlock(), getChoices()); }

LogicalResult WalkGuessesOp::verify() {
  BlockType block = getBlock().getType();
  int64_t guesses = getGuesses().getType().getCount();
  if (block.getTree() || block.getSize() != guesses + 1)
    return emitOpError("expected a chain of ")
           << guesses + 1 << " nodes for " << guesses << " guesses but got " << block;
  return verifyChoices(*this, getBlock(), getChoices());
}

LogicalResult WalkMomentumOp::verify() {
  if (failed(verifyChoices(*this, getBlock(), getChoices())))
    return failure();
  if (!getChoices().getDefiningOp<RunOp>().getTop())
    return emitOpError("expected a 'decode.run' with 'top', of the tokens that may be chosen");
  return verifyMomentum(*this, getAlpha(), getResistance());
}

LogicalResult LearnChoicesOp::verify() {
  if (failed(verifyChoices(*this, getBlock(), getChoices())))
    return failure();
  int64_t count = getResult().getType().getCount(), top = getChoices().getDefiningOp<RunOp>().getTop();
  if (top < count)
    return emitOpError("expected a 'decode.run' that reports ") << count << " tokens of each node but got " << top;
  return success();
}

DictionaryAttr LearnChoicesOp::getRoundAttributes() {
  NamedAttrList attributes((*this)->getAttrDictionary());
  int64_t count = getResult().getType().getCount();
  attributes.set("count", IntegerAttr::get(IntegerType::get(getContext(), 64), count));
  return attributes.getDictionary(getContext());
}

LogicalResult PromptedChoicesOp::verify() {
  if (getCandidates().empty())
    return emitOpError("expected one result at least");
  if (failed(verifyChoices(*this, getBlock(), getChoices())))
    return failure();
  int64_t top = getChoices().getDefiningOp<RunOp>().getTop();
  for (Value list : getCandidates())
    if (int64_t count = cast<CandidatesType>(list.getType()).getCount(); top < count)
      return emitOpError("expected a 'decode.run' that reports ") << count << " tokens of each node but got " << top;
  return success();
}

DictionaryAttr PromptedChoicesOp::getRoundAttributes() {
  NamedAttrList attributes((*this)->getAttrDictionary());
  SmallVector<int64_t> counts;
  for (Value list : getCandidates())
    counts.push_back(cast<CandidatesType>(list.getType()).getCount());
  attributes.set("counts", DenseI64ArrayAttr::get(getContext(), counts));
  return attributes.getDictionary(getContext());
}
