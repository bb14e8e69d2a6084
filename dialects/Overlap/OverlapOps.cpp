//===- OverlapOps.cpp - Programs, tiles and triggers ----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Overlap/Overlap.h"

#include "mlir/Interfaces/FunctionImplementation.h"
#include "llvm/ADT/MapVector.h"

using namespace plait;
using namespace plait::overlap;

#define GET_OP_CLASSES
#include "dialects/Overlap/OverlapOps.cpp.inc"

SmallVector<int64_t> overlap::evaluateMap(AffineMap map, ArrayRef<int64_t> dims, ArrayRef<int64_t> symbols) {
  Builder b(map.getContext());
  SmallVector<Attribute> operands, results;
  for (int64_t value : dims)
    operands.push_back(b.getIndexAttr(value));
  for (int64_t value : symbols.take_front(map.getNumSymbols()))
    operands.push_back(b.getIndexAttr(value));
  if (failed(map.constantFold(operands, results)))
    return SmallVector<int64_t>(map.getNumResults(), -1);
  return llvm::map_to_vector(results, [](Attribute value) { return cast<IntegerAttr>(value).getInt(); });
}

LogicalResult overlap::verifyIsProgramOp(Operation *op) {
  if (op->getParentOfType<RegionOp>() || !op->getParentOfType<ProgramOp>() ||
      isa<LoopLikeOpInterface>(op->getParentOp()))
    return op->emitOpError("expected to be an op of a program, in no region and no loop");
  return success();
}

//===----------------------------------------------------------------------===//
// overlap.program
//===----------------------------------------------------------------------===//

ParseResult ProgramOp::parse(OpAsmParser &parser, OperationState &result) {
  StringAttr name;
  SmallVector<OpAsmParser::Argument> arguments;
  SmallVector<Type> results;
  SmallVector<DictionaryAttr> resultAttrs;
  bool isVariadic = false;
  FlatSymbolRefAttr mesh, implements;
  if (parser.parseSymbolName(name, getSymNameAttrName(result.name), result.attributes) ||
      function_interface_impl::parseFunctionSignatureWithArguments(parser, /*allowVariadic=*/false, arguments,
                                                                   isVariadic, results, resultAttrs) ||
      parser.parseKeyword("on") || parser.parseAttribute(mesh, getMeshAttrName(result.name), result.attributes) ||
      parser.parseLSquare())
    return failure();
  Attribute axis = par::AxisAttr::parse(parser, Type());
  if (!axis || parser.parseRSquare())
    return failure();
  result.addAttribute(getAxisAttrName(result.name), axis);
  if (succeeded(parser.parseOptionalKeyword("implements")) &&
      parser.parseAttribute(implements, getImplementsAttrName(result.name), result.attributes))
    return failure();
  Builder &b = parser.getBuilder();
  if (succeeded(parser.parseOptionalKeyword("replicated"))) {
    SmallVector<int64_t> replicated;
    if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Square,
                                       [&] { return parser.parseInteger(replicated.emplace_back()); }))
      return failure();
    result.addAttribute(getReplicatedAttrName(result.name), b.getDenseI64ArrayAttr(replicated));
  }
  SmallVector<Type> types = llvm::to_vector(llvm::map_range(arguments, [](auto &argument) { return argument.type; }));
  result.addAttribute(getFunctionTypeAttrName(result.name), TypeAttr::get(b.getFunctionType(types, results)));
  call_interface_impl::addArgAndResultAttrs(b, result, arguments, resultAttrs, getArgAttrsAttrName(result.name),
                                            getResAttrsAttrName(result.name));
  if (parser.parseOptionalAttrDictWithKeyword(result.attributes))
    return failure();
  OptionalParseResult body = parser.parseOptionalRegion(*result.addRegion(), arguments);
  return failure(body.has_value() && failed(*body));
}

void ProgramOp::print(OpAsmPrinter &printer) {
  printer << " ";
  printer.printSymbolName(getSymName());
  call_interface_impl::printFunctionSignature(printer, getArgumentTypes(), getArgAttrsAttr(), /*isVariadic=*/false,
                                              getResultTypes(), getResAttrsAttr(), &getBody(),
                                              /*printEmptyResult=*/false);
  printer << " on " << getMeshAttr() << "[";
  getDeviceAxis().print(printer);
  printer << "]";
  if (getImplements())
    printer << " implements " << getImplementsAttr();
  if (getReplicated())
    printer << " replicated [" << *getReplicated() << "]";
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(),
                                           {getSymNameAttrName(), getFunctionTypeAttrName(), getMeshAttrName(),
                                            getAxisAttrName(), getImplementsAttrName(), getReplicatedAttrName(),
                                            getArgAttrsAttrName(), getResAttrsAttrName()});
  if (!getBody().empty()) {
    printer << " ";
    printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
  }
}

LogicalResult ProgramOp::verify() {
  if (!isa<par::AxisAttr>(getAxis()))
    return emitOpError("expected an axis but got ") << getAxis();
  for (Type type : getArgumentTypes())
    if (!isa<RankedTensorType, lm::WeightType>(type) && !type.isIntOrIndex())
      return emitOpError("expected arguments that are tensors, weights or integers but got ") << type;
  for (Type type : getResultTypes())
    if (!isa<RankedTensorType>(type))
      return emitOpError("expected results that are tensors but got ") << type;
  if (!getReplicated())
    return success();
  DenseSet<int64_t> seen;
  int64_t count = getFunctionType().getNumInputs();
  for (int64_t argument : getReplicatedAttr().asArrayRef()) {
    if (argument < 0 || argument >= count)
      return emitOpError("expected replicated arguments from 0 to ") << count - 1 << " but got " << argument;
    if (!seen.insert(argument).second)
      return emitOpError("expected each replicated argument once but got ") << argument << " again";
  }
  return success();
}

/// Of a buffer with marks other ops would take these for numbers.
static LogicalResult verifyMarks(ProgramOp program) {
  llvm::MapVector<Value, Operation *> marked, others;
  program.walk([&](ViewOp view) {
    for (Operation *user : view->getUsers())
      (isa<PublishOp, PollOp, ClearOp>(user) ? marked : others)[view.getBuffer()] = user;
  });
  for (auto [buffer, other] : others) {
    auto it = marked.find(buffer);
    if (it == marked.end())
      continue;
    auto error = other->emitOpError("expected a buffer without marks");
    error.attachNote(it->second->getLoc()) << "elements of it tell here that they are there";
    return error;
  }
  return success();
}

LogicalResult ProgramOp::verifyRegions() {
  if (getBody().empty())
    return success();
  if (!getBody().hasOneBlock() || getBody().front().empty() || !isa<ReturnOp>(getBody().front().back()))
    return emitOpError("expected a body of one block that ends with 'overlap.return'");
  return verifyMarks(*this);
}

LogicalResult ProgramOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto mesh = symbols.lookupNearestSymbolFrom<par::MeshOp>(*this, getMeshAttr());
  if (!mesh)
    return emitOpError("expected the symbol of a 'par.mesh' but got ") << getMeshAttr();
  if (!mesh.getSize(getDeviceAxis()))
    return emitOpError("expected an axis of mesh ")
           << mesh.getSymName() << " or a part of its factors but got " << getDeviceAxis().getAxis();
  if (!getImplements())
    return success();
  auto function = symbols.lookupNearestSymbolFrom<FunctionOpInterface>(*this, getImplementsAttr());
  if (!function)
    return emitOpError("expected the symbol of a function but got ") << getImplementsAttr();
  if (function.getFunctionType() != getFunctionType()) {
    auto error = emitOpError("expected to have the type of what it implements, ")
                 << function.getFunctionType() << ", but got " << getFunctionType();
    error.attachNote(function.getLoc()) << "which is this";
    return error;
  }
  return success();
}

int64_t ProgramOp::countRanks() {
  auto mesh = SymbolTable::lookupNearestSymbolFrom<par::MeshOp>(*this, getMeshAttr());
  return mesh.getSize(getDeviceAxis());
}

LogicalResult ReturnOp::verify() {
  auto program = cast<ProgramOp>((*this)->getParentOp());
  if (getOperandTypes() != program.getFunctionType().getResults())
    return emitOpError("expected values of types ")
           << program.getFunctionType().getResults() << " but got " << getOperandTypes();
  return success();
}

//===----------------------------------------------------------------------===//
// overlap.region
//===----------------------------------------------------------------------===//

/// The pool of a part of a region.
static std::optional<PoolAttr> getPoolOf(Operation &op) {
  if (auto tiles = dyn_cast<TilesOp>(op))
    return tiles.getPool();
  if (auto trigger = dyn_cast<TriggerOp>(op))
    return trigger.getPool();
  return std::nullopt;
}

LogicalResult RegionOp::verifyRegions() {
  int64_t workers = 0;
  for (Operation &op : getBody().front()) {
    auto pool = getPoolOf(op);
    if (!pool && !isMemoryEffectFree(&op)) {
      auto error = emitOpError("expected only tiles, triggers and ops without side effects inside but got '")
                   << op.getName() << "'";
      error.attachNote(op.getLoc()) << "which is here";
      return error;
    }
    if (!pool || pool->getResource() != getPool().getResource())
      continue;
    workers += pool->getCount();
    if (workers <= getPool().getCount())
      continue;
    auto error = emitOpError("expected pools of at most ")
                 << getPool().getCount() << " " << stringifyResource(getPool().getResource())
                 << " together, as they wait for each other, but got " << workers;
    error.attachNote(op.getLoc()) << "with this one";
    return error;
  }
  return success();
}

//===----------------------------------------------------------------------===//
// overlap.tiles
//===----------------------------------------------------------------------===//

/// (%i, %j), indices of the body.
static ParseResult parseIndices(OpAsmParser &parser, SmallVectorImpl<OpAsmParser::Argument> &arguments) {
  if (parser.parseArgumentList(arguments, OpAsmParser::Delimiter::Paren))
    return failure();
  for (auto &argument : arguments)
    argument.type = parser.getBuilder().getIndexType();
  return success();
}

static ParseResult parsePool(OpAsmParser &parser, OperationState &result, StringAttr name) {
  if (parser.parseKeyword("pool") || parser.parseLParen())
    return failure();
  Attribute pool = PoolAttr::parse(parser, Type());
  if (!pool)
    return failure();
  result.addAttribute(name, pool);
  return parser.parseRParen();
}

static void printPool(OpAsmPrinter &printer, PoolAttr pool) {
  printer << " pool(";
  pool.print(printer);
  printer << ")";
}

ParseResult TilesOp::parse(OpAsmParser &parser, OperationState &result) {
  SmallVector<OpAsmParser::Argument> indices;
  SmallVector<int64_t> extents;
  if (parseIndices(parser, indices) || parser.parseKeyword("in") ||
      parser.parseCommaSeparatedList(AsmParser::Delimiter::Square,
                                     [&] { return parser.parseInteger(extents.emplace_back()); }))
    return failure();
  result.addAttribute(getExtentsAttrName(result.name), parser.getBuilder().getDenseI64ArrayAttr(extents));
  AffineMapAttr order;
  if (succeeded(parser.parseOptionalKeyword("order")) &&
      parser.parseAttribute(order, getOrderAttrName(result.name), result.attributes))
    return failure();
  return failure(parsePool(parser, result, getPoolAttrName(result.name)) ||
                 parser.parseRegion(*result.addRegion(), indices) || parser.parseOptionalAttrDict(result.attributes));
}

void TilesOp::print(OpAsmPrinter &printer) {
  printer << " (";
  llvm::interleaveComma(getBody().getArguments(), printer, [&](Value index) { printer << index; });
  printer << ") in [" << getExtents() << "]";
  if (getOrder())
    printer << " order " << getOrderAttr();
  printPool(printer, getPool());
  printer << " ";
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
  printer.printOptionalAttrDict((*this)->getAttrs(), {getExtentsAttrName(), getOrderAttrName(), getPoolAttrName()});
}

int64_t TilesOp::countTiles() {
  int64_t count = 1;
  for (int64_t extent : getExtents())
    count *= extent;
  return count;
}

SmallVector<int64_t> TilesOp::getTile(int64_t place, int64_t rank) {
  SmallVector<int64_t> tile(getExtents().size());
  for (size_t i = tile.size(); i-- > 0; place /= getExtents()[i])
    tile[i] = place % getExtents()[i];
  if (!getOrder())
    return tile;
  return evaluateMap(*getOrder(), tile, {rank});
}

LogicalResult TilesOp::verify() {
  int64_t count = 1;
  for (int64_t extent : getExtents())
    if (extent <= 0 || llvm::MulOverflow(count, extent, count) || count > kMaxTiles)
      return emitOpError("expected positive extents whose product is at most ")
             << kMaxTiles << " but got " << getExtents();
  if (getExtents().empty() || getBody().getNumArguments() != getExtents().size() ||
      !llvm::all_of(getBody().getArgumentTypes(), [](Type type) { return type.isIndex(); }))
    return emitOpError("expected an index for each of ") << getExtents().size() << " extents, at least one";
  if (!getOrder())
    return success();
  if (getOrder()->getNumDims() != getExtents().size() || getOrder()->getNumResults() != getExtents().size() ||
      getOrder()->getNumSymbols() > 1)
    return emitOpError("expected an order of ")
           << getExtents().size() << " indices and at most the rank but got " << getOrderAttr();
  auto program = (*this)->getParentOfType<ProgramOp>();
  auto mesh = program ? SymbolTable::lookupNearestSymbolFrom<par::MeshOp>(program, program.getMeshAttr()) : nullptr;
  int64_t ranks = mesh ? mesh.getSize(program.getDeviceAxis()) : 1;
  for (int64_t rank = 0; rank < (getOrder()->getNumSymbols() ? ranks : 1); ++rank) {
    DenseSet<int64_t> seen;
    for (int64_t place = 0; place < count; ++place) {
      SmallVector<int64_t> tile = getTile(place, rank);
      int64_t number = 0;
      bool isTile = tile.size() == getExtents().size();
      for (size_t i = 0; isTile && i < tile.size(); ++i) {
        isTile = tile[i] >= 0 && tile[i] < getExtents()[i];
        number = number * getExtents()[i] + tile[i];
      }
      if (!isTile || !seen.insert(number).second)
        return emitOpError("expected an order that names each tile once on rank ")
               << rank << " but got tile [" << tile << "]" << (isTile ? " again" : "") << " at place " << place;
    }
  }
  return success();
}

//===----------------------------------------------------------------------===//
// overlap.trigger
//===----------------------------------------------------------------------===//

ParseResult TriggerOp::parse(OpAsmParser &parser, OperationState &result) {
  OpAsmParser::UnresolvedOperand counter;
  SmallVector<OpAsmParser::Argument> arguments;
  OpAsmParser::Argument token;
  CounterType type;
  if (parser.parseOperand(counter) || parseIndices(parser, arguments) || parser.parseKeyword("token") ||
      parser.parseArgument(token))
    return failure();
  token.type = TokenType::get(parser.getContext());
  arguments.push_back(token);
  return failure(parsePool(parser, result, getPoolAttrName(result.name)) || parser.parseColon() ||
                 parser.parseCustomTypeWithFallback(type) || parser.resolveOperand(counter, type, result.operands) ||
                 parser.parseRegion(*result.addRegion(), arguments) || parser.parseOptionalAttrDict(result.attributes));
}

void TriggerOp::print(OpAsmPrinter &printer) {
  printer << " " << getCounter() << " (";
  llvm::interleaveComma(getBody().getArguments().drop_back(), printer, [&](Value index) { printer << index; });
  printer << ") token " << getBody().getArguments().back();
  printPool(printer, getPool());
  printer << " : ";
  printer.printStrippedAttrOrType(getCounter().getType());
  printer << " ";
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
  printer.printOptionalAttrDict((*this)->getAttrs(), {getPoolAttrName()});
}

LogicalResult TriggerOp::verify() {
  size_t indices = getCounter().getType().getExtents().size();
  if (getBody().getNumArguments() != indices + 1 || !isa<TokenType>(getBody().getArguments().back().getType()) ||
      !llvm::all_of(TypeRange(getBody().getArgumentTypes()).drop_back(), [](Type type) { return type.isIndex(); }))
    return emitOpError("expected ") << indices << " indices, as the counter has, and a token";
  return success();
}

LogicalResult TriggerOp::verifyRegions() {
  WalkResult result = getBody().walk([&](Operation *wait) {
    if (!isa<WaitOp, PollOp>(wait))
      return WalkResult::advance();
    auto error = emitOpError("expected no wait inside: it would keep a worker that others wait for");
    error.attachNote(wait->getLoc()) << "which is here";
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}
