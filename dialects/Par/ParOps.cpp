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

#include "dialects/Par/ParOpInterfaces.cpp.inc"
#define GET_OP_CLASSES
#include "dialects/Par/ParOps.cpp.inc"

//===----------------------------------------------------------------------===//
// Meshes
//===----------------------------------------------------------------------===//

LogicalResult MeshOp::verify() {
  if (getAxes().empty() || getAxes().size() != getSizes().size())
    return emitOpError("expected as many sizes as axes, at least one, but got ")
           << getAxes().size() << " axes and " << getSizes().size() << " sizes";
  DenseSet<Attribute> names;
  int64_t ranks = 1;
  for (auto [axis, size] : llvm::zip_equal(getAxes(), getSizes())) {
    if (!names.insert(axis).second)
      return emitOpError("expected axes of different names but got ") << axis << " again";
    if (size <= 0 || size > (int64_t(1) << 16) || (ranks *= size) > (int64_t(1) << 16))
      return emitOpError("expected positive sizes whose product is at most 2^16 but got ") << getSizes();
  }
  if (getRank() && (int64_t(*getRank()) < 0 || int64_t(*getRank()) >= ranks))
    return emitOpError("expected a rank below ") << ranks << " but got " << int64_t(*getRank());
  return success();
}

int64_t MeshOp::getSize(StringRef axis) {
  for (auto [name, size] : llvm::zip_equal(getAxes(), getSizes()))
    if (cast<StringAttr>(name).getValue() == axis)
      return size;
  return 0;
}

int64_t MeshOp::getNumRanks() {
  int64_t ranks = 1;
  for (int64_t size : getSizes())
    ranks *= size;
  return ranks;
}

int64_t MeshOp::getIndex(int64_t rank, ArrayRef<StringAttr> axes) {
  DenseMap<Attribute, int64_t> coordinates;
  for (auto [name, size] : llvm::reverse(llvm::zip_equal(getAxes(), getSizes()))) {
    coordinates[name] = rank % size;
    rank /= size;
  }
  int64_t index = 0;
  for (StringAttr axis : axes)
    index = index * getSize(axis) + coordinates.lookup(axis);
  return index;
}

/// The mesh of `op`'s symbol, or an error.
std::pair<int64_t, int64_t> par::getPlaceInReplica(MeshOp mesh) {
  SmallVector<StringAttr> axes;
  int64_t ranks = 1;
  for (auto axis : mesh.getAxes().getAsRange<StringAttr>())
    if (axis.getValue() != kReplicaAxis) {
      axes.push_back(axis);
      ranks *= mesh.getSize(axis);
    }
  return {mesh.getIndex(mesh.getRank().value_or(0), axes), ranks};
}

static FailureOr<MeshOp> lookupMesh(Operation *op, SymbolTableCollection &symbols, FlatSymbolRefAttr symbol) {
  auto mesh = symbols.lookupNearestSymbolFrom<MeshOp>(op, symbol);
  if (!mesh)
    return op->emitOpError("expected the symbol of a 'par.mesh' but got ") << symbol;
  return mesh;
}

static LogicalResult verifyAxes(Operation *op, MeshOp mesh, ArrayRef<StringAttr> axes) {
  for (StringAttr axis : axes)
    if (!mesh.getSize(axis))
      return op->emitOpError("expected axes of mesh ") << mesh.getSymName() << " but got " << axis;
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
  int64_t devices = 1;
  for (StringAttr axis : dim.getAxes())
    devices *= mesh.getSize(axis);
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
  if (failed(verifyShard(*this, symbols, getSource(), getInput().getType())))
    return failure();
  return verifyShard(*this, symbols, getTarget(), getInput().getType());
}

//===----------------------------------------------------------------------===//
// Collectives
//===----------------------------------------------------------------------===//

/// That nodes, `bounds` of which are whose, make up the leaves of a tree, and that `input`
/// has the columns of `sum` for each of this device's.
static LogicalResult verifyNodes(Operation *op, MeshOp mesh, ArrayRef<StringAttr> axes, ArrayRef<int64_t> ends,
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

RankedTensorType ReduceScatterOp::getWholeType() {
  RankedTensorType input = getInput().getType();
  return getNodeEnds() ? input.clone({input.getDimSize(0), getResult().getType().getDimSize(1)}) : input;
}

LogicalResult AllReduceOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto mesh = lookupMesh(*this, symbols, getMeshAttr());
  if (failed(mesh))
    return failure();
  if (getAxes().empty())
    return emitOpError("expected at least one axis");
  if (failed(verifyAxes(*this, *mesh, getDeviceAxes())))
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
  if (parts.overlaps())
    return op->emitOpError("expected parts that do not overlap but got ") << parts;
  SmallVector<int64_t> shape(whole.getShape());
  shape[dim] = local.getDimSize(dim);
  bool isPart = llvm::any_of(llvm::seq<int64_t>(0, parts.getNumParts()),
                             [&](int64_t part) { return parts.getSize(part) == shape[dim]; });
  if (!isPart || lm::getPartType(whole, shape) != local)
    return op->emitOpError("expected a part of ") << whole << " but got " << local;
  return success();
}

LogicalResult AllGatherOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return verifyParts(*this, symbols, getMeshAttr(), getDim(), getParts(), getInput().getType(), getResult().getType());
}

LogicalResult ReduceScatterOp::verifySymbolUses(SymbolTableCollection &symbols) {
  RankedTensorType input = getInput().getType(), result = getResult().getType();
  if (getNodeEnds() && (getDim() != 0 || input.getRank() != 2 || result.getRank() != 2))
    return emitOpError("expected parts of rows of a matrix whose sum is a tree");
  if (failed(verifyParts(*this, symbols, getMeshAttr(), getDim(), getParts(), result, getWholeType())))
    return failure();
  if (!getNodeEnds())
    return success();
  auto mesh = symbols.lookupNearestSymbolFrom<MeshOp>(*this, getMeshAttr());
  return verifyNodes(*this, mesh, getDeviceAxes(), *getNodeEnds(), *getNodeBounds(), input, getWholeType());
}

LogicalResult PartOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return verifyParts(*this, symbols, getMeshAttr(), getDim(), getParts(), getResult().getType(), getInput().getType());
}

SmallVector<StringAttr> AllReduceOp::getDeviceAxes() { return llvm::to_vector(getAxes().getAsRange<StringAttr>()); }
