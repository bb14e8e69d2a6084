//===- OverlapTrackingOps.cpp - Counters, arrivals, waits -----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Overlap/Overlap.h"

#include "mlir/IR/Matchers.h"

using namespace plait;
using namespace plait::overlap;

LogicalResult TrackOp::verify() {
  if (failed(verifyIsProgramOp(*this)))
    return failure();
  CounterType type = getResult().getType();
  size_t indices = type.getExtents().size();
  if (!getExpect() == !getTable())
    return emitOpError("expected either a map or a table of arrivals");
  if (getTable() && getTable().getType().getShape() != type.getExtents())
    return emitOpError("expected a table of the extents of ") << type << " but got " << getTable().getType();
  if (getExpect() &&
      (getExpect()->getNumDims() != indices || getExpect()->getNumSymbols() > 2 || getExpect()->getNumResults() != 1))
    return emitOpError("expected a map of ")
           << indices << " indices, and at most the number of ranks and the rank, but got " << getExpectAttr();
  if (getOwner() &&
      (getOwner()->getNumDims() != indices || getOwner()->getNumSymbols() > 1 || getOwner()->getNumResults() != 1))
    return emitOpError("expected an owner of ")
           << indices << " indices, and at most the number of ranks, but got " << getOwnerAttr();
  return success();
}

std::optional<int64_t> TrackOp::getExpected(ArrayRef<int64_t> index, int64_t ranks, int64_t rank) {
  if (!isOwner(index, ranks, rank))
    return 0;
  if (getExpect())
    return evaluateMap(*getExpect(), index, {ranks, rank})[0];
  DenseIntElementsAttr table;
  if (!matchPattern(getTable(), m_Constant(&table)))
    return std::nullopt;
  return table.getValues<APInt>()[llvm::map_to_vector(index, [](int64_t i) { return uint64_t(i); })].getSExtValue();
}

bool TrackOp::isOwner(ArrayRef<int64_t> index, int64_t ranks, int64_t rank) {
  return !getOwner() || evaluateMap(*getOwner(), index, {ranks})[0] == rank;
}

static LogicalResult verifyIndices(Operation *op, CounterType counter, size_t indices) {
  if (indices != counter.getExtents().size())
    return op->emitOpError("expected an index for each of ")
           << counter.getExtents().size() << " extents of the counter but got " << indices;
  return success();
}

LogicalResult ArriveOp::verify() {
  if ((getWindow() == Window::peer) != bool(getPeer()))
    return emitOpError("expected a rank exactly for the counter of a peer");
  if (getWindow() != Window::own && getCounter().getType().getScope() != Scope::sys)
    return emitOpError("expected a counter of scope sys, as another device waits for it, but got ")
           << getCounter().getType();
  return verifyIndices(*this, getCounter().getType(), getIndices().size());
}

LogicalResult WaitOp::verify() { return verifyIndices(*this, getCounter().getType(), getIndices().size()); }
