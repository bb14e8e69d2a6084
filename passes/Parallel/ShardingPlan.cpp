//===- ShardingPlan.cpp - What is split along which axes ------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Parallel/ShardingPlan.h"

#include "passes/Parallel/Meshes.h"

using namespace plait;

ShardingPlan::ShardingPlan(ModuleOp module, const ShardingClasses &classes, par::MeshOp mesh)
    : shards(classes.classes.size()), wishes(classes.classes.size()), module(module), classes(classes), mesh(mesh) {
  if (par::MachineOp machine = findMachine(mesh))
    for (int64_t rank = 0; rank < mesh.getNumRanks(); ++rank)
      memory.push_back(double(machine.getDevice(mesh.getDevice(rank)).getMemory()));
  if (llvm::all_equal(memory))
    memory.clear();
  module.walk([&](lm::ShardingOpInterface op) {
    llvm::SmallSetVector<unsigned, 4> numbers;
    for (const ShardingFactor &factor : op.getShardingRule().factors) {
      const FactorDim &dim = factor.dims[0];
      Value value = dim.isResult ? Value(op->getResult(dim.value)) : op->getOperand(dim.value);
      if (auto number = classes.lookup(value, dim.dim))
        numbers.insert(*number);
    }
    for (unsigned a : numbers)
      for (unsigned b : numbers)
        if (a != b)
          met.insert({a, b});
  });
}

std::optional<ClassShards> ShardingPlan::split(unsigned number, ArrayRef<par::AxisAttr> axes) const {
  int64_t count = mesh.getSize(axes);
  SmallVector<double> shares;
  if (!memory.empty()) {
    // Several ranks have the same part; the smallest device has to hold it.
    shares.assign(count, std::numeric_limits<double>::infinity());
    for (auto [rank, bytes] : llvm::enumerate(memory)) {
      double &share = shares[mesh.getIndex(rank, axes)];
      share = std::min(share, bytes);
    }
    if (llvm::all_equal(shares))
      shares.clear();
  }
  auto bounds = classes.classes[number].split(count, shares);
  if (!bounds)
    return std::nullopt;
  return ClassShards{SmallVector<par::AxisAttr>(axes), *bounds};
}

std::optional<ClassShards> ShardingPlan::refine(unsigned number, const ClassShards &shards,
                                                ArrayRef<par::AxisAttr> axes) const {
  const ShardingClass &entry = classes.classes[number];
  int64_t count = mesh.getSize(axes);
  ClassShards finer{shards.axes, {}};
  llvm::append_range(finer.axes, axes);
  for (size_t part = 0; part < shards.bounds.size(); part += 2) {
    int64_t begin = shards.bounds[part], units = (shards.bounds[part + 1] - begin) / entry.granule;
    if (units < count)
      return std::nullopt;
    for (int64_t i = 0; i < count; ++i)
      finer.bounds.append({begin + i * units / count * entry.granule, begin + (i + 1) * units / count * entry.granule});
  }
  return entry.isUniform(finer.bounds) ? std::optional(finer) : std::nullopt;
}

std::optional<unsigned> ShardingPlan::findConflict(unsigned number, ArrayRef<par::AxisAttr> axes) const {
  for (unsigned other = 0; other < shards.size(); ++other)
    if (met.contains({number, other}))
      for (par::AxisAttr axis : axes)
        if (llvm::any_of(shards[other].axes, [&](par::AxisAttr a) { return a.overlaps(axis); }))
          return other;
  return std::nullopt;
}

/// Axes along which devices hold summands of `value`: those that split a dimension over
/// which it is summed up.
SmallVector<par::AxisAttr>
ShardingPlan::getUnreduced(Value value, const DenseMap<Value, SmallVector<par::AxisAttr>> &unreduced) const {
  auto op = value.getDefiningOp<lm::ShardingOpInterface>();
  if (!op)
    return {};
  ShardingRule rule = op.getShardingRule();
  if (rule.isLinear) {
    SmallVector<par::AxisAttr> axes = unreduced.lookup(op->getOperand(0));
    if (llvm::all_of(op->getOperands(), [&](Value operand) { return unreduced.lookup(operand) == axes; }))
      return axes;
  }
  SmallVector<par::AxisAttr> axes;
  for (const ShardingFactor &factor : rule.factors) {
    const FactorDim &dim = factor.dims[0];
    if (factor.kind != FactorKind::sum || dim.isResult)
      continue;
    if (auto number = classes.lookup(op->getOperand(dim.value), dim.dim))
      llvm::append_range(axes, shards[*number].axes);
  }
  return axes;
}

void ShardingPlan::apply(const IRMapping &mapping) const {
  SmallVector<Value> values;
  for (decode::StepOp step : module.getOps<decode::StepOp>())
    step.walk<WalkOrder::PreOrder>([&](Operation *op) {
      llvm::append_range(values, op->getResults());
      for (Region &region : op->getRegions())
        for (Block &block : region)
          llvm::append_range(values, block.getArguments());
    });
  // First all shardings, as constraints come between values and their users.
  MLIRContext *context = module.getContext();
  DenseMap<Value, SmallVector<par::AxisAttr>> unreduced;
  SmallVector<std::pair<Value, par::ShardAttr>> wanted;
  for (Value value : values) {
    SmallVector<par::DimShardAttr> dims;
    for (auto [i, extent] : llvm::enumerate(lm::getShardableShape(value.getType()))) {
      ClassShards split;
      if (auto number = classes.lookup(value, i)) {
        const ShardingClass &entry = classes.classes[*number];
        split.axes = shards[*number].axes;
        for (size_t part = 0; part < shards[*number].bounds.size(); part += 2) {
          auto [begin, end] = entry.partOf(extent, shards[*number].bounds[part], shards[*number].bounds[part + 1]);
          split.bounds.append({begin, end});
        }
      }
      dims.push_back(par::DimShardAttr::get(context, split.axes, split.bounds));
    }
    SmallVector<par::AxisAttr> sums = getUnreduced(value, unreduced);
    if (!sums.empty())
      unreduced[value] = sums;
    auto shard = par::ShardAttr::get(context, FlatSymbolRefAttr::get(mesh.getSymNameAttr()), dims, sums);
    if (!shard.isReplicated())
      wanted.push_back({value, shard});
  }
  for (auto [original, shard] : wanted) {
    Value value = mapping.lookupOrDefault(original);
    OpBuilder b(context);
    b.setInsertionPointAfterValue(value);
    auto op = par::ConstraintOp::create(b, value.getLoc(), value.getType(), value, shard);
    value.replaceAllUsesExcept(op.getResult(), op);
  }
}

//===----------------------------------------------------------------------===//
// Texts
//===----------------------------------------------------------------------===//

std::string plait::getAxesText(ArrayRef<par::AxisAttr> axes) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  llvm::interleaveComma(axes, stream, [&](par::AxisAttr axis) {
    stream << axis.getAxis();
    if (!axis.isWhole())
      stream << ":(" << axis.getBefore() << ")" << axis.getSize();
  });
  return text;
}

std::string plait::getSizesText(ArrayRef<int64_t> bounds) {
  std::string sizes;
  for (size_t i = 0; i < bounds.size(); i += 2)
    sizes += " " + std::to_string(bounds[i + 1] - bounds[i]);
  return sizes;
}

std::string plait::getWeightNames(const ShardingClass &entry) {
  std::string names;
  for (const ValueDim &member : entry.members)
    if (auto get = member.value.getDefiningOp<lm::GetWeightOp>())
      names += (names.empty() ? "" : ", ") + get.getWeight().getLeafReference().str();
  return names;
}

Location plait::getWeightLoc(const ShardingClass &entry, Location otherwise) {
  for (const ValueDim &member : entry.members)
    if (auto get = member.value.getDefiningOp<lm::GetWeightOp>())
      return get.getLoc();
  return otherwise;
}
