//===- DecodeOps.cpp - Verification and inference of decode ops -----------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Decode/Decode.h"

#include "plait/Support/FunctionSyntax.h"

#include "mlir/IR/Builders.h"

using namespace plait;
using namespace plait::decode;

#include "dialects/Decode/DecodeOpInterfaces.cpp.inc"
#define GET_OP_CLASSES
#include "dialects/Decode/DecodeOps.cpp.inc"

//===----------------------------------------------------------------------===//
// Strategy and round
//===----------------------------------------------------------------------===//

ParseResult StrategyOp::parse(OpAsmParser &parser, OperationState &result) {
  StringAttr name;
  OpAsmParser::Argument argument;
  return failure(parser.parseSymbolName(name, getSymNameAttrName(result.name), result.attributes) ||
                 parser.parseLParen() || parser.parseArgument(argument, /*allowType=*/true) || parser.parseRParen() ||
                 parser.parseOptionalAttrDictWithKeyword(result.attributes) ||
                 parser.parseRegion(*result.addRegion(), {argument}));
}

void StrategyOp::print(OpAsmPrinter &p) {
  p << " ";
  p.printSymbolName(getSymName());
  p << "(";
  p.printRegionArgument(getBody().getArgument(0));
  p << ")";
  p.printOptionalAttrDictWithKeyword((*this)->getAttrs(), {getSymNameAttrName()});
  p << " ";
  p.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

LogicalResult StrategyOp::verifyRegions() {
  Block &body = getBody().front();
  auto type = body.getNumArguments() == 1 ? dyn_cast<SequenceType>(body.getArgument(0).getType()) : SequenceType();
  if (!type)
    return emitOpError("expected one argument, a sequence");
  if (!SymbolTable::lookupNearestSymbolFrom<lm::ModelOp>(*this, type.getModel()))
    return emitOpError("expected a sequence of an 'lm.model' but got ") << type;
  auto round = dyn_cast<RoundOp>(body.front());
  auto end = dyn_cast<ReturnOp>(body.back());
  if (!round || !end || body.getOperations().size() != 2 || end.getValues() != round.getResults())
    return emitOpError("expected a body of one 'decode.round' and a 'decode.return' of its results");
  return success();
}

ParseResult RoundOp::parse(OpAsmParser &parser, OperationState &result) {
  SmallVector<OpAsmParser::Argument> arguments;
  SmallVector<OpAsmParser::UnresolvedOperand> inits;
  SmallVector<Type> types;
  if (parser.parseKeyword("iter") || parser.parseAssignmentList(arguments, inits) ||
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

void RoundOp::print(OpAsmPrinter &p) {
  p << " iter(";
  llvm::interleaveComma(llvm::zip(getBody().getArguments(), getInits()), p,
                        [&](auto pair) { p << std::get<0>(pair) << " = " << std::get<1>(pair); });
  p << ")";
  p.printOptionalAttrDictWithKeyword((*this)->getAttrs());
  p << (getResultTypes().empty() ? "" : " : ");
  llvm::interleaveComma(getResultTypes(), p);
  p << " ";
  p.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

/// A sequence or stage is affine: of the uses of one value, exactly one may
/// consume it. Reading ops (pending, forward, stop) do not.
static LogicalResult verifyConsumedOnce(Operation *op, Value value) {
  if (!isa<SequenceType, StageType>(value.getType()))
    return success();
  auto consumes = [](Operation *user) { return isa<CommitOp, YieldOp, RoundOp, ReturnOp>(user); };
  int64_t count = llvm::count_if(value.getUsers(), consumes);
  if (count != 1)
    return op->emitOpError("expected ") << value.getType() << " to be consumed exactly once but got " << count
                                        << " consuming uses";
  return success();
}

LogicalResult RoundOp::verifyRegions() {
  TypeRange types = getInits().getTypes();
  auto yield = dyn_cast<YieldOp>(getBody().front().getTerminator());
  if (!yield)
    return emitOpError("expected a 'decode.yield' at the end");
  if (TypeRange(getBody().getArgumentTypes()) != types || yield.getValues().getTypes() != types ||
      TypeRange(getResultTypes()) != types)
    return emitOpError("expected initial values, block arguments, yielded values and results of the same types");
  for (Value argument : getBody().getArguments())
    if (failed(verifyConsumedOnce(*this, argument)))
      return failure();
  for (Operation &op : getBody().front())
    for (Value result : op.getResults())
      if (failed(verifyConsumedOnce(&op, result)))
        return failure();
  return success();
}

LogicalResult ReturnOp::verify() {
  auto step = dyn_cast<StepOp>((*this)->getParentOp());
  if (step && getValues().getTypes() != TypeRange(step.getResultTypes()))
    return emitOpError("expected values of the step's result types ")
           << TypeRange(step.getResultTypes()) << " but got " << getValues().getTypes();
  return success();
}

//===----------------------------------------------------------------------===//
// Ops on one sequence
//===----------------------------------------------------------------------===//

int64_t PendingOp::getMaxTokens() { return cast<BlockType>(getBlock().getType()).getSize(); }

LogicalResult ForwardOp::inferReturnTypes(MLIRContext *context, std::optional<Location>, ValueRange operands,
                                          DictionaryAttr, OpaqueProperties, RegionRange,
                                          SmallVectorImpl<Type> &results) {
  FlatSymbolRefAttr model = cast<SequenceType>(operands[0].getType()).getModel();
  results.assign({HiddenType::get(context, model), StageType::get(context, model)});
  return success();
}

LogicalResult HeadOp::inferReturnTypes(MLIRContext *context, std::optional<Location>, ValueRange operands,
                                       DictionaryAttr, OpaqueProperties, RegionRange, SmallVectorImpl<Type> &results) {
  results.push_back(LogitsType::get(context, cast<HiddenType>(operands[0].getType()).getModel()));
  return success();
}

LogicalResult CommitOp::inferReturnTypes(MLIRContext *, std::optional<Location>, ValueRange operands, DictionaryAttr,
                                         OpaqueProperties, RegionRange, SmallVectorImpl<Type> &results) {
  results.push_back(operands[0].getType());
  return success();
}

LogicalResult CommitOp::verify() {
  auto forward = getStage().getDefiningOp<ForwardOp>();
  if (!forward || forward.getSequence() != getSequence())
    return emitOpError("expected the stage of a 'decode.forward' of the same sequence");
  return success();
}

LogicalResult VerifySampleOp::verify() {
  int32_t last = -1;
  for (auto warp : getWarps().getAsRange<WarpAttr>()) {
    int32_t kind = int32_t(warp.getValue());
    if (kind <= last)
      return emitOpError("expected warps in the order temperature, top_k, top_p, min_p without repetition but got ")
             << getWarps();
    last = kind;
  }
  if (getWarps().empty() || cast<WarpAttr>(getWarps()[0]).getValue() != Warp::temperature)
    return emitOpError("expected temperature as the first warp but got ") << getWarps();
  return success();
}

Operation *VerifyGreedyOp::batch(OpBuilder &b, Value logits, function_ref<Value(Role)>) {
  return ChooseGreedyOp::create(b, getLoc(), logits);
}

Operation *VerifySampleOp::batch(OpBuilder &b, Value logits, function_ref<Value(Role)> input) {
  auto warp = [&](Warp kind, Role role) {
    return llvm::is_contained(getWarps(), WarpAttr::get(getContext(), kind)) ? input(role) : Value();
  };
  Value tokenPositions = input(Role::positions), leaves = input(Role::leaves);
  Value positions = lm::TakeRowsOp::create(b, getLoc(), tokenPositions, leaves);
  Value temperature = input(Role::temperature), topK = warp(Warp::top_k, Role::top_k);
  Value topP = warp(Warp::top_p, Role::top_p), minP = warp(Warp::min_p, Role::min_p);
  Value seed = input(Role::seed), sequence = input(Role::sequence);
  return ChooseSampleOp::create(b, getLoc(), logits, positions, seed, sequence, temperature, topK, topP, minP);
}

//===----------------------------------------------------------------------===//
// Step
//===----------------------------------------------------------------------===//

ParseResult StepOp::parse(OpAsmParser &parser, OperationState &result) {
  return parseFunctionSyntax<StepOp>(parser, result);
}

void StepOp::print(OpAsmPrinter &p) { printFunctionSyntax(p, *this); }

LogicalResult StepOp::verify() {
  auto check = [&](StringRef what, ArrayAttr roles, size_t count) -> LogicalResult {
    if (roles.size() != count)
      return emitOpError("expected one role per ") << what << " (" << count << ") but got " << roles.size();
    llvm::SmallDenseSet<Attribute> seen;
    for (auto role : roles.getAsRange<RoleAttr>())
      if (!seen.insert(role).second && role.getValue() != Role::state)
        return emitOpError("expected each role once but got ") << role << " twice";
    return success();
  };
  if (failed(check("argument", getInputRoles(), getArgumentTypes().size())) ||
      failed(check("result", getOutputRoles(), getResultTypes().size())))
    return failure();
  for (auto [i, type] : llvm::enumerate(getArgumentTypes()))
    if (isa<lm::StateType>(type) != (getInputRole(i) == Role::state))
      return emitOpError("expected an '!lm.state' exactly for the role state but got ")
             << type << " for " << getInputRoles()[i];
  return success();
}

LogicalResult StepOp::verifyRegions() {
  if (!getBody().hasOneBlock() || !isa<ReturnOp>(getBody().front().getTerminator()))
    return emitOpError("expected a body of one block with a 'decode.return' at the end");
  return success();
}

SmallVector<lm::StateType> StepOp::getStateTypes() {
  SmallVector<lm::StateType> types;
  for (Type type : getArgumentTypes())
    if (auto state = dyn_cast<lm::StateType>(type))
      types.push_back(state);
  return types;
}

Value StepOp::getInput(Role role) {
  for (unsigned i = 0, e = getInputRoles().size(); i < e; ++i)
    if (getInputRole(i) == role)
      return getBody().getArgument(i);
  return {};
}

/// The type of logits [L, V], where an L that is dynamic has a name.
static FailureOr<RankedTensorType> getLogitsType(std::optional<Location> loc, Value logits) {
  auto type = dyn_cast<RankedTensorType>(logits.getType());
  if (!type || type.getRank() != 2)
    return emitOptionalError(loc, "expected logits of rank 2 but got ", logits.getType());
  if (type.isDynamicDim(1))
    return emitOptionalError(loc, "expected a static number of columns of logits but got ", type);
  if (type.isDynamicDim(0) && lm::getLeadingDim(type).empty())
    return emitOptionalError(loc, "expected a name for the rows of logits but got ", type);
  return type;
}

/// Checks that `value` has `rank` extents, of which the first is that of `like`.
static LogicalResult verifyExtents(Operation *op, StringRef what, Value value, int64_t rank, Value like) {
  auto type = dyn_cast<RankedTensorType>(value.getType()), other = dyn_cast<RankedTensorType>(like.getType());
  if (!type || type.getRank() != rank)
    return op->emitOpError("expected ") << what << " of rank " << rank << " but got " << value.getType();
  if (!other || other.getRank() == 0 || type.getDimSize(0) != other.getDimSize(0) ||
      lm::getLeadingDim(type) != lm::getLeadingDim(other))
    return op->emitOpError("expected ") << what << " with the leading extent of " << like.getType() << " but got "
                                        << type;
  return success();
}

LogicalResult EditLogitsOp::verify() {
  if (failed(getLogitsType(getLoc(), getLogits())) || failed(verifyExtents(*this, "ends", getEnds(), 1, getLogits())))
    return failure();
  for (Value list : {getTokens(), getBiases(), getScales(), getOffsets()})
    if (failed(verifyExtents(*this, "lists of edits", list, 1, getTokens())))
      return failure();
  return success();
}

LogicalResult ChooseSampleOp::verify() {
  for (Value operand : getOperands().drop_front())
    if (failed(verifyExtents(*this, "what belongs to a leaf", operand, 1, getLogits())))
      return failure();
  return success();
}

LogicalResult MatchStopsOp::verify() {
  return failure(failed(verifyExtents(*this, "tokens", getTokens(), 1, getTokens())) ||
                 failed(verifyExtents(*this, "status", getStatus(), 1, getTokens())) ||
                 failed(verifyExtents(*this, "stops", getStops(), 2, getTokens())));
}

LogicalResult TopLogprobsOp::verify() { return verifyExtents(*this, "counts", getCounts(), 1, getLogits()); }

/// logits [L, V] -> (i32[L], i32[L], f32[L])
static LogicalResult inferChoose(std::optional<Location> loc, Value logits, SmallVectorImpl<Type> &results) {
  auto found = getLogitsType(loc, logits);
  if (failed(found))
    return failure();
  RankedTensorType type = *found;
  auto perLeaf = [&](Type element) { return RankedTensorType::get({type.getDimSize(0)}, element, type.getEncoding()); };
  Type i32 = IntegerType::get(type.getContext(), 32);
  results.assign({perLeaf(i32), perLeaf(i32), perLeaf(Float32Type::get(type.getContext()))});
  return success();
}

LogicalResult ChooseGreedyOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, ValueRange operands,
                                               DictionaryAttr, OpaqueProperties, RegionRange,
                                               SmallVectorImpl<Type> &results) {
  return inferChoose(loc, operands[0], results);
}

LogicalResult ChooseSampleOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, ValueRange operands,
                                               DictionaryAttr, OpaqueProperties, RegionRange,
                                               SmallVectorImpl<Type> &results) {
  return inferChoose(loc, operands[0], results);
}

LogicalResult MatchStopsOp::inferReturnTypes(MLIRContext *, std::optional<Location>, ValueRange operands,
                                             DictionaryAttr, OpaqueProperties, RegionRange,
                                             SmallVectorImpl<Type> &results) {
  results.push_back(operands[1].getType());
  return success();
}

LogicalResult TopLogprobsOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, ValueRange operands,
                                              DictionaryAttr, OpaqueProperties, RegionRange,
                                              SmallVectorImpl<Type> &results) {
  auto logits = getLogitsType(loc, operands[0]);
  if (failed(logits))
    return failure();
  SmallVector<StringAttr> names = {StringAttr::get(context, "tops")};
  if (logits->isDynamicDim(0))
    names.insert(names.begin(), StringAttr::get(context, lm::getLeadingDim(*logits)));
  for (Type element : {Type(IntegerType::get(context, 32)), Type(Float32Type::get(context))})
    results.push_back(RankedTensorType::get({logits->getDimSize(0), ShapedType::kDynamic}, element,
                                            lm::DimsAttr::get(context, names)));
  return success();
}
