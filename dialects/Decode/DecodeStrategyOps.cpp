//===- DecodeStrategyOps.cpp - Verification of ops on one sequence --------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Decode/Decode.h"
#include "dialects/Decode/DraftFunctions.h"
#include "dialects/Decode/Sublayers.h"

#include "mlir/IR/Builders.h"

using namespace plait;
using namespace plait::decode;

//===----------------------------------------------------------------------===//
// Structure
//===----------------------------------------------------------------------===//

ParseResult StrategyOp::parse(OpAsmParser &parser, OperationState &result) {
  StringAttr name;
  SmallVector<OpAsmParser::Argument> arguments;
  if (parser.parseSymbolName(name, getSymNameAttrName(result.name), result.attributes) ||
      parser.parseArgumentList(arguments, AsmParser::Delimiter::Paren, /*allowType=*/true))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("exact"))) {
    StringRef keyword;
    SMLoc loc = parser.getCurrentLocation();
    if (parser.parseKeyword(&keyword))
      return failure();
    auto exactness = symbolizeExactness(keyword);
    if (!exactness)
      return parser.emitError(loc, "expected identical, distribution, reference, semantics or approximate but got '")
             << keyword << "'";
    result.addAttribute(getExactAttrName(result.name), ExactnessAttr::get(parser.getContext(), *exactness));
  }
  return failure(parser.parseOptionalAttrDictWithKeyword(result.attributes) ||
                 parser.parseRegion(*result.addRegion(), arguments));
}

void StrategyOp::print(OpAsmPrinter &p) {
  p << " ";
  p.printSymbolName(getSymName());
  p << "(";
  llvm::interleaveComma(getBody().getArguments(), p, [&](BlockArgument argument) { p.printRegionArgument(argument); });
  p << ")";
  if (getExact())
    p << " exact " << stringifyExactness(*getExact());
  p.printOptionalAttrDictWithKeyword((*this)->getAttrs(), {getSymNameAttrName(), getExactAttrName()});
  p << " ";
  p.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

RoundOp StrategyOp::getRound() { return *getBody().getOps<RoundOp>().begin(); }

bool StrategyOp::isOutlined() {
  return walk([](RunOp) { return WalkResult::interrupt(); }).wasInterrupted();
}

LogicalResult StrategyOp::verifyRegions() {
  Block &body = getBody().front();
  if (body.getNumArguments() == 0)
    return emitOpError("expected a sequence as the first argument");
  int64_t vocabulary = 0;
  for (Type type : body.getArgumentTypes()) {
    auto sequence = dyn_cast<SequenceType>(type);
    if (!sequence)
      return emitOpError("expected arguments that are sequences but got ") << type;
    auto model = SymbolTable::lookupNearestSymbolFrom<lm::ModelOp>(*this, sequence.getModel());
    if (!model)
      return emitOpError("expected a sequence of an 'lm.model' but got ") << sequence;
    int64_t own = vocabularyOf(model);
    if (vocabulary && own && own != vocabulary)
      return emitOpError("expected models with one vocabulary but got ")
             << vocabulary << " tokens and, for " << sequence << ", " << own;
    vocabulary = own ? own : vocabulary;
  }
  auto end = dyn_cast<ReturnOp>(body.back());
  auto round = end ? dyn_cast_or_null<RoundOp>(end->getPrevNode()) : nullptr;
  bool isRest = round && llvm::all_of(llvm::make_range(body.begin(), round->getIterator()), [](Operation &op) {
                  return op.getNumOperands() == 0 && op.getNumRegions() == 0;
                });
  if (!isRest || end.getValues() != round.getResults())
    return emitOpError("expected a body of initial values, one 'decode.round' and a 'decode.return' of its results");
  if (round.getInits().empty() || round.getInits()[0] != body.getArgument(0))
    return emitOpError("expected a round whose first value is the first sequence");
  for (BlockArgument argument : body.getArguments())
    if (!argument.hasOneUse())
      return emitOpError("expected one use of argument ") << argument.getArgNumber() << ", as a value of the round";
  return success();
}

/// `iter(%a = %b, ...) : types region`, with `extra` parsed after the list.
static ParseResult parseLoop(OpAsmParser &parser, OperationState &result, function_ref<ParseResult()> extra,
                             SmallVectorImpl<Type> &types) {
  SmallVector<OpAsmParser::Argument> arguments;
  SmallVector<OpAsmParser::UnresolvedOperand> inits;
  if (parser.parseKeyword("iter") || parser.parseAssignmentList(arguments, inits) || extra() ||
      parser.parseOptionalAttrDictWithKeyword(result.attributes) || parser.parseOptionalColonTypeList(types))
    return failure();
  SMLoc loc = parser.getCurrentLocation();
  if (types.size() != arguments.size())
    return parser.emitError(loc, "expected ") << arguments.size() << " types but got " << types.size();
  for (auto [argument, type] : llvm::zip_equal(arguments, types))
    argument.type = type;
  result.addTypes(types);
  return failure(parser.resolveOperands(inits, types, loc, result.operands) ||
                 parser.parseRegion(*result.addRegion(), arguments));
}

static void printLoop(OpAsmPrinter &p, Operation *op, ValueRange inits, ArrayRef<StringRef> elided,
                      function_ref<void()> extra) {
  Region &body = op->getRegion(0);
  p << " iter(";
  llvm::interleaveComma(llvm::zip(body.getArguments(), inits), p,
                        [&](auto pair) { p << std::get<0>(pair) << " = " << std::get<1>(pair); });
  p << ")";
  extra();
  p.printOptionalAttrDictWithKeyword(op->getAttrs(), elided);
  p << (op->getNumResults() ? " : " : "");
  llvm::interleaveComma(op->getResultTypes(), p);
  p << " ";
  p.printRegion(body, /*printEntryBlockArgs=*/false);
}

ParseResult RoundOp::parse(OpAsmParser &parser, OperationState &result) {
  SmallVector<Type> types;
  return parseLoop(parser, result, [] { return success(); }, types);
}

void RoundOp::print(OpAsmPrinter &p) {
  printLoop(p, *this, getInits(), {}, [] {});
}

ParseResult RepeatOp::parse(OpAsmParser &parser, OperationState &result) {
  IntegerAttr count;
  SmallVector<Type> types;
  OpAsmParser::UnresolvedOperand times;
  bool hasTimes = false;
  auto parseTimes = [&]() -> ParseResult {
    hasTimes = succeeded(parser.parseOptionalKeyword("times"));
    return hasTimes ? parser.parseOperand(times) : ParseResult(success());
  };
  if (parser.parseAttribute(count, parser.getBuilder().getI64Type(), getCountAttrName(result.name),
                            result.attributes) ||
      parseLoop(parser, result, parseTimes, types))
    return failure();
  int32_t numInits = int32_t(result.operands.size());
  result.getOrAddProperties<Properties>().operandSegmentSizes = {numInits, int32_t(hasTimes)};
  return hasTimes ? parser.resolveOperand(times, parser.getBuilder().getIndexType(), result.operands)
                  : ParseResult(success());
}

void RepeatOp::print(OpAsmPrinter &p) {
  p << " " << getCount();
  printLoop(p, *this, getInits(), {getCountAttrName(), getOperandSegmentSizesAttrName()}, [&] {
    if (getTimes())
      p << " times " << getTimes();
  });
}

/// Reading ops (draft sources, forward, edit, fork, stop) do not.
bool decode::usesUp(OpOperand &use) {
  return isa<CommitOp, YieldOp, RoundOp, RepeatOp, ReturnOp, DropOp, GroupOpInterface>(use.getOwner()) ||
         (isa<FollowOp>(use.getOwner()) && use.getOperandNumber() == 0);
}

LogicalResult decode::verifyUsedUpOnce(Operation *op, Value value) {
  if (!isa<SequenceType, GroupType, StageType>(value.getType()))
    return success();
  int64_t count = llvm::count_if(value.getUses(), usesUp);
  for (OpOperand &use : value.getUses())
    if (usesUp(use) && use.getOwner()->getBlock() != value.getParentBlock())
      return use.getOwner()->emitOpError("expected ")
             << value.getType() << " to be consumed in the region that it is from";
  if (count != 1)
    return op->emitOpError("expected ") << value.getType() << " to be consumed exactly once but got " << count
                                        << " consuming uses";
  Operation *end = llvm::find_if(value.getUses(), usesUp)->getOwner();
  for (Operation *user : value.getUsers()) {
    Operation *at = end->getBlock()->findAncestorOpInBlock(*user);
    if (user != end && !(at && at->isBeforeInBlock(end)))
      return user->emitOpError("expected no use of ") << value.getType() << " after it is consumed";
  }
  return success();
}

LogicalResult decode::verifyAffine(Block &block) {
  for (Operation &op : block)
    for (Value result : op.getResults())
      if (failed(verifyUsedUpOnce(&op, result)))
        return failure();
  return success();
}

static LogicalResult verifyLoop(Operation *op, ValueRange inits, bool needsStop) {
  Block &body = op->getRegion(0).front();
  TypeRange types = inits.getTypes();
  auto yield = dyn_cast<YieldOp>(body.getTerminator());
  if (!yield || (needsStop && !yield.getStop()))
    return op->emitOpError("expected a 'decode.yield'") << (needsStop ? " with 'until'" : "") << " at the end";
  if (TypeRange(body.getArgumentTypes()) != types || yield.getValues().getTypes() != types ||
      TypeRange(op->getResultTypes()) != types)
    return op->emitOpError("expected initial values, block arguments, yielded values and results of the same types");
  for (Value argument : body.getArguments())
    if (failed(verifyUsedUpOnce(op, argument)))
      return failure();
  return verifyAffine(body);
}

LogicalResult RoundOp::verifyRegions() { return verifyLoop(*this, getInits(), /*needsStop=*/true); }

LogicalResult RepeatOp::verifyRegions() { return verifyLoop(*this, getInits(), /*needsStop=*/false); }

LogicalResult ReturnOp::verify() {
  auto step = dyn_cast<StepOp>((*this)->getParentOp());
  if (step && getValues().getTypes() != TypeRange(step.getResultTypes()))
    return emitOpError("expected values of the step's result types ")
           << TypeRange(step.getResultTypes()) << " but got " << getValues().getTypes();
  return success();
}

//===----------------------------------------------------------------------===//
// Sequences
//===----------------------------------------------------------------------===//

LogicalResult CommitOp::inferReturnTypes(MLIRContext *, std::optional<Location>, ValueRange operands, DictionaryAttr,
                                         OpaqueProperties, RegionRange, SmallVectorImpl<Type> &results) {
  results.push_back(operands[0].getType());
  return success();
}

LogicalResult CommitOp::verify() {
  auto forward = getStage().getDefiningOp<StagingOpInterface>();
  if (!forward || forward.getSequence() != getSequence())
    return emitOpError("expected the stage of a 'decode.forward' of the same sequence");
  Operation *path = getPath().getDefiningOp();
  if (!isa_and_nonnull<VerifyRuleOpInterface, WalkOp, WalkGuessesOp, WalkMomentumOp>(path) ||
      path->getOperand(0) != forward.getBlock())
    return emitOpError("expected a path from a rule on the block of that 'decode.forward'");
  return success();
}

LogicalResult DropOp::verify() {
  if (isa<BlockArgument>(getSequence()) && !isa<RepeatOp>((*this)->getParentOp()))
    return emitOpError("expected a fork but got the sequence itself");
  return success();
}

//===----------------------------------------------------------------------===//
// Model
//===----------------------------------------------------------------------===//

LogicalResult ForwardOp::inferReturnTypes(MLIRContext *context, std::optional<Location>, ValueRange operands,
                                          DictionaryAttr attributes, OpaqueProperties properties, RegionRange regions,
                                          SmallVectorImpl<Type> &results) {
  FlatSymbolRefAttr model = cast<SequenceType>(operands[0].getType()).getModel();
  Type hidden = HiddenType::get(context, model);
  results.assign({hidden, StageType::get(context, model)});
  if (auto tapped = Adaptor(operands, attributes, properties, regions).getTapped())
    results.append(tapped->size(), hidden);
  return success();
}

static bool ascends(ArrayRef<int64_t> numbers) {
  return (numbers.empty() || numbers.front() >= 0) && llvm::is_sorted(numbers, std::less_equal<int64_t>());
}

LogicalResult ForwardOp::verify() {
  ArrayRef<int64_t> tapped = getTapped().value_or(ArrayRef<int64_t>());
  auto sets = getSkipSets();
  for (const SmallVector<int64_t> &set : sets)
    if (!ascends(set))
      return emitOpError("expected layers to skip in ascending order but got ") << SublayersAttr::textOf(set);
  auto choice = getVariant() ? getVariant().getDefiningOp<ChooseVariantOp>() : nullptr;
  if (getVariant() ? !choice || choice.getCount() != sets.size() : sets.size() > 1)
    return emitOpError("expected 'by' a 'decode.choose_variant' of ")
           << sets.size() << ", as there are as many sets to skip";
  if (!ascends(tapped))
    return emitOpError("expected layers to tap in ascending order but got [") << tapped << "]";
  if (getTapped() && tapped.empty())
    return emitOpError("expected a layer to tap but got none; leave out 'taps'");
  for (const SmallVector<int64_t> &set : sets)
    for (int64_t number : set)
      if (llvm::is_contained(tapped, number / 2))
        return emitOpError("expected layers to tap that are not skipped but got ") << number / 2;
  return success();
}

LogicalResult ForwardOp::verifySymbolUses(SymbolTableCollection &symbols) {
  if (!getTapped())
    return success();
  // What a sequence is of is checked by the strategy; a model may be only declared.
  auto model = symbols.lookupNearestSymbolFrom<lm::ModelOp>(*this, getSequence().getType().getModel());
  auto forward = model ? model.lookupSymbol<lm::FuncOp>("forward") : nullptr;
  if (!forward || forward.isExternal())
    return success();
  lm::LayersOp loop = findOnlyLoop(forward);
  if (!loop) {
    auto diagnostic = emitOpError("expected a model with one loop over layers of one kind, as some are tapped");
    diagnostic.attachNote(forward.getLoc()) << "its @forward";
    return diagnostic;
  }
  if (int64_t last = getTapped()->back(), count = loop.getEnd(); last >= count)
    return emitOpError("expected layers to tap of the model, 0 to ") << count - 1 << ", but got " << last;
  return success();
}

SmallVector<SmallVector<int64_t>> ForwardOp::getSkipSets() {
  SmallVector<SmallVector<int64_t>> sets;
  if (getSkip())
    for (auto set : getSkip()->getAsRange<SublayersAttr>())
      sets.emplace_back(set.getNumbers());
  if (sets.empty())
    sets.emplace_back();
  return sets;
}

bool ForwardOp::isWhole() {
  return !exitsEarly() && llvm::all_of(getSkipSets(), [](const auto &set) { return set.empty(); });
}

SmallVector<int64_t> ForwardOp::getSkippedSublayers(size_t set, int64_t layers) {
  SmallVector<int64_t> skipped = getSkipSets()[set];
  if (exitsEarly()) {
    int64_t end = getTapped()->back() + 1;
    llvm::erase_if(skipped, [&](int64_t number) { return number >= 2 * end; });
    llvm::append_range(skipped, sublayersOf(end, layers));
  }
  return skipped;
}

LogicalResult HeadOp::inferReturnTypes(MLIRContext *context, std::optional<Location>, ValueRange operands,
                                       DictionaryAttr, OpaqueProperties, RegionRange, SmallVectorImpl<Type> &results) {
  results.push_back(LogitsType::get(context, cast<HiddenType>(operands[0].getType()).getModel()));
  return success();
}

LogicalResult EditOp::verify() {
  auto head = getLogits().getDefiningOp<HeadOp>();
  auto forward = head ? head.getHidden().getDefiningOp<ForwardOp>() : nullptr; // of it, or of a tap
  if (!forward || forward.getSequence() != getSequence())
    return emitOpError("expected the logits of a 'decode.forward' of the same sequence");
  return success();
}
