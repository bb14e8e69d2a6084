//===- StepTime.cpp - What a step of a sharded program takes --------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Cost/StepTime.h"

#include "plait/Cost/CollectiveTime.h"

#include <numeric>

using namespace plait;

namespace {

/// Bytes that choosing a token exchanges per leaf and rank (docs/parallel.md).
constexpr double kChoiceBytes = 16;

/// How `value` is sharded as its user sees it, or null if it is whole everywhere.
par::ShardAttr getShardAsUsed(Value value) {
  if (auto constraint = value.getDefiningOp<par::ConstraintOp>())
    return constraint.getShard();
  if (auto reshard = value.getDefiningOp<par::ReshardOp>())
    return reshard.getTarget();
  return {};
}

/// How `value` is sharded where it is made.
par::ShardAttr getShardAsMade(Value value) {
  for (Operation *user : value.getUsers())
    if (auto constraint = dyn_cast<par::ConstraintOp>(user))
      return constraint.getShard();
  return getShardAsUsed(value);
}

class StepTimer {
public:
  StepTimer(par::MeshOp mesh, par::MachineOp machine, const StepExtents &extents)
      : mesh(mesh), machine(machine), extents(extents), ranks(mesh.getNumRanks()) {}

  StepTime run(decode::StepOp step) {
    Timeline timeline = runBlock(step.getBody().front());
    finish(timeline);
    par::HostAttr host = machine.getHost();
    double own = host.getStep().getValueAsDouble() + double(extents.rows) * host.getSequence().getValueAsDouble();
    return {timeline.seconds + own, timeline.exchangeSeconds};
  }

private:
  /// What all ranks have done together, and what each has done since they last met.
  struct Timeline {
    double seconds = 0, exchangeSeconds = 0;
    std::vector<double> pending;
  };

  void finish(Timeline &timeline) {
    timeline.seconds += *std::max_element(timeline.pending.begin(), timeline.pending.end());
    std::fill(timeline.pending.begin(), timeline.pending.end(), 0);
  }

  void exchange(Timeline &timeline, double seconds) {
    finish(timeline);
    timeline.seconds += seconds;
    timeline.exchangeSeconds += seconds;
  }

  Timeline runBlock(Block &block) {
    Timeline timeline{0, 0, std::vector<double>(ranks)};
    for (Operation &op : block) {
      if (auto layers = dyn_cast<lm::LayersOp>(op))
        runLayers(timeline, layers);
      else if (auto reshard = dyn_cast<par::ReshardOp>(op))
        exchange(timeline, getSeconds(reshard));
      else
        runOp(timeline, &op);
    }
    return timeline;
  }

  void runLayers(Timeline &timeline, lm::LayersOp layers) {
    Timeline body = runBlock(layers.getBody().front());
    double count = double(layers.getCount());
    if (body.seconds > 0) { // the ranks meet in each layer
      finish(timeline);
      finish(body);
      timeline.seconds += count * body.seconds;
      timeline.exchangeSeconds += count * body.exchangeSeconds;
    } else {
      for (int64_t rank = 0; rank < ranks; ++rank)
        timeline.pending[rank] += count * body.pending[rank];
    }
  }

  double evaluate(const LinearForm &form) const {
    return double(form.constant) + double(form.tokens) * double(extents.tokens) +
           double(form.rows) * double(extents.rows) + double(form.leaves) * double(extents.leaves) +
           double(form.tokenPositions) * double(extents.tokenPositions);
  }

  //===--------------------------------------------------------------------===//
  // Ops
  //===--------------------------------------------------------------------===//

  /// What `rank` has of the elements of a value.
  double getShare(par::ShardAttr shard, Type type, int64_t rank) {
    double share = 1;
    SmallVector<int64_t> shape = lm::getShardableShape(type), local = shape;
    if (shard)
      local = par::getLocalShape(mesh, rank, shard, type);
    for (auto [i, extent] : llvm::enumerate(shape)) {
      if (shard && shard.getDims()[i].isEven())
        share /= double(mesh.getSize(shard.getDims()[i].getAxes()));
      else if (!ShapedType::isDynamic(extent))
        share *= double(local[i]) / double(extent);
    }
    return share;
  }

  /// What `rank` has of the op's work: of each factor the share of its longest dimension.
  double getWorkShare(Operation *op, int64_t rank) {
    auto sharding = dyn_cast<lm::ShardingOpInterface>(op);
    if (!sharding)
      return 1;
    double work = 1;
    for (const ShardingFactor &factor : sharding.getShardingRule().factors) {
      int64_t longest = 0;
      double share = 1;
      for (const FactorDim &dim : factor.dims) {
        Value value = dim.isResult ? Value(op->getResult(dim.value)) : op->getOperand(dim.value);
        par::ShardAttr shard = dim.isResult ? getShardAsMade(value) : getShardAsUsed(value);
        int64_t extent = lm::getShardableShape(value.getType())[dim.dim];
        if (!shard || shard.getDims()[dim.dim].isWhole() || extent < longest)
          continue;
        par::DimShardAttr split = shard.getDims()[dim.dim];
        longest = extent;
        share = split.isEven() ? 1 / double(mesh.getSize(split.getAxes()))
                               : double(split.getSize(mesh.getIndex(rank, split.getAxes()))) / double(extent);
      }
      work *= share;
    }
    return work;
  }

  /// Of weights and states (`isStored`), or of activations, among the op's values the share
  /// of `rank` by bytes.
  double getByteShare(Operation *op, int64_t rank, bool isStored) {
    double all = 0, own = 0;
    auto add = [&](Value value, par::ShardAttr shard) {
      double bytes = 0;
      if (auto weight = dyn_cast<lm::WeightType>(value.getType()))
        bytes = isStored ? double(weight.getStorageBytes()) : 0;
      else if (isa<lm::StateType>(value.getType()))
        bytes = isStored ? 1 : 0; // alone, or with vectors that weigh nothing
      else if (auto tensor = dyn_cast<RankedTensorType>(value.getType()))
        bytes = isStored ? 0 : evaluate(lm::tensorBytes(tensor));
      all += bytes;
      own += bytes * getShare(shard, value.getType(), rank);
    };
    for (Value operand : op->getOperands())
      add(operand, getShardAsUsed(operand));
    for (Value result : op->getResults())
      if (!isStored)
        add(result, getShardAsMade(result));
    return all > 0 ? own / all : 1;
  }

  void runOp(Timeline &timeline, Operation *op) {
    auto costed = dyn_cast<lm::CostOpInterface>(op);
    if (!costed)
      return;
    Cost cost = costed.getCost();
    double flops = evaluate(cost.flops), stored = evaluate(cost.weightBytes),
           activations = evaluate(cost.activationBytes);
    std::string element = getPeakName(op);
    for (int64_t rank = 0; rank < ranks; ++rank) {
      par::DeviceAttr device = machine.getDevice(mesh.getDevice(rank));
      double bytes = stored * getByteShare(op, rank, true) + activations * getByteShare(op, rank, false);
      timeline.pending[rank] += std::max(flops * getWorkShare(op, rank) / device.getPeakOf(element),
                                         bytes / device.getBandwidth().getValueAsDouble()) +
                                device.getLaunch().getValueAsDouble();
    }
    if (SmallVector<par::AxisAttr> axes = getExchangeAxes(op); !axes.empty())
      exchange(timeline, forEachGroup(axes, [&](const GroupLink &link, ArrayRef<int64_t> group) {
                 std::vector<double> parts(group.size(), kChoiceBytes * double(extents.leaves));
                 return getAllGatherSeconds(link, parts);
               }));
  }

  //===--------------------------------------------------------------------===//
  // Exchanges
  //===--------------------------------------------------------------------===//

  /// Axes along which an op's devices tell each other what they found in their parts.
  SmallVector<par::AxisAttr> getExchangeAxes(Operation *op) {
    auto sharding = dyn_cast<lm::ShardingOpInterface>(op);
    if (!sharding)
      return {};
    for (const ShardingFactor &factor : sharding.getShardingRule().factors)
      for (const FactorDim &dim : factor.dims)
        if (factor.kind == FactorKind::exchange && !dim.isResult)
          if (par::ShardAttr shard = getShardAsUsed(op->getOperand(dim.value)))
            return llvm::to_vector(shard.getDims()[dim.dim].getAxes());
    return {};
  }

  /// The longest that one of the groups of ranks along `axes` takes.
  double forEachGroup(ArrayRef<par::AxisAttr> axes,
                      llvm::function_ref<double(const GroupLink &, ArrayRef<int64_t>)> getSeconds) {
    double longest = 0;
    for (int64_t rank = 0; rank < ranks; ++rank) {
      if (mesh.getIndex(rank, axes) != 0)
        continue;
      SmallVector<int64_t> group = mesh.getGroup(rank, axes), devices;
      for (int64_t member : group)
        devices.push_back(mesh.getDevice(member));
      if (group.size() > 1)
        longest = std::max(longest, getSeconds(getGroupLink(machine, devices), group));
    }
    return longest;
  }

  double getSeconds(par::ReshardOp reshard) {
    par::ShardAttr source = reshard.getSource(), target = reshard.getTarget();
    Type type = reshard.getInput().getType();
    auto tensor = dyn_cast<RankedTensorType>(type);
    double bytes = tensor ? evaluate(lm::tensorBytes(tensor)) : 0, seconds = 0;
    if (ArrayRef<par::AxisAttr> axes = source.getUnreduced(); !axes.empty()) {
      bool isScattered = source.getDims() != target.getDims();
      seconds += forEachGroup(axes, [&](const GroupLink &link, ArrayRef<int64_t> group) {
        int64_t n = group.size();
        double own = bytes * getShare(source, type, group[0]);
        return isScattered ? getReduceScatterSeconds(link, n, own)
                           : getAllReduceSeconds(chooseAllReduce(link.kind, n, own), link, n, own);
      });
    }
    for (auto [from, to] : llvm::zip_equal(source.getDims(), target.getDims()))
      if (from != to && !from.isWhole())
        seconds += forEachGroup(from.getAxes(), [&](const GroupLink &link, ArrayRef<int64_t> group) {
          SmallVector<double> parts;
          for (int64_t rank : group)
            parts.push_back(bytes * getShare(source, type, rank));
          return getAllGatherSeconds(link, parts);
        });
    return seconds;
  }

  par::MeshOp mesh;
  par::MachineOp machine;
  StepExtents extents;
  int64_t ranks;
};
} // namespace

std::string plait::getPeakName(Operation *op) {
  std::string name = "f32";
  for (Type type : op->getOperandTypes())
    if (auto weight = dyn_cast<lm::WeightType>(type); weight && !weight.isVector()) {
      name.clear();
      llvm::raw_string_ostream(name) << cast<lm::WeightFormatInterface>(weight.getFormat()).getStorageType();
    }
  return name;
}

StepTime plait::predictStep(decode::StepOp step, par::MeshOp mesh, par::MachineOp machine, const StepExtents &extents) {
  return StepTimer(mesh, machine, extents).run(step);
}

SmallVector<int64_t> plait::predictMemory(decode::StepOp step, par::MeshOp mesh, int64_t positions) {
  SmallVector<int64_t> bytes(mesh.getNumRanks(), 0);
  DenseSet<Attribute> counted;
  auto getLocalType = [&](Value value, int64_t rank) {
    par::ShardAttr shard = getShardAsMade(value);
    return shard ? lm::getPartType(value.getType(), par::getLocalShape(mesh, rank, shard, value.getType()))
                 : value.getType();
  };
  step.walk([&](lm::GetWeightOp get) {
    if (!counted.insert(get.getWeightAttr()).second)
      return;
    auto weight = SymbolTable::lookupNearestSymbolFrom<lm::WeightOp>(get, get.getWeightAttr());
    for (auto [rank, own] : llvm::enumerate(bytes))
      own += cast<lm::WeightType>(getLocalType(get.getResult(), rank)).getStorageBytes() * weight.getSlices();
  });
  for (BlockArgument argument : step.getBody().getArguments())
    if (isa<lm::StateType>(argument.getType()))
      for (auto [rank, own] : llvm::enumerate(bytes)) {
        auto state = cast<lm::StateType>(getLocalType(argument, rank));
        int64_t cell =
            2 * state.getKvHeads() *
            (state.getHeadDim() * int64_t(state.getElement().getIntOrFloatBitWidth() / 8) + (state.isScaled() ? 4 : 0));
        int64_t held = state.getWindow() ? std::min<int64_t>(positions, *state.getWindow()) : positions;
        own += cell * state.getLayers() * held;
      }
  return bytes;
}
