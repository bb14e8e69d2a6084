//===- ParOps.cpp - Ops of the par dialect --------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Par/Par.h"

#include "runtime/base/SumTree.h"

#include "mlir/IR/Builders.h"

using namespace plait;
using namespace plait::par;

/// One type, or two if they differ.
static ParseResult parseSumTypes(OpAsmParser &parser, Type &input, Type &result) {
  if (parser.parseType(input))
    return failure();
  if (succeeded(parser.parseOptionalArrow()))
    return parser.parseType(result);
  result = input;
  return success();
}

static void printSumTypes(OpAsmPrinter &printer, Operation *, Type input, Type result) {
  printer << input;
  if (input != result)
    printer << " -> " << result;
}

/// [ITEM, ITEM]
template <typename T> static ParseResult parseList(OpAsmParser &parser, ArrayAttr &list) {
  SmallVector<Attribute> parsed;
  auto parseItem = [&]() -> ParseResult {
    parsed.push_back(T::parse(parser, Type()));
    return success(bool(parsed.back()));
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, parseItem))
    return failure();
  list = parser.getBuilder().getArrayAttr(parsed);
  return success();
}

/// A line for each.
template <typename T> static void printList(OpAsmPrinter &printer, ArrayAttr list) {
  printer << "[";
  printer.increaseIndent();
  llvm::interleave(
      list.getAsRange<T>(),
      [&](T item) {
        printer.printNewline();
        item.print(printer);
      },
      [&] { printer << ","; });
  printer.decreaseIndent();
  if (!list.empty())
    printer.printNewline();
  printer << "]";
}

static ParseResult parseAxes(OpAsmParser &parser, ArrayAttr &list) { return parseList<AxisAttr>(parser, list); }
static void printAxes(OpAsmPrinter &printer, Operation *, ArrayAttr list) {
  printer << "[";
  llvm::interleaveComma(list.getAsRange<AxisAttr>(), printer, [&](AxisAttr axis) { axis.print(printer); });
  printer << "]";
}
static ParseResult parseDevices(OpAsmParser &parser, ArrayAttr &list) { return parseList<DeviceAttr>(parser, list); }
static void printDevices(OpAsmPrinter &printer, Operation *, ArrayAttr list) { printList<DeviceAttr>(printer, list); }
static ParseResult parseLinks(OpAsmParser &parser, ArrayAttr &list) { return parseList<LinkAttr>(parser, list); }
static void printLinks(OpAsmPrinter &printer, Operation *, ArrayAttr list) { printList<LinkAttr>(printer, list); }

#include "dialects/Par/ParOpInterfaces.cpp.inc"
#define GET_OP_CLASSES
#include "dialects/Par/ParOps.cpp.inc"

/// The mesh of `op`'s symbol, or an error. A function of a model is in a symbol table of the
/// model's, and the mesh in that of the module.
static FailureOr<MeshOp> lookupMesh(Operation *op, SymbolTableCollection &symbols, FlatSymbolRefAttr symbol) {
  for (Operation *from = op; from; from = from->getParentOp())
    if (from->hasTrait<OpTrait::SymbolTable>())
      if (auto mesh = symbols.lookupSymbolIn<MeshOp>(from, symbol))
        return mesh;
  return op->emitOpError("expected the symbol of a 'par.mesh' but got ") << symbol;
}

static LogicalResult verifyAxes(Operation *op, MeshOp mesh, ArrayRef<AxisAttr> axes) {
  for (AxisAttr axis : axes) {
    int64_t size = mesh.getSize(axis.getAxis());
    if (!size)
      return op->emitOpError("expected axes of mesh ") << mesh.getSymName() << " but got " << axis.getAxis();
    if (!mesh.getSize(axis))
      return op->emitOpError("expected a factor of the ")
             << size << " devices of " << axis.getAxis() << " but got sub-axis " << axis;
  }
  return success();
}

/// That `dim` splits an extent exactly over the devices along its axes.
static LogicalResult verifyDim(Operation *op, MeshOp mesh, DimShardAttr dim, int64_t number, int64_t extent) {
  if (failed(verifyAxes(op, mesh, dim.getAxes())))
    return failure();
  if (dim.isWhole())
    return success();
  if (ShapedType::isDynamic(extent) != dim.isEven())
    return op->emitOpError("expected dimension ")
           << number
           << (dim.isEven() ? ", whose extent is known, to be split at bounds"
                            : ", whose extent is not known, to be whole or split evenly");
  if (dim.isEven())
    return success();
  int64_t devices = mesh.getSize(dim.getAxes());
  if (dim.getNumParts() != devices)
    return op->emitOpError("expected a part of dimension ")
           << number << " for each of " << devices << " devices but got " << dim.getNumParts();
  if (dim.getBounds().back() != extent)
    return op->emitOpError("expected parts of dimension ")
           << number << " that end at its extent, " << extent << ", but got " << dim.getBounds().back();
  return success();
}

LogicalResult par::verifyShard(Operation *op, SymbolTableCollection &symbols, ShardAttr shard, Type type) {
  auto mesh = lookupMesh(op, symbols, shard.getMesh());
  if (failed(mesh))
    return failure();
  SmallVector<int64_t> shape = lm::getShardableShape(type);
  if (shape.empty() || shape.size() != shard.getDims().size())
    return op->emitOpError("expected a dimension of the sharding for each of ")
           << type << " but got " << shard.getDims().size();
  if (failed(verifyAxes(op, *mesh, shard.getUnreduced())))
    return failure();
  for (auto [i, dim] : llvm::enumerate(shard.getDims()))
    if (failed(verifyDim(op, *mesh, dim, i, shape[i])))
      return failure();
  return success();
}

SmallVector<int64_t> par::getLocalShape(MeshOp mesh, int64_t rank, ShardAttr shard, Type type,
                                        SmallVectorImpl<int64_t> *begins) {
  SmallVector<int64_t> shape = lm::getShardableShape(type);
  if (begins)
    begins->assign(shape.size(), 0);
  for (auto [i, dim] : llvm::enumerate(shard.getDims())) {
    if (dim.isWhole())
      continue;
    if (dim.isEven()) // the type's name says so
      continue;
    int64_t part = mesh.getIndex(rank, dim.getAxes());
    shape[i] = dim.getSize(part);
    if (begins)
      (*begins)[i] = dim.getBegin(part);
  }
  return shape;
}

//===----------------------------------------------------------------------===//
// Shardings
//===----------------------------------------------------------------------===//

LogicalResult ConstraintOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return verifyShard(*this, symbols, getShard(), getInput().getType());
}

LogicalResult ReshardOp::verifySymbolUses(SymbolTableCollection &symbols) {
  if (getSource().getMesh() != getTarget().getMesh())
    return emitOpError("expected one mesh but got ") << getSource().getMesh() << " and " << getTarget().getMesh();
  for (ShardAttr shard : {getSource(), getTarget()})
    if (!llvm::all_of(shard.getDims(), [](DimShardAttr dim) { return dim.isFinal(); }))
      return emitOpError("expected closed dimensions without priorities but got ") << shard;
  if (failed(verifyShard(*this, symbols, getSource(), getInput().getType())))
    return failure();
  return verifyShard(*this, symbols, getTarget(), getInput().getType());
}

//===----------------------------------------------------------------------===//
// Collectives
//===----------------------------------------------------------------------===//

/// That nodes, `bounds` of which are whose, make up the leaves of a tree, and that `input`
/// has the columns of `sum` for each of this device's.
static LogicalResult verifyNodes(Operation *op, MeshOp mesh, ArrayRef<AxisAttr> axes, ArrayRef<int64_t> ends,
                                 ArrayRef<int64_t> bounds, RankedTensorType input, RankedTensorType sum) {
  if (axes.size() != 1 || !mesh.getRank())
    return op->emitOpError("expected nodes of one axis' devices and a mesh with a rank");
  if (int64_t(bounds.size()) != mesh.getSize(axes[0]) + 1 || bounds.front() != 0 ||
      bounds.back() != int64_t(ends.size()) || !llvm::is_sorted(bounds, std::less_equal<>()))
    return op->emitOpError("expected at least one of ")
           << ends.size() << " nodes for each of " << mesh.getSize(axes[0]) << " devices but got bounds " << bounds;
  int64_t begin = 0;
  for (int64_t end : ends) {
    if (!isSumTreeNode(begin, end, ends.back()))
      return op->emitOpError("expected nodes of the tree over ")
             << ends.back() << " leaves but got [" << begin << ", " << end << ")";
    begin = end;
  }
  int64_t device = mesh.getIndex(*mesh.getRank(), axes), own = bounds[device + 1] - bounds[device];
  if (sum.getRank() != 2 || input != RankedTensorType::get({sum.getDimSize(0), own * sum.getDimSize(1)},
                                                           sum.getElementType(), sum.getEncoding()))
    return op->emitOpError("expected ") << own << " nodes side by side, each of " << sum << ", but got " << input;
  return success();
}

/// That the order of a sum of nodes is said by these alone.
template <typename Op> static LogicalResult verifyOrder(Op op) {
  if (op.getAccumulate() && !op.getAccumulate()->isF32() && !op.getAccumulate()->isF64())
    return op.emitOpError("expected to accumulate in f32 or f64 but got ") << *op.getAccumulate();
  if (op.getWire() && !op.getWire()->isF32() && !op.getWire()->isBF16())
    return op.emitOpError("expected wire f32 or bf16 but got ") << *op.getWire();
  if (op.isWide() && op.isNarrow())
    return op.emitOpError("expected f64 or wire bf16 but got both");
  if (op.getNodeEnds() && (op.getOrder() != SumOrder::rank || op.isWide() || op.isNarrow()))
    return op.emitOpError("expected neither an order nor f64 nor bf16 where nodes say how the sum is taken");
  return success();
}

/// That what carries a sum out has no order to keep but that of the devices, and sends what it adds.
template <typename Op> static LogicalResult verifyAlgorithms(Op op) {
  if (op.getAlgorithmsAttr() && (op.getNodeEnds() || op.getOrder() != SumOrder::rank || op.isWide() || op.isNarrow()))
    return op.emitOpError("expected algorithms of a sum in the order of the devices, sent and added in f32, alone");
  return success();
}

/// The mesh of an op that names `axes`, each once.
static FailureOr<MeshOp> verifyOwnAxes(CollectiveOpInterface op, SymbolTableCollection &symbols) {
  auto mesh = lookupMesh(op, symbols, op.getMeshAttr());
  if (failed(mesh))
    return failure();
  SmallVector<AxisAttr> axes = op.getDeviceAxes();
  if (axes.empty())
    return op->emitOpError("expected at least one axis");
  if (failed(verifyAxes(op, *mesh, axes)))
    return failure();
  for (auto [i, axis] : llvm::enumerate(axes))
    for (AxisAttr other : ArrayRef(axes).take_front(i))
      if (axis.overlaps(other))
        return op->emitOpError("expected axes that do not overlap but got ") << other << " and " << axis;
  return mesh;
}

RankedTensorType ReduceScatterOp::getWholeType() {
  RankedTensorType input = getInput().getType();
  return getNodeEnds() ? input.clone({input.getDimSize(0), getResult().getType().getDimSize(1)}) : input;
}

RankedTensorType AllReduceOp::getWholeType() { return getResult().getType(); }
RankedTensorType BroadcastOp::getWholeType() { return getResult().getType(); }
RankedTensorType SendOp::getWholeType() { return getInput().getType(); }
RankedTensorType RecvOp::getWholeType() { return getResult().getType(); }

/// What the input is a part of, if its parts are at bounds, else what the result is.
RankedTensorType AllToAllOp::getWholeType() {
  bool fromInput = !getSourceParts().isEven();
  RankedTensorType part = fromInput ? getInput().getType() : getResult().getType();
  DimShardAttr parts = fromInput ? getSourceParts() : getParts();
  int64_t dim = fromInput ? getSourceDim() : getDim();
  if (dim < 0 || dim >= part.getRank() || parts.getBounds().empty())
    return part;
  SmallVector<int64_t> shape(part.getShape());
  shape[dim] = parts.getBounds().back();
  return cast<RankedTensorType>(lm::getPartType(part, shape));
}

LogicalResult AllReduceOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto mesh = verifyOwnAxes(*this, symbols);
  if (failed(mesh) || failed(verifyOrder(*this)) || failed(verifyAlgorithms(*this)))
    return failure();
  if (getNodeEnds())
    return verifyNodes(*this, *mesh, getDeviceAxes(), *getNodeEnds(), *getNodeBounds(), getInput().getType(),
                       getResult().getType());
  if (getInput().getType() != getResult().getType())
    return emitOpError("expected a sum of the summands' type, ")
           << getInput().getType() << ", but got " << getResult().getType();
  return success();
}

/// That `local` is `whole` but for dimension `dim`, of which it is a part.
static LogicalResult verifyParts(Operation *op, SymbolTableCollection &symbols, FlatSymbolRefAttr symbol, int64_t dim,
                                 DimShardAttr parts, RankedTensorType local, RankedTensorType whole) {
  auto mesh = lookupMesh(op, symbols, symbol);
  if (failed(mesh))
    return failure();
  if (local.getRank() != whole.getRank() || dim < 0 || dim >= whole.getRank() || parts.isWhole())
    return op->emitOpError("expected parts of a dimension of tensors of one rank but got ")
           << local << " and " << whole << ", dimension " << dim;
  if (failed(verifyDim(op, *mesh, parts, dim, whole.getDimSize(dim))))
    return failure();
  if (parts.isEven())
    return lm::getTokensPart(whole) == local
               ? success()
               : op->emitOpError("expected the tokens' part of ") << whole << " but got " << local;
  if (!parts.isFinal())
    return op->emitOpError("expected closed parts without a priority but got ") << parts;
  if (parts.overlaps())
    return op->emitOpError("expected parts that do not overlap but got ") << parts;
  SmallVector<int64_t> shape(whole.getShape());
  shape[dim] = local.getDimSize(dim);
  bool isPart = llvm::any_of(llvm::seq<int64_t>(0, parts.getNumParts()),
                             [&](int64_t part) { return parts.getSize(part) == shape[dim]; });
  // Which part it is, is known with the rank.
  if (auto rank = mesh->getRank())
    isPart = parts.getSize(mesh->getIndex(*rank, parts.getAxes())) == shape[dim];
  if (!isPart || lm::getPartType(whole, shape) != local)
    return op->emitOpError("expected a part of ") << whole << " but got " << local;
  return success();
}

LogicalResult AllGatherOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return verifyParts(*this, symbols, getMeshAttr(), getDim(), getParts(), getInput().getType(), getResult().getType());
}

LogicalResult ReduceScatterOp::verifySymbolUses(SymbolTableCollection &symbols) {
  RankedTensorType input = getInput().getType(), result = getResult().getType();
  if (failed(verifyOrder(*this)))
    return failure();
  if (getNodeEnds() && (getDim() != 0 || input.getRank() != 2 || result.getRank() != 2))
    return emitOpError("expected parts of rows of a matrix whose sum is a tree");
  if (failed(verifyParts(*this, symbols, getMeshAttr(), getDim(), getParts(), result, getWholeType())))
    return failure();
  if (!getNodeEnds())
    return success();
  auto mesh = symbols.lookupNearestSymbolFrom<MeshOp>(*this, getMeshAttr());
  return verifyNodes(*this, mesh, getDeviceAxes(), *getNodeEnds(), *getNodeBounds(), input, getWholeType());
}

RankedTensorType ReduceGatherOp::getSumType() { return lm::getTokensPart(getWholeType()); }

LogicalResult ReduceGatherOp::verifySymbolUses(SymbolTableCollection &symbols) {
  RankedTensorType whole = getWholeType();
  if (!getParts().isEven())
    return emitOpError("expected rows that are shared out evenly but got ") << getParts();
  if (failed(verifyOrder(*this)) || failed(verifyAlgorithms(*this)) ||
      failed(verifyParts(*this, symbols, getMeshAttr(), 0, getParts(), getSumType(), whole)))
    return failure();
  if (getNodeEnds()) {
    auto mesh = symbols.lookupNearestSymbolFrom<MeshOp>(*this, getMeshAttr());
    return verifyNodes(*this, mesh, getDeviceAxes(), *getNodeEnds(), *getNodeBounds(), getInput().getType(), whole);
  }
  if (getInput().getType() != whole)
    return emitOpError("expected what is gathered to be of the summands' type, ")
           << getInput().getType() << ", but got " << whole;
  return success();
}

/// That `values` are the device's rows, and of the types of `others` but for the rows.
static LogicalResult verifyRows(ReduceGatherOp op, StringRef what, TypeRange types, TypeRange expected) {
  if (types != expected)
    return op.emitOpError("expected ") << what << " of types " << expected << " but got " << types;
  for (Type type : types)
    if (auto tensor = dyn_cast<RankedTensorType>(type); !tensor || lm::getLeadingDim(tensor) != "tokens_part")
      return op.emitOpError("expected ") << what << " that are the device's part of the rows but got " << type;
  return success();
}

LogicalResult ReduceGatherOp::verifyRegions() {
  if (!getSumType() || getWholeType().getRank() != 2)
    return emitOpError("expected rows of tokens but got ") << getWholeType();
  Block &body = getBody().front();
  auto yield = dyn_cast<YieldOp>(body.empty() ? nullptr : &body.back());
  if (!yield)
    return emitOpError("expected a region that ends with 'par.yield'");
  SmallVector<Type> arguments{getSumType()}, yielded{getSumType()};
  llvm::append_range(arguments, getRows().getTypes());
  llvm::append_range(yielded, getKept().getTypes());
  if (failed(verifyRows(*this, "arguments of the region", body.getArgumentTypes(), arguments)) ||
      failed(verifyRows(*this, "yielded values", yield.getOperandTypes(), yielded)))
    return failure();
  for (Operation &op : body) {
    // Until kernels are outlined ops are those of the model; then nothing says what kernels are.
    if (isa<CollectiveOpInterface>(op) || (isa<lm::CostOpInterface>(op) && !op.hasTrait<lm::RowWise>()))
      return op.emitOpError("expected an op that works row by row in a 'par.reduce_gather'");
    for (Value operand : op.getOperands()) {
      auto tensor = dyn_cast<RankedTensorType>(operand.getType());
      bool isInside = operand.getParentBlock() == &body;
      if (tensor && (!isInside || lm::getLeadingDim(tensor) != "tokens_part"))
        return op.emitOpError("expected tensors that are the device's part of the rows, and arguments of the region or "
                              "made there, but got ")
               << tensor;
    }
  }
  return success();
}

LogicalResult PartOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return verifyParts(*this, symbols, getMeshAttr(), getDim(), getParts(), getResult().getType(), getInput().getType());
}

LogicalResult AllToAllOp::verifySymbolUses(SymbolTableCollection &symbols) {
  if (getSourceDim() == getDim() || getSourceParts().getAxes() != getParts().getAxes())
    return emitOpError("expected two dimensions split along the same axes but got dimension ")
           << getSourceDim() << " " << getSourceParts() << " and dimension " << getDim() << " " << getParts();
  RankedTensorType whole = getWholeType();
  if (failed(verifyParts(*this, symbols, getMeshAttr(), getSourceDim(), getSourceParts(), getInput().getType(), whole)))
    return failure();
  return verifyParts(*this, symbols, getMeshAttr(), getDim(), getParts(), getResult().getType(), whole);
}

LogicalResult BroadcastOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto mesh = verifyOwnAxes(*this, symbols);
  if (failed(mesh))
    return failure();
  if (int64_t devices = mesh->getSize(getDeviceAxes()); int64_t(getRoot()) < 0 || int64_t(getRoot()) >= devices)
    return emitOpError("expected a root below ") << devices << " but got " << int64_t(getRoot());
  return success();
}

static LogicalResult verifyPeer(CollectiveOpInterface op, SymbolTableCollection &symbols) {
  auto mesh = verifyOwnAxes(op, symbols);
  if (failed(mesh))
    return failure();
  SmallVector<AxisAttr> axes = op.getDeviceAxes();
  if (int64_t devices = mesh->getSize(axes); op.getOther() < 0 || op.getOther() >= devices)
    return op->emitOpError("expected a peer below ") << devices << " but got " << op.getOther();
  if (mesh->getRank() && mesh->getIndex(*mesh->getRank(), axes) == op.getOther())
    return op->emitOpError("expected another device than this one, which is number ") << op.getOther();
  return success();
}

LogicalResult SendOp::verifySymbolUses(SymbolTableCollection &symbols) { return verifyPeer(*this, symbols); }
LogicalResult RecvOp::verifySymbolUses(SymbolTableCollection &symbols) { return verifyPeer(*this, symbols); }
