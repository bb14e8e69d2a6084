//===- TileFollower.cpp - Steps of tiles, as a program is followed --------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Overlap/TileFollower.h"

#include "mlir/IR/Matchers.h"

using namespace plait;
using namespace plait::overlap;

/// Of all ranks.
static constexpr size_t kMaxCells = 1 << 18;

//===----------------------------------------------------------------------===//
// Where
//===----------------------------------------------------------------------===//

LogicalResult TileFollower::visit(AllocOp op, StepSequence &) {
  known[op.getResult()].buffer = recorder.nameBuffer(op);
  return success();
}

LogicalResult TileFollower::visit(TrackOp op, StepSequence &) {
  int64_t count = ShapedType::getNumElements(op.getResult().getType().getExtents()) * recorder.model.ranks;
  if (recorder.model.cells.size() + size_t(count) > kMaxCells)
    return op.emitOpError("expected at most ") << kMaxCells << " counters of all ranks; use fewer indices";
  known[op.getResult()].counter = recorder.nameCounter(op);
  return success();
}

LogicalResult TileFollower::visit(ViewOp op, StepSequence &) {
  Known view = known[op.getBuffer()];
  view.peer = rank;
  if (op.getPeer()) {
    auto peer = getRank(op, op.getPeer());
    if (failed(peer))
      return failure();
    view.peer = *peer;
  }
  known[op.getResult()] = view;
  return success();
}

LogicalResult TileFollower::visit(RankOp op, StepSequence &) {
  setNumber(op.getResult(), rank, /*isUniform=*/false);
  return success();
}
LogicalResult TileFollower::visit(NumRanksOp op, StepSequence &) {
  setNumber(op.getResult(), recorder.model.ranks, /*isUniform=*/true);
  return success();
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

template <typename Op>
LogicalResult TileFollower::store(Op op, StepKind kind, bool isAsync, bool isMarked, StepSequence &at) {
  auto access = getAccess(op, op.getTarget(), op.getOffsets(), op.getValue().getType().getShape());
  if (failed(access))
    return failure();
  bool toAll = op.getTarget().getType().getWindow() == Window::multicast;
  std::vector<Step> steps;
  for (int64_t target = 0; target < recorder.model.ranks; ++target) {
    if (!toAll && target != access->rank)
      continue;
    Step step = at.make(kind, op);
    step.access = *access;
    step.access.rank = target;
    step.uses.push_back(*known[op.getValue()].tile);
    step.isAsync = isAsync;
    step.isMarked = isMarked;
    steps.push_back(std::move(step));
  }
  at.add(steps);
  return success();
}
LogicalResult TileFollower::visit(PutOp op, StepSequence &at) {
  return store(op, StepKind::put, op.isAsync(), /*isMarked=*/false, at);
}
LogicalResult TileFollower::visit(ReduceAddOp op, StepSequence &at) {
  return store(op, StepKind::add, op.isAsync(), /*isMarked=*/false, at);
}
LogicalResult TileFollower::visit(PublishOp op, StepSequence &at) {
  return store(op, StepKind::put, /*isAsync=*/false, /*isMarked=*/true, at);
}

LogicalResult TileFollower::visit(PollOp op, StepSequence &at) {
  auto access = getAccess(op, op.getSource(), op.getOffsets(), op.getPolledShape());
  if (failed(access))
    return failure();
  Step poll = at.make(StepKind::load, op);
  poll.access = *access;
  poll.isMarked = true;
  poll.defines.push_back(recorder.model.values++);
  Step sum = at.make(StepKind::compute, op);
  sum.uses = poll.defines;
  sum.defines.push_back(recorder.model.values++);
  known[op.getResult()] = {};
  known[op.getResult()].tile = sum.defines[0];
  known[op.getToken()].waits = {at.add(std::move(poll))};
  at.add(std::move(sum));
  return success();
}

LogicalResult TileFollower::visit(ClearOp op, StepSequence &at) {
  auto access = getAccess(op, op.getTarget(), op.getOffsets(), op.getSize());
  if (failed(access))
    return failure();
  Step step = at.make(StepKind::put, op);
  step.access = *access;
  step.ahead = int64_t(op.getAhead());
  step.access.slot = getSlot(access->buffer, epoch + step.ahead);
  step.isMarked = true;
  at.add(std::move(step));
  return success();
}

template <typename Op> FailureOr<unsigned> TileFollower::load(Op op, const Access &access, StepSequence &at) {
  Step step = at.make(StepKind::load, op);
  step.access = access;
  for (Value token : op.getTokens())
    for (unsigned wait : known[token].waits)
      if (!recorder.model.steps[wait].isRelaxed)
        step.after.push_back(wait);
  step.isTokenless = op.getTokens().empty();
  step.defines.push_back(recorder.model.values++);
  unsigned value = step.defines[0];
  at.add(std::move(step));
  return value;
}

LogicalResult TileFollower::visit(LoadOp op, StepSequence &at) {
  auto access = getAccess(op, op.getSource(), op.getOffsets(), op.getResult().getType().getShape());
  if (failed(access))
    return failure();
  known[op.getResult()].tile = *load(op, *access, at);
  return success();
}

LogicalResult TileFollower::visit(LoadReduceOp op, StepSequence &at) {
  auto access = getAccess(op, op.getSource(), op.getOffsets(), op.getResult().getType().getShape());
  if (failed(access))
    return failure();
  SmallVector<unsigned> summands;
  for (access->rank = 0; access->rank < recorder.model.ranks; ++access->rank)
    summands.push_back(*load(op, *access, at));
  Step sum = at.make(StepKind::compute, op);
  sum.uses = summands;
  sum.defines.push_back(recorder.model.values++);
  known[op.getResult()].tile = sum.defines[0];
  at.add(std::move(sum));
  return success();
}

LogicalResult TileFollower::visit(QuietOp op, StepSequence &at) {
  at.add(at.make(StepKind::quiet, op));
  return success();
}

//===----------------------------------------------------------------------===//
// Counters
//===----------------------------------------------------------------------===//

LogicalResult TileFollower::visit(ArriveOp op, StepSequence &at) {
  auto cell = getCell(op, op.getCounter(), op.getIndices());
  if (failed(cell))
    return failure();
  FailureOr<int64_t> peer = rank;
  if (op.getPeer())
    peer = getRank(op, op.getPeer());
  if (failed(peer))
    return failure();
  Step step = at.make(StepKind::arrive, op);
  step.isRelaxed = op.getRelaxed();
  for (int64_t target = 0; target < recorder.model.ranks; ++target)
    if (op.getWindow() == Window::multicast || target == *peer)
      step.cells.push_back(recorder.getCell(known[op.getCounter()].counter, *cell, target));
  at.add(std::move(step));
  return success();
}

LogicalResult TileFollower::visit(WaitOp op, StepSequence &at) {
  auto cell = getCell(op, op.getCounter(), op.getIndices());
  if (failed(cell))
    return failure();
  known[op.getToken()].waits = {addWait(op, known[op.getCounter()].counter, *cell, op.getRelaxed(), at)};
  return success();
}

unsigned TileFollower::addWait(Operation *op, unsigned counter, int64_t index, bool isRelaxed, StepSequence &at) {
  Step step = at.make(StepKind::wait, op);
  step.isRelaxed = isRelaxed;
  step.cells.push_back(recorder.getCell(counter, index, rank));
  return at.add(std::move(step));
}

LogicalResult TileFollower::visit(MergeOp op, StepSequence &) {
  SmallVector<unsigned> waits;
  for (Value token : op.getTokens())
    llvm::append_range(waits, known[token].waits);
  known[op.getResult()].waits = std::move(waits);
  return success();
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

FailureOr<int64_t> TileFollower::getRank(Operation *op, Value value) {
  auto number = getNumber(op, value);
  if (succeeded(number) && (*number < 0 || *number >= recorder.model.ranks))
    return op->emitOpError("expected a rank from 0 to ")
           << recorder.model.ranks - 1 << " but got " << *number << " on rank " << rank;
  return number;
}

FailureOr<Access> TileFollower::getAccess(Operation *op, Value view, OperandRange offsets, ArrayRef<int64_t> tile) {
  const Known item = known[view];
  BufferType type = recorder.model.buffers[item.buffer].getResult().getType();
  Access access{item.buffer, item.peer, getSlot(item.buffer, epoch), {}, SmallVector<int64_t>(tile)};
  for (auto [offset, extent, most] : llvm::zip_equal(offsets, tile, type.getShape())) {
    auto begin = getNumber(op, offset);
    if (failed(begin))
      return failure();
    if (*begin < 0 || *begin + extent > most)
      return op->emitOpError("expected a tile within [")
             << type.getShape() << "] but got offset " << *begin << " on rank " << rank;
    access.begin.push_back(*begin);
  }
  return access;
}

FailureOr<int64_t> TileFollower::getCell(Operation *op, TypedValue<CounterType> counter, OperandRange indices) {
  int64_t flat = 0;
  for (auto [index, extent] : llvm::zip_equal(indices, counter.getType().getExtents())) {
    auto number = getNumber(op, index);
    if (failed(number))
      return failure();
    if (*number < 0 || *number >= extent)
      return op->emitOpError("expected an index from 0 to ")
             << extent - 1 << " of the counter but got " << *number << " on rank " << rank;
    flat = flat * extent + *number;
  }
  return flat;
}

LogicalResult TileFollower::compute(Operation *op, StepSequence &at) {
  Attribute constant;
  if (matchPattern(op, m_Constant(&constant))) {
    Known &item = known[op->getResult(0)];
    item = {};
    if (auto number = dyn_cast<IntegerAttr>(constant))
      item.number = number;
    else
      recorder.model.constants[*(item.tile = recorder.model.values++)] = constant;
    return success();
  }
  if (op->getNumResults() && llvm::all_of(op->getResultTypes(), [](Type type) { return type.isIntOrIndex(); }))
    return fold(op);
  if (!isa<lm::EvaluableOpInterface>(op) || isa<par::CollectiveOpInterface>(op) || op->getNumRegions())
    return op->emitOpError("expected an op of overlap, one that computes a tile, or index arithmetic in a program");
  Step step = at.make(StepKind::compute, op);
  for (Value operand : op->getOperands()) {
    const Known item = known[operand];
    if (!item.tile && !item.number)
      return op->emitOpError("expected operands that are tiles or known numbers");
    step.uses.push_back(item.tile ? *item.tile : recorder.model.values++);
    if (!item.tile)
      recorder.model.constants[step.uses.back()] = item.number;
  }
  for (Value result : op->getResults()) {
    known[result] = {};
    known[result].tile = recorder.model.values++;
    step.defines.push_back(*known[result].tile);
  }
  at.add(std::move(step));
  return success();
}
