//===- DecodeGroupOps.cpp - Verification of ops on groups of sequences ----===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Decode/Decode.h"
#include "dialects/Decode/DraftFunctions.h"

#include "mlir/IR/Builders.h"

using namespace plait;
using namespace plait::decode;

static SequenceType memberOf(GroupType group) { return SequenceType::get(group.getContext(), group.getModel()); }

/// Fails, with an error, unless the ids are tokens of the model, as far as that is known.
static LogicalResult verifyIds(Operation *op, FlatSymbolRefAttr symbol, ArrayRef<int64_t> ids, StringRef what) {
  auto model = SymbolTable::lookupNearestSymbolFrom<lm::ModelOp>(op, symbol);
  int64_t vocabulary = model ? vocabularyOf(model) : 0;
  for (int64_t id : ids) {
    if (id >= 0 && (vocabulary == 0 || id < vocabulary))
      continue;
    InFlightDiagnostic diagnostic = op->emitOpError("expected token ids ") << what;
    if (vocabulary)
      diagnostic << ", of a vocabulary of " << vocabulary << ",";
    return diagnostic << " but got " << id;
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Branches
//===----------------------------------------------------------------------===//

SmallVector<int64_t> BranchOp::getBegin(int64_t number) {
  if (!getBegins())
    return {};
  return llvm::map_to_vector(cast<ArrayAttr>((*getBegins())[size_t(number)]).getAsRange<IntegerAttr>(),
                             [](IntegerAttr id) { return id.getInt(); });
}

LogicalResult BranchOp::verify() {
  GroupType group = getGroup().getType();
  if (group.getModel() != getSequence().getType().getModel())
    return emitOpError("expected a group of the model of ") << getSequence().getType() << " but got " << group;
  if (!getBegins())
    return success();
  if (int64_t lists = int64_t(getBegins()->size()); lists != group.getCount())
    return emitOpError("expected a list of tokens for each of ") << group.getCount() << " branches but got " << lists;
  for (int64_t i = 0; i < group.getCount(); ++i) {
    SmallVector<int64_t> begin = getBegin(i);
    if (int64_t(begin.size()) >= group.getLength())
      return emitOpError("expected fewer tokens to begin a branch with than the ")
             << group.getLength() << " that it may have but got " << begin.size();
    if (failed(verifyIds(*this, group.getModel(), begin, "to begin a branch with")))
      return failure();
  }
  return success();
}

ExactnessReason BranchOp::getExactness() {
  for (int64_t i = 0; i < getGroup().getType().getCount(); ++i)
    if (!getBegin(i).empty())
      return {Exactness::semantics, "tokens that were not chosen are put into the text"};
  return {};
}

//===----------------------------------------------------------------------===//
// Regions on one member
//===----------------------------------------------------------------------===//

/// `%member of %group : type region`; the type of the group is returned in `type`.
static ParseResult parseMembers(OpAsmParser &parser, OperationState &result, GroupType &type) {
  OpAsmParser::Argument member;
  OpAsmParser::UnresolvedOperand group;
  if (parser.parseArgument(member) || parser.parseKeyword("of") || parser.parseOperand(group) ||
      parser.parseOptionalAttrDictWithKeyword(result.attributes) || parser.parseColon() ||
      parser.parseCustomTypeWithFallback(type) || parser.resolveOperand(group, type, result.operands))
    return failure();
  member.type = memberOf(type);
  return parser.parseRegion(*result.addRegion(), member);
}

static void printMembers(OpAsmPrinter &p, Operation *op) {
  Region &body = op->getRegion(0);
  p << " " << body.getArgument(0) << " of " << op->getOperand(0);
  p.printOptionalAttrDictWithKeyword(op->getAttrs());
  p << " : ";
  p.printStrippedAttrOrType(cast<GroupType>(op->getOperand(0).getType()));
  p << " ";
  p.printRegion(body, /*printEntryBlockArgs=*/false);
}

/// The region takes a member and yields one value, of type `yielded`.
static LogicalResult verifyMembers(Operation *op, Type yielded) {
  Block &body = op->getRegion(0).front();
  SequenceType member = memberOf(cast<GroupType>(op->getOperand(0).getType()));
  if (body.getNumArguments() != 1 || body.getArgument(0).getType() != member)
    return op->emitOpError("expected one argument, of type ") << member;
  auto yield = dyn_cast<YieldOp>(body.getTerminator());
  if (!yield || yield.getStop() || yield.getValues().size() != 1 || yield.getValues()[0].getType() != yielded)
    return op->emitOpError("expected a 'decode.yield' of one ") << yielded << " at the end, without 'until'";
  return verifyAffine(body);
}

ParseResult EachOp::parse(OpAsmParser &parser, OperationState &result) {
  GroupType type;
  if (parseMembers(parser, result, type))
    return failure();
  result.addTypes(type);
  return success();
}

void EachOp::print(OpAsmPrinter &p) { printMembers(p, *this); }

LogicalResult EachOp::verifyRegions() {
  if (failed(verifyMembers(*this, memberOf(getGroup().getType()))))
    return failure();
  return verifyUsedUpOnce(*this, getBody().getArgument(0));
}

ParseResult SelectOp::parse(OpAsmParser &parser, OperationState &result) {
  GroupType type;
  if (parseMembers(parser, result, type))
    return failure();
  result.addTypes(memberOf(type));
  return success();
}

void SelectOp::print(OpAsmPrinter &p) { printMembers(p, *this); }

LogicalResult SelectOp::verifyRegions() {
  if (failed(verifyMembers(*this, Float64Type::get(getContext()))))
    return failure();
  for (OpOperand &use : getBody().getArgument(0).getUses())
    if (usesUp(use))
      return use.getOwner()->emitOpError("expected a score to read the member, but it is used up");
  return success();
}

//===----------------------------------------------------------------------===//
// One sequence again
//===----------------------------------------------------------------------===//

static LogicalResult inferMember(ValueRange operands, SmallVectorImpl<Type> &results) {
  results.push_back(memberOf(cast<GroupType>(operands[0].getType())));
  return success();
}

LogicalResult SelectOp::inferReturnTypes(MLIRContext *, std::optional<Location>, ValueRange operands, DictionaryAttr,
                                         OpaqueProperties, RegionRange, SmallVectorImpl<Type> &results) {
  return inferMember(operands, results);
}

LogicalResult VoteOp::inferReturnTypes(MLIRContext *, std::optional<Location>, ValueRange operands, DictionaryAttr,
                                       OpaqueProperties, RegionRange, SmallVectorImpl<Type> &results) {
  return inferMember(operands, results);
}

LogicalResult JoinOp::inferReturnTypes(MLIRContext *, std::optional<Location>, ValueRange operands, DictionaryAttr,
                                       OpaqueProperties, RegionRange, SmallVectorImpl<Type> &results) {
  return inferMember(operands, results);
}

LogicalResult VoteOp::verify() {
  if (!getAfter())
    return success();
  if (getAfter()->empty())
    return emitOpError("expected a token that answers come after but got none; leave out 'after'");
  return verifyIds(*this, getGroup().getType().getModel(), *getAfter(), "that answers come after");
}

LogicalResult JoinOp::verify() {
  if (getThen().empty())
    return emitOpError("expected a token that follows the branches and sees all of them but got none");
  return verifyIds(*this, getGroup().getType().getModel(), getThen(), "that follow the branches");
}

// One branch is plain decoding: it draws by the numbers of the text.

ExactnessReason SelectOp::getExactness() {
  if (getGroup().getType().getCount() == 1)
    return {};
  return {Exactness::reference, "of several continuations the one with the largest score stays"};
}

ExactnessReason VoteOp::getExactness() {
  if (getGroup().getType().getCount() == 1)
    return {};
  return {Exactness::reference, "of several continuations the one with the most frequent answer stays"};
}

ExactnessReason JoinOp::getExactness() {
  if (getPlacement() == Placement::beside)
    return {Exactness::semantics, "branches that do not see each other are joined"};
  return {Exactness::semantics, "branches that did not see each other are read as one text"};
}
