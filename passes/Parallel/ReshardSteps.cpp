//===- ReshardSteps.cpp - Collectives from one sharding to another --------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A search over shardings: each dimension is as in the source, as in the target, or whole,
// and of the axes along which there are summands some are left. That is few states, so
// that the best way is found by looking at all (Dijkstra's algorithm).
//
//===----------------------------------------------------------------------===//

#include "passes/Parallel/ReshardSteps.h"

#include "llvm/ADT/MapVector.h"

using namespace plait;

namespace {

class Search {
public:
  Search(par::MeshOp mesh, RankedTensorType type, par::ShardAttr source, par::ShardAttr target)
      : mesh(mesh), type(type), source(source), target(target) {}

  std::optional<SmallVector<ReshardStep>> run() {
    states[source] = {0, false, {}, {}};
    while (true) {
      par::ShardAttr best;
      for (auto &[shard, state] : states)
        if (!state.isDone && (!best || state.cost < states[best].cost))
          best = shard;
      if (!best)
        return std::nullopt;
      if (best == target)
        break;
      states[best].isDone = true;
      expand(best);
    }
    SmallVector<ReshardStep> steps;
    for (par::ShardAttr shard = target; shard != source; shard = states[shard].before)
      steps.push_back(states[shard].step);
    return SmallVector<ReshardStep>(llvm::reverse(steps));
  }

private:
  struct State {
    double cost;
    bool isDone;
    par::ShardAttr before;
    ReshardStep step;
  };

  /// Elements that a device holds, of rows that a step tells as if there were one.
  double sizeOf(par::ShardAttr shard) {
    double size = 1;
    for (auto [extent, dim] : llvm::zip_equal(type.getShape(), shard.getDims())) {
      double devices = double(mesh.getSize(dim.getAxes()));
      double longest = ShapedType::isDynamic(extent) ? 1 / devices : double(extent);
      if (!dim.isWhole() && !dim.isEven()) {
        longest = 0;
        for (int64_t part = 0; part < dim.getNumParts(); ++part)
          longest = std::max(longest, double(dim.getSize(part)));
      }
      size *= longest;
    }
    return size;
  }

  /// Whether devices along `axes` differ in what they hold.
  static bool isUsed(par::ShardAttr shard, ArrayRef<par::AxisAttr> axes) {
    auto overlaps = [&](ArrayRef<par::AxisAttr> others) {
      return llvm::any_of(others, [&](par::AxisAttr axis) {
        return llvm::any_of(axes, [&](par::AxisAttr other) { return axis.overlaps(other); });
      });
    };
    return overlaps(shard.getUnreduced()) ||
           llvm::any_of(shard.getDims(), [&](par::DimShardAttr dim) { return overlaps(dim.getAxes()); });
  }

  void add(par::ShardAttr from, ReshardStep step, double sent) {
    constexpr double kStep = 1e-9; // of two ways that send as much the one of fewer steps
    double cost = states[from].cost + sent + kStep;
    auto [state, fresh] = states.insert({step.result, {cost, false, from, step}});
    if (!fresh && cost < state->second.cost)
      state->second = {cost, false, from, step};
  }

  par::ShardAttr with(par::ShardAttr shard, ArrayRef<par::DimShardAttr> dims, ArrayRef<par::AxisAttr> unreduced) const {
    return par::ShardAttr::get(shard.getContext(), shard.getMesh(), dims, unreduced);
  }

  void expand(par::ShardAttr now) {
    ArrayRef<par::DimShardAttr> dims = now.getDims();
    ArrayRef<par::AxisAttr> unreduced = now.getUnreduced();
    auto whole = par::DimShardAttr::get(now.getContext(), {}, {});
    double size = sizeOf(now);
    auto share = [&](ArrayRef<par::AxisAttr> axes) { // of what each has, that goes to others
      double devices = double(mesh.getSize(axes));
      return (devices - 1) / devices;
    };
    auto withDim = [&](unsigned dim, par::DimShardAttr value) {
      SmallVector<par::DimShardAttr> changed(dims);
      changed[dim] = value;
      return changed;
    };
    // Sums that the target does not keep, of all axes at once.
    SmallVector<par::AxisAttr> toReduce, kept;
    for (par::AxisAttr axis : unreduced)
      (llvm::is_contained(target.getUnreduced(), axis) ? kept : toReduce).push_back(axis);
    if (!toReduce.empty())
      add(now, {ReshardKind::allReduce, with(now, dims, kept), 0, 0, toReduce}, 2 * size * share(toReduce));
    for (auto [d, dim] : llvm::enumerate(dims)) {
      par::DimShardAttr wanted = target.getDims()[d];
      bool isSplittable = dim.isWhole() && !wanted.isWhole() && !wanted.overlaps();
      SmallVector<par::AxisAttr> axes(wanted.getAxes());
      if (isSplittable && !isUsed(now, axes))
        add(now, {ReshardKind::part, with(now, withDim(d, wanted), unreduced), unsigned(d), 0, axes}, 0);
      // Axes of one sum, some of which may be scattered.
      bool areSummed = llvm::all_of(axes, [&](par::AxisAttr axis) { return llvm::is_contained(toReduce, axis); });
      if (isSplittable && areSummed) {
        SmallVector<par::AxisAttr> left;
        for (par::AxisAttr axis : unreduced)
          if (!llvm::is_contained(axes, axis))
            left.push_back(axis);
        add(now, {ReshardKind::reduceScatter, with(now, withDim(d, wanted), left), unsigned(d), 0, axes},
            size * share(axes));
      }
      if (dim.isWhole() || dim.overlaps())
        continue;
      SmallVector<par::AxisAttr> own(dim.getAxes());
      par::ShardAttr gathered = with(now, withDim(d, whole), unreduced);
      add(now, {ReshardKind::allGather, gathered, unsigned(d), 0, own}, sizeOf(gathered) * share(own));
      for (auto [e, other] : llvm::enumerate(dims)) {
        par::DimShardAttr parts = target.getDims()[e];
        if (e == d || !other.isWhole() || parts.getAxes() != dim.getAxes() || parts.overlaps())
          continue;
        SmallVector<par::DimShardAttr> changed = withDim(d, whole);
        changed[e] = parts;
        add(now, {ReshardKind::allToAll, with(now, changed, unreduced), unsigned(e), unsigned(d), own},
            size * share(own));
      }
    }
  }

  par::MeshOp mesh;
  RankedTensorType type;
  par::ShardAttr source, target;
  llvm::MapVector<par::ShardAttr, State> states;
};

} // namespace

std::optional<SmallVector<ReshardStep>> plait::findReshardSteps(par::MeshOp mesh, RankedTensorType type,
                                                                par::ShardAttr source, par::ShardAttr target) {
  return Search(mesh, type, source, target).run();
}

RankedTensorType plait::getLocalType(par::MeshOp mesh, int64_t rank, par::ShardAttr shard, RankedTensorType type) {
  auto local = cast<RankedTensorType>(lm::getPartType(type, par::getLocalShape(mesh, rank, shard, type)));
  bool isEven = llvm::any_of(shard.getDims(), [](par::DimShardAttr dim) { return dim.isEven(); });
  return isEven ? lm::getTokensPart(local) : local;
}
