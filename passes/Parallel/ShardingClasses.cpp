//===- ShardingClasses.cpp - Dimensions that are split together -----------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Parallel/ShardingClasses.h"

#include "dialects/Par/Par.h"

#include <cmath>
#include <limits>
#include <numeric>

using namespace plait;

//===----------------------------------------------------------------------===//
// Parts
//===----------------------------------------------------------------------===//

std::pair<int64_t, int64_t> ShardingClass::partOf(int64_t memberExtent, int64_t begin, int64_t end) const {
  int64_t ratio = extent / memberExtent;
  if (ratio == 1)
    return {begin, end};
  return {begin / sharing * sharing / ratio, int64_t(llvm::divideCeil(end, sharing)) * sharing / ratio};
}

/// Whether the units [begin, end) use each block of `block` units that they touch for
/// equally many units: kernels know one number of query heads per key/value head.
static bool isUniform(int64_t begin, int64_t end, int64_t block) {
  int64_t first = std::min(end, begin / block * block + block) - begin;
  for (int64_t at = begin; at < end;) {
    int64_t next = std::min(end, at / block * block + block);
    if (next - at != first)
      return false;
    at = next;
  }
  return true;
}

bool ShardingClass::isUniform(ArrayRef<int64_t> bounds) const {
  for (size_t i = 0; sharing && i < bounds.size(); i += 2)
    if (!::isUniform(bounds[i], bounds[i + 1], sharing))
      return false;
  return true;
}

/// `count` ranges of units, as near to the ratios of `shares` as may be; none is empty.
static SmallVector<int64_t> splitByShares(int64_t units, int64_t count, ArrayRef<double> shares) {
  double all = std::accumulate(shares.begin(), shares.end(), 0.0), before = 0;
  SmallVector<int64_t> bounds;
  int64_t begin = 0;
  for (int64_t i = 0; i < count; ++i) {
    before += shares[i];
    int64_t end = std::clamp(std::llround(double(units) * before / all), (long long)(begin + 1),
                             (long long)(units - (count - 1 - i)));
    bounds.append({begin, i + 1 == count ? units : end});
    begin = end;
  }
  return bounds;
}

std::optional<SmallVector<int64_t>> ShardingClass::split(int64_t count, ArrayRef<double> shares) const {
  // Products are computed in panels of 32 columns.
  int64_t unit = granule;
  if (!sharing && std::lcm(unit, int64_t(32)) * count <= extent && extent % std::lcm(unit, int64_t(32)) == 0)
    unit = std::lcm(unit, int64_t(32));
  int64_t units = extent / unit, block = sharing / unit;
  if (units < count)
    return std::nullopt;
  SmallVector<int64_t> bounds;
  if (!sharing && !shares.empty()) {
    bounds = splitByShares(units, count, shares);
    for (int64_t &bound : bounds)
      bound *= unit;
    return bounds;
  }
  if (!sharing) {
    for (int64_t i = 0; i < count; ++i)
      bounds.append({i * units / count * unit, (i + 1) * units / count * unit});
    return bounds;
  }
  // best[i][e]: of i parts that end at e, chosen well: the size of the largest, by its
  // share, and how many blocks they use altogether; and where the last one begins.
  struct Choice {
    std::pair<double, int64_t> cost{std::numeric_limits<double>::max(), 0};
    int64_t begin = -1;
  };
  std::vector<std::vector<Choice>> best(count + 1, std::vector<Choice>(units + 1));
  best[0][0] = {{0, 0}, 0};
  for (int64_t i = 1; i <= count; ++i)
    for (int64_t end = i; end <= units; ++end)
      for (int64_t begin = i - 1; begin < end; ++begin) {
        const Choice &before = best[i - 1][begin];
        if (before.begin < 0 || !::isUniform(begin, end, block))
          continue;
        int64_t blocks = int64_t(llvm::divideCeil(end, block)) - begin / block;
        double size = double(end - begin) / (shares.empty() ? 1 : shares[i - 1]);
        std::pair cost{std::max(before.cost.first, size), before.cost.second + blocks};
        if (cost < best[i][end].cost)
          best[i][end] = {cost, begin};
      }
  if (best[count][units].begin < 0)
    return std::nullopt;
  bounds.resize(2 * count);
  for (int64_t i = count, end = units; i > 0; --i) {
    int64_t begin = best[i][end].begin;
    bounds[2 * i - 2] = begin * unit;
    bounds[2 * i - 1] = end * unit;
    end = begin;
  }
  return bounds;
}

//===----------------------------------------------------------------------===//
// Classes
//===----------------------------------------------------------------------===//

ShardingClasses::ShardingClasses(ModuleOp module) {
  for (decode::StepOp step : module.getOps<decode::StepOp>()) {
    for (BlockArgument argument : step.getBody().getArguments())
      if (!isa<lm::StateType>(argument.getType()))
        for (unsigned dim = 0; dim < lm::getShardableShape(argument.getType()).size(); ++dim)
          requireWhole(argument, dim, step);
    step.walk([&](Operation *op) {
      if (op != step)
        visit(op);
    });
  }
  collect();
}

Value ShardingClasses::canonical(Value value) const {
  auto get = value.getDefiningOp<lm::GetWeightOp>();
  return get ? weights.lookup(get.getWeightAttr()) : value;
}

void ShardingClasses::visit(Operation *op) {
  if (auto get = dyn_cast<lm::GetWeightOp>(op)) {
    weights.try_emplace(get.getWeightAttr(), get.getResult());
    return;
  }
  if (auto layers = dyn_cast<lm::LayersOp>(op)) {
    Block &body = layers.getBody().front();
    for (auto [init, argument, yielded, result] : llvm::zip_equal(
             layers.getInits(), body.getArguments(), body.getTerminator()->getOperands(), layers.getResults())) {
      unite(init, argument);
      unite(init, yielded);
      unite(init, result);
    }
    return;
  }
  if (isa<lm::YieldOp>(op))
    return;
  if (auto constraint = dyn_cast<par::ConstraintOp>(op))
    return unite(constraint.getInput(), constraint.getResult());
  ShardingRule rule;
  if (auto sharding = dyn_cast<lm::ShardingOpInterface>(op))
    rule = sharding.getShardingRule();
  visitRule(op, rule);
}

void ShardingClasses::visitRule(Operation *op, const ShardingRule &rule) {
  DenseSet<std::pair<Value, unsigned>> covered;
  DenseSet<unsigned> roots;
  auto valueOf = [&](const FactorDim &dim) {
    return dim.isResult ? Value(op->getResult(dim.value)) : op->getOperand(dim.value);
  };
  for (const ShardingFactor &factor : rule.factors) {
    unsigned first = getNode(valueOf(factor.dims[0]), factor.dims[0].dim);
    for (const FactorDim &dim : factor.dims) {
      unsigned node = getNode(valueOf(dim), dim.dim);
      nodes[node].granule = std::lcm(nodes[node].granule, dim.granule);
      unite(first, node);
      covered.insert({canonical(valueOf(dim)), dim.dim});
    }
  }
  for (const ShardingFactor &factor : rule.factors) {
    unsigned first = getNode(valueOf(factor.dims[0]), factor.dims[0].dim);
    if (!roots.insert(find(first)).second)
      requireWhole(valueOf(factor.dims[0]), factor.dims[0].dim, op); // two factors of one class
  }
  auto check = [&](Value value) {
    for (unsigned dim = 0; dim < lm::getShardableShape(value.getType()).size(); ++dim)
      if (!covered.contains({canonical(value), dim}))
        requireWhole(value, dim, op);
  };
  llvm::for_each(op->getOperands(), check);
  llvm::for_each(op->getResults(), check);
}

unsigned ShardingClasses::getNode(Value value, unsigned dim) {
  value = canonical(value);
  auto [it, fresh] = numbers.try_emplace({value, dim}, nodes.size());
  if (fresh)
    nodes.push_back({{value, dim}, lm::getShardableShape(value.getType())[dim], 1, it->second, ""});
  return it->second;
}

unsigned ShardingClasses::find(unsigned node) const {
  while (nodes[node].parent != node)
    node = nodes[node].parent;
  return node;
}

void ShardingClasses::unite(Value a, Value b) {
  for (unsigned dim = 0; dim < lm::getShardableShape(a.getType()).size(); ++dim)
    unite(getNode(a, dim), getNode(b, dim));
}

void ShardingClasses::unite(unsigned a, unsigned b) {
  a = find(a);
  b = find(b);
  // The first one stays the root: the order of the classes is that of the program.
  if (a != b)
    nodes[std::max(a, b)].parent = std::min(a, b);
}

void ShardingClasses::requireWhole(Value value, unsigned dim, Operation *op) {
  std::string &obstacle = nodes[getNode(value, dim)].obstacle;
  if (obstacle.empty())
    obstacle = (op->getName().getStringRef() + " needs it whole").str();
}

void ShardingClasses::collect() {
  for (unsigned i = 0; i < nodes.size(); ++i) {
    auto [it, fresh] = classOfRoot.try_emplace(find(i), classes.size());
    if (fresh)
      classes.emplace_back();
    ShardingClass &entry = classes[it->second];
    entry.members.push_back(nodes[i].dim);
    entry.extent = std::max(entry.extent, nodes[i].extent);
    if (ShapedType::isDynamic(nodes[i].extent))
      entry.obstacle = "its extent is not known";
    if (entry.obstacle.empty())
      entry.obstacle = nodes[i].obstacle;
    if (auto get = nodes[i].dim.value.getDefiningOp<lm::GetWeightOp>()) {
      auto weight = SymbolTable::lookupNearestSymbolFrom<lm::WeightOp>(get, get.getWeightAttr());
      entry.weightBytes += cast<lm::WeightType>(get.getType()).getStorageBytes() * weight.getSlices();
    }
  }
  for (const Node &node : nodes) {
    ShardingClass &entry = classes[classOfRoot.lookup(find(numbers.lookup({node.dim.value, node.dim.dim})))];
    if (!entry.obstacle.empty())
      continue;
    if (entry.extent % node.extent)
      entry.obstacle = "its extents do not divide each other";
    else if (node.extent == entry.extent)
      entry.granule = std::lcm(entry.granule, node.granule);
    else
      entry.sharing = std::lcm(std::max<int64_t>(entry.sharing, 1), node.granule * (entry.extent / node.extent));
  }
  for (ShardingClass &entry : classes)
    if (entry.obstacle.empty() && (entry.extent % entry.granule || entry.sharing % entry.granule))
      entry.obstacle = "its granules do not divide each other";
}

std::optional<unsigned> ShardingClasses::lookup(Value value, unsigned dim) const {
  auto it = numbers.find({canonical(value), dim});
  if (it == numbers.end())
    return std::nullopt;
  return classOfRoot.lookup(find(it->second));
}
