//===- ConstrainWeights.cpp - Constraints of the command line -------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Parallel/Meshes.h"
#include "passes/Parallel/Passes.h"
#include "passes/Parallel/ShardingPlan.h"

#include "llvm/ADT/StringExtras.h"

#include <map>

namespace plait {
#define GEN_PASS_DEF_CONSTRAINWEIGHTSPASS
#include "passes/Parallel/Passes.h.inc"
} // namespace plait

using namespace plait;

namespace {

/// WEIGHT=SPEC.
struct ShardText {
  std::string text;
  StringRef weight;
  StringRef kind;              ///< "whole", "rows" or "columns"
  SmallVector<int64_t> bounds; ///< if given

  unsigned getDim() const { return kind == "columns"; }
};

/// The name of a tensor without the number of its layer: "model.layers.*.q" and
/// "model.layers.{layer}.q" are "model.layers.q".
std::string withoutLayer(StringRef name) {
  std::string text;
  for (StringRef part : llvm::split(name, '.'))
    if (part != "*" && part != "{layer}")
      text += (text.empty() ? "" : ".") + part.str();
  return text;
}

/// The same with a number for the layer, if there is one.
std::optional<std::string> withoutNumber(StringRef name) {
  std::string text;
  bool found = false;
  for (StringRef part : llvm::split(name, '.')) {
    if (!found && !part.empty() && llvm::all_of(part, llvm::isDigit))
      found = true;
    else
      text += (text.empty() ? "" : ".") + part.str();
  }
  return found ? std::optional(text) : std::nullopt;
}

struct ConstrainWeightsPass : plait::impl::ConstrainWeightsPassBase<ConstrainWeightsPass> {
  using ConstrainWeightsPassBase::ConstrainWeightsPassBase;

  void runOnOperation() override {
    if (shards.empty())
      return;
    auto found = findMesh(getOperation(), meshName);
    if (failed(found))
      return signalPassFailure();
    for (decode::StepOp step : getOperation().getOps<decode::StepOp>())
      step.walk([&](lm::GetWeightOp get) { weights.push_back(get); });
    ShardingClasses classes(getOperation());
    ShardingPlan plan(getOperation(), classes, *found);
    for (const std::string &text : shards) {
      auto shard = parse(text);
      if (failed(shard) || failed(constrain(*shard, plan)))
        return signalPassFailure();
    }
    for (auto &[value, shard] : constraints)
      insert(value, shard.first, shard.second);
  }

private:
  InFlightDiagnostic refuse(const Twine &text) {
    return mlir::emitError(UnknownLoc::get(&getContext())) << "--shard: found " << text << "; expected ";
  }

  FailureOr<ShardText> parse(const std::string &text) {
    ShardText shard;
    shard.text = text;
    auto [weight, spec] = StringRef(text).split('=');
    auto [kind, parts] = spec.split(':');
    auto fail = [&] {
      return refuse("'" + Twine(text) + "'")
             << "WEIGHT=SPEC, where SPEC is whole, rows, columns, or parts such as rows:0-96,96-192";
    };
    if (weight.empty() || (kind != "whole" && kind != "rows" && kind != "columns") ||
        (spec.contains(':') && (kind == "whole" || parts.empty())))
      return fail();
    for (StringRef part : llvm::split(parts, ',')) {
      auto [begin, end] = part.split('-');
      if (parts.empty())
        break;
      if (begin.getAsInteger(10, shard.bounds.emplace_back()) || end.getAsInteger(10, shard.bounds.emplace_back()))
        return fail();
    }
    shard.weight = weight;
    shard.kind = kind;
    return shard;
  }

  lm::WeightOp getSymbol(lm::GetWeightOp get) {
    return SymbolTable::lookupNearestSymbolFrom<lm::WeightOp>(get, get.getWeightAttr());
  }

  /// The uses of the weights that are meant.
  FailureOr<SmallVector<lm::GetWeightOp>> findWeights(const ShardText &shard) {
    SmallVector<lm::GetWeightOp> found;
    std::string wanted = withoutLayer(shard.weight);
    std::optional<std::string> ofLayer = withoutNumber(shard.weight);
    std::map<std::pair<unsigned, std::string>, bool> near; // by distance
    for (lm::GetWeightOp get : weights) {
      lm::WeightOp weight = getSymbol(get);
      std::string source = withoutLayer(weight.getSource());
      if (weight.getSymName() == shard.weight || source == wanted)
        found.push_back(get);
      else if (ofLayer && source == *ofLayer && weight.getLayers())
        return refuse("'" + Twine(shard.weight) + "', a weight of one layer")
               << "'" << StringRef(weight.getSource()).split("{layer}").first << "*"
               << StringRef(weight.getSource()).split("{layer}").second << "', as all layers share one decision";
      near[{StringRef(wanted).edit_distance(source), weight.getSource().str()}] = true;
      near[{StringRef(shard.weight).edit_distance(weight.getSymName()), weight.getSymName().str()}] = true;
    }
    if (!found.empty())
      return found;
    InFlightDiagnostic error = refuse("no weight '" + Twine(shard.weight) + "'") << "one of the model's, such as ";
    size_t count = 0;
    for (auto &[entry, unused] : near)
      if (count < 3)
        error << (count++ ? ", " : "") << "'" << entry.second << "'";
    return error;
  }

  LogicalResult constrain(const ShardText &shard, const ShardingPlan &plan) {
    auto found = findWeights(shard);
    if (failed(found))
      return failure();
    for (lm::GetWeightOp get : *found)
      if (failed(constrain(shard, get.getResult(), plan)))
        return failure();
    return success();
  }

  LogicalResult constrain(const ShardText &shard, Value weight, const ShardingPlan &plan) {
    const ShardingClasses &classes = plan.getClasses();
    unsigned rank = lm::getShardableShape(weight.getType()).size(), dim = shard.getDim();
    if (dim >= rank)
      return refuse("'" + Twine(shard.text) + "' of a vector") << "whole or rows, as it has no columns";
    if (shard.kind == "whole") {
      for (unsigned i = 0; i < rank; ++i)
        if (auto number = classes.lookup(weight, i);
            number && classes.classes[*number].obstacle.empty() && failed(claim(*number, shard, {})))
          return failure();
      note(weight, SmallVector<par::DimShardAttr>(rank, getDim({}, {}, false)), shard, plan);
      return success();
    }
    auto number = classes.lookup(weight, dim);
    const ShardingClass *entry = number ? &classes.classes[*number] : nullptr;
    if (!entry || !entry->obstacle.empty())
      return refuse("'" + Twine(shard.text) + "'") << "a dimension that can be split; of " << shard.kind << ", "
                                                   << (entry ? entry->obstacle : "an op needs all");
    SmallVector<par::AxisAttr> axes = plan.getMesh().getModelAxes();
    SmallVector<int64_t> bounds = shard.bounds;
    Value value = weight;
    if (bounds.empty()) {
      auto split = plan.split(*number, axes);
      if (!split)
        return refuse("'" + Twine(shard.text) + "'") << "at least as many units of " << entry->granule << " as the "
                                                     << plan.getMesh().getSize(axes) << " devices";
      bounds = split->bounds;
      for (const ValueDim &member : llvm::reverse(entry->members))
        if (lm::getShardableShape(member.value.getType())[member.dim] == entry->extent) {
          value = member.value;
          dim = member.dim;
        }
    }
    int64_t devices = plan.getMesh().getSize(axes), extent = lm::getShardableShape(value.getType())[dim];
    if (int64_t(bounds.size()) != 2 * devices || bounds.back() != extent)
      return refuse("'" + Twine(shard.text) + "'") << devices << " parts, one for each device, of 0 to " << extent;
    if (failed(claim(*number, shard, bounds)))
      return failure();
    SmallVector<par::DimShardAttr> dims(lm::getShardableShape(value.getType()).size(), getDim({}, {}, true));
    dims[dim] = getDim(axes, bounds, false);
    if (!dims[dim])
      return failure();
    note(value, dims, shard, plan);
    return success();
  }

  /// Says that `shard` decides on class `number`, and that nothing else decides otherwise.
  LogicalResult claim(unsigned number, const ShardText &shard, ArrayRef<int64_t> bounds) {
    auto [it, isFirst] = claims.try_emplace(number, shard.text, SmallVector<int64_t>(bounds));
    if (!isFirst && ArrayRef<int64_t>(it->second.second) != bounds)
      return refuse("'" + Twine(it->second.first) + "' and '" + shard.text + "'")
             << "one of them, as what they name is split together";
    return success();
  }

  par::DimShardAttr getDim(ArrayRef<par::AxisAttr> axes, ArrayRef<int64_t> bounds, bool open) {
    auto emit = [&] { return mlir::emitError(UnknownLoc::get(&getContext()), "--shard: "); };
    if (failed(par::DimShardAttr::verify(emit, axes, bounds, open, /*priority=*/0)))
      return {};
    return par::DimShardAttr::get(&getContext(), axes, bounds, open, /*priority=*/0);
  }

  void note(Value value, ArrayRef<par::DimShardAttr> dims, const ShardText &shard, const ShardingPlan &plan) {
    par::MeshOp mesh = plan.getMesh();
    auto attr = par::ShardAttr::get(&getContext(), FlatSymbolRefAttr::get(mesh.getSymNameAttr()), dims, {});
    constraints.push_back({value, {attr, "--shard " + shard.text}});
  }

  void insert(Value value, par::ShardAttr shard, StringRef text) {
    OpBuilder b(&getContext());
    b.setInsertionPointAfterValue(value);
    auto op = par::ConstraintOp::create(b, NameLoc::get(b.getStringAttr(text)), value.getType(), value, shard);
    value.replaceAllUsesExcept(op.getResult(), op);
  }

  SmallVector<lm::GetWeightOp> weights;
  std::map<unsigned, std::pair<std::string, SmallVector<int64_t>>> claims; ///< of classes
  std::vector<std::pair<Value, std::pair<par::ShardAttr, std::string>>> constraints;
};
} // namespace
