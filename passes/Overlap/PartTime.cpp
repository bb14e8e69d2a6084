//===- PartTime.cpp - What a part of a region takes -----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Overlap/PartTime.h"

#include "plait/Cost/StepTime.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace plait;
using namespace plait::overlap;
using timeline::EventKind;

static double bytesOf(Value tile) {
  auto type = cast<RankedTensorType>(tile.getType());
  return double(type.getNumElements()) * type.getElementTypeBitWidth() / 8;
}

/// Of the ranks the most indices that one waits for.
static int64_t countIndices(TriggerOp op, int64_t ranks) {
  ArrayRef<int64_t> extents = op.getCounter().getType().getExtents();
  int64_t count = ShapedType::getNumElements(extents), most = 0;
  auto track = op.getCounter().getDefiningOp<TrackOp>();
  if (!track || !track.getOwner())
    return count;
  for (int64_t rank = 0; rank < ranks; ++rank) {
    int64_t own = 0;
    for (int64_t i = 0; i < count; ++i) {
      SmallVector<int64_t> index(extents.size());
      int64_t rest = i;
      for (size_t d = index.size(); d-- > 0; rest /= extents[d])
        index[d] = rest % extents[d];
      own += track.isOwner(index, ranks, rank);
    }
    most = std::max(most, own);
  }
  return most;
}

RegionPart::RegionPart(Operation *op, int64_t ranks) : op(op), ranks(ranks) {
  runs = llvm::TypeSwitch<Operation *, int64_t>(op)
             .Case<TilesOp>([](auto tiles) { return tiles.countTiles(); })
             .Case<TriggerOp>([&](auto trigger) { return countIndices(trigger, ranks); });
  work.kind = EventKind::rowwise;
  work.extents.tokens = 1;
  for (int64_t rank = 0; rank < ranks; ++rank)
    work.ranks.push_back(int(rank));
  SmallVector<Value> weights;
  for (Operation &inner : op->getRegion(0).front())
    add(inner, weights);
  for (Value weight : weights)
    work.work.storedBytes.constant += double(cast<lm::WeightType>(weight.getType()).getStorageBytes());
  // Forms are of tokens: as if each had its share.
  for (timeline::Form *form : {&work.work.flops, &work.work.activationBytes})
    form->tokens /= work.extents.tokens;
  work.bytes.tokens = exchanged / work.extents.tokens;
}

PoolAttr RegionPart::getPool() const {
  auto tiles = dyn_cast<TilesOp>(op);
  return tiles ? tiles.getPool() : cast<TriggerOp>(op).getPool();
}

void RegionPart::setPool(PoolAttr pool) {
  if (auto tiles = dyn_cast<TilesOp>(op))
    tiles.setPoolAttr(pool);
  else
    cast<TriggerOp>(op).setPoolAttr(pool);
}

/// What is gathered after it was added up is one exchange.
void RegionPart::exchange(EventKind kind, double bytes) {
  bool isSecond = exchanged > 0 && exchangeKind != kind;
  exchangeKind = isSecond ? EventKind::allReduce : kind;
  exchanged = isSecond ? std::max(exchanged, bytes) : exchanged + bytes;
}

void RegionPart::add(Operation &inner, SmallVectorImpl<Value> &weights) {
  double times = double(runs);
  if (auto costed = dyn_cast<lm::CostOpInterface>(inner)) {
    Cost cost = costed.getCost();
    work.work.flops.tokens += times * double(cost.flops.constant);
    work.work.activationBytes.tokens += times * double(cost.activationBytes.constant);
    for (Value operand : inner.getOperands()) {
      auto slice = operand.getDefiningOp<SliceOp>();
      Value weight = slice ? slice.getInput() : operand;
      if (isa<lm::WeightType>(weight.getType()) && !llvm::is_contained(weights, weight))
        weights.push_back(weight);
    }
    if (inner.hasTrait<lm::WeightProduct>()) {
      work.kind = EventKind::product;
      work.work.element = getPeakName(&inner);
      multiplied += times * double(cost.flops.constant);
    }
    return;
  }
  auto store = [&](auto op) {
    Value tile = op.getValue();
    double bytes = times * bytesOf(tile);
    work.work.activationBytes.tokens += bytes;
    // Of a whole row so many tiles.
    auto type = cast<RankedTensorType>(tile.getType());
    work.extents.tokens = std::max(work.extents.tokens, times * double(type.getNumElements()) /
                                                            double(op.getTarget().getType().getShape().back()));
    switch (op.getTarget().getType().getWindow()) {
    case Window::own:
      return;
    case Window::peer:
      return exchange(EventKind::reduceScatter, bytes);
    case Window::multicast: // of the rank's own rows, of which all have as many
      return exchange(EventKind::allGather, bytes * double(ranks));
    }
  };
  llvm::TypeSwitch<Operation *>(&inner)
      .Case<PutOp, ReduceAddOp, PublishOp>(store)
      .Case<PollOp>([&](auto poll) {
        work.work.activationBytes.tokens += times * bytesOf(poll.getResult()) * double(poll.getRows());
      })
      .Case<LoadOp>([&](auto load) {
        double bytes = times * bytesOf(load.getResult());
        work.work.activationBytes.tokens += bytes;
        if (load.getSource().getType().getWindow() == Window::peer)
          exchange(EventKind::allGather, bytes);
      })
      .Case<LoadReduceOp>(
          [&](auto load) { exchange(EventKind::reduceScatter, times * bytesOf(load.getResult()) * double(ranks)); });
}

double RegionPart::getSeconds(const timeline::Machine &machine, int64_t units, int64_t workers) const {
  // Whole tiles: the worker that has most of them is the last.
  double share = double(llvm::divideCeil(uint64_t(std::max<int64_t>(runs, 1)), uint64_t(workers))) /
                 double(std::max<int64_t>(runs, 1));
  double computed = machine.getComputeSeconds(work, 0) * double(units) * share;
  if (exchanged == 0)
    return computed;
  timeline::Event event = work;
  event.kind = exchangeKind;
  event.launches = 0; // one kernel with all else
  timeline::Machine::Exchange least = machine.getExchange(event);
  bool isShared = machine.link.kind == timeline::LinkKind::sharedMemory;
  if (!isShared && least.units > 0) { // measured, with what is computed on the way
    event.units = int(workers);
    timeline::Machine::Exchange exchange = machine.getExchange(event);
    auto rate = machine.link.rates.find(timeline::getName(event.kind));
    // A rate that was measured with one number of units says nothing of fewer: each has its share.
    bool isOne = rate != machine.link.rates.end() && rate->second.units.points.empty();
    return exchange.latency + exchange.transfer * (isOne ? std::max(1.0, double(least.units) / double(workers)) : 1);
  }
  event.work = {};
  timeline::Machine::Exchange exchange = machine.getExchange(event);
  // Who shares memory copies by himself.
  return exchange.latency + std::max(exchange.transfer * (isShared ? double(units) * share : 1), computed);
}

double RegionPart::getShare(int64_t workers) const {
  double tiles = double(std::max<int64_t>(runs, 1));
  return (multiplies() ? multiplied : exchanged) * double(llvm::divideCeil(uint64_t(tiles), uint64_t(workers))) / tiles;
}

SmallVector<int64_t> plait::splitWorkers(ArrayRef<std::function<double(int64_t)>> seconds, ArrayRef<int64_t> most,
                                         int64_t workers) {
  SmallVector<int64_t> split(seconds.size(), 1);
  SmallVector<bool> isOpen(seconds.size(), true);
  int64_t rest = workers - int64_t(seconds.size());
  // Always the longest, and as many more as it takes to be quicker: whatever is shorter in the end has this as its
  // longest.
  while (true) {
    std::optional<size_t> longest;
    for (size_t i = 0; i < seconds.size(); ++i)
      if (isOpen[i] && (!longest || seconds[i](split[i]) > seconds[*longest](split[*longest])))
        longest = i;
    if (!longest)
      return split;
    size_t i = *longest;
    int64_t last = std::min(most[i], split[i] + rest), next = split[i] + 1;
    while (next <= last && seconds[i](next) >= seconds[i](split[i]))
      ++next;
    isOpen[i] = next <= last;
    if (!isOpen[i])
      continue;
    rest -= next - split[i];
    split[i] = next;
  }
}
