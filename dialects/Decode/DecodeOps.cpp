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
// Step
//===----------------------------------------------------------------------===//

ParseResult StepOp::parse(OpAsmParser &parser, OperationState &result) {
  return parseFunctionSyntax<StepOp>(parser, result);
}

void StepOp::print(OpAsmPrinter &p) {
  p << ' ';
  p.printSymbolName(getSymName());
  function_interface_impl::printFunctionSignature(p, *this, getArgumentTypes(), /*isVariadic=*/false, getResultTypes());
  SmallVector<StringRef> elided = {getFunctionTypeAttrName(), getArgAttrsAttrName(), getResAttrsAttrName()};
  if (getWeaveTokens() == 0) // as nobody says of most steps
    elided.push_back(getWeaveTokensAttrName());
  if (getShareTokens() == 0)
    elided.push_back(getShareTokensAttrName());
  function_interface_impl::printFunctionAttributes(p, *this, elided);
  p << ' ';
  p.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

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

LogicalResult JoinHiddenOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, ValueRange operands,
                                             DictionaryAttr, OpaqueProperties, RegionRange,
                                             SmallVectorImpl<Type> &results) {
  if (operands.empty())
    return emitOptionalError(loc, "expected hidden states to join but got none");
  auto type = dyn_cast<RankedTensorType>(operands[0].getType());
  if (!type || type.getRank() != 2 || type.isDynamicDim(1))
    return emitOptionalError(loc, "expected hidden states of rank 2 with a static number of columns but got ",
                             operands[0].getType());
  for (Type other : operands.getTypes())
    if (other != type)
      return emitOptionalError(loc, "expected hidden states of one type but got ", type, " and ", other);
  results.push_back(type.clone({type.getDimSize(0), type.getDimSize(1) * int64_t(operands.size())}));
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

LogicalResult ChooseTypicalOp::verify() {
  if (!(getThreshold().convertToDouble() > 0) || !(getAlpha().convertToDouble() > 0))
    return emitOpError("expected a positive threshold and alpha");
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

LogicalResult ChooseTypicalOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, ValueRange operands,
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
