//===- PropagateSharding.cpp - What is split over devices -----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Parallel/Passes.h"
#include "passes/Parallel/ShardingClasses.h"

#include "mlir/IR/Remarks.h"
#include "llvm/Support/FormatVariadic.h"

namespace plait {
#define GEN_PASS_DEF_PROPAGATESHARDINGPASS
#include "passes/Parallel/Passes.h.inc"
} // namespace plait

using namespace plait;

namespace {
struct PropagateShardingPass : plait::impl::PropagateShardingPassBase<PropagateShardingPass> {
  using PropagateShardingPassBase::PropagateShardingPassBase;

  void runOnOperation() override {
    auto meshes = llvm::to_vector(getOperation().getOps<par::MeshOp>());
    SmallVector<Wish> wishes = takeConstraints();
    if (meshes.size() != 1 || (!meshes.front().getSize(axis) && wishes.empty())) {
      getOperation().emitError("expected one 'par.mesh' with an axis \"")
          << axis << "\", or constraints that name its axes";
      return signalPassFailure();
    }
    mesh = meshes.front();
    ShardingClasses classes(getOperation());
    parts.assign(classes.classes.size(), {});
    isKept.assign(classes.classes.size(), false);
    for (const Wish &wish : wishes)
      if (failed(grant(classes, wish)))
        return signalPassFailure();
    choose(classes);
    SmallVector<Value> values;
    for (decode::StepOp step : getOperation().getOps<decode::StepOp>()) {
      step.walk<WalkOrder::PreOrder>([&](Operation *op) {
        llvm::append_range(values, op->getResults());
        for (Region &region : op->getRegions())
          for (Block &block : region)
            llvm::append_range(values, block.getArguments());
      });
    }
    for (Value value : values)
      constrain(classes, value);
  }

private:
  /// What a constraint of the input asks for.
  struct Wish {
    Value value;
    par::ShardAttr shard;
    Location loc;
  };

  /// Removes the constraints of the input; the pass makes its own for all values.
  SmallVector<Wish> takeConstraints() {
    SmallVector<par::ConstraintOp> constraints;
    getOperation().walk([&](par::ConstraintOp op) { constraints.push_back(op); });
    SmallVector<Wish> wishes;
    for (par::ConstraintOp op : constraints) {
      wishes.push_back({op.getInput(), op.getShard(), op.getLoc()});
      op.replaceAllUsesWith(op.getInput());
      op.erase();
    }
    return wishes;
  }

  /// Splits the classes of the dimensions that `wish` splits in its way.
  LogicalResult grant(const ShardingClasses &classes, const Wish &wish) {
    auto refuse = [&] { return mlir::emitError(wish.loc, "'par.constraint': expected "); };
    if (!wish.shard.getUnreduced().empty())
      return refuse() << "no unreduced axes, which follow from what is split";
    for (auto [i, dim] : llvm::enumerate(wish.shard.getDims())) {
      auto number = classes.lookup(wish.value, i);
      if (dim.isWhole()) {
        if (number && parts[*number].isSplit())
          return refuse() << "the parts of another constraint of the same class but got a whole dimension " << i;
        if (number)
          isKept[*number] = true;
        continue;
      }
      const ShardingClass *entry = number ? &classes.classes[*number] : nullptr;
      for (StringAttr name : dim.getAxes())
        if (!mesh.getSize(name) || name.getValue() == par::kReplicaAxis)
          return refuse() << "dimensions split along axes of the mesh, but not of replicas, but got " << dim;
      if (!entry || !entry->obstacle.empty())
        return refuse() << "a dimension that can be split but got " << i << (entry ? "; " + entry->obstacle : "");
      if (lm::getShardableShape(wish.value.getType())[i] != entry->extent || dim.overlaps())
        return refuse() << "parts, without overlaps, of the longest of the dimensions that are split together, of "
                        << entry->extent << " elements";
      if (llvm::any_of(dim.getBounds(), [&](int64_t bound) { return bound % entry->granule; }))
        return refuse() << "parts of multiples of " << entry->granule << " but got " << dim;
      if (!entry->isUniform(dim.getBounds()))
        return refuse() << "equally many query heads per key/value head in each part but got " << dim;
      Split split = {dim.getAxes(), dim.getBounds()};
      if (isKept[*number] || (parts[*number].isSplit() && !(parts[*number] == split)))
        return refuse() << "the parts of another constraint of the same class but got " << dim;
      parts[*number] = split;
      if (conflicts(classes, *number, dim.getAxes()))
        return refuse() << "one factor of an op to be split along an axis but got a second one";
    }
    return success();
  }

  /// Largest weights first.
  void choose(const ShardingClasses &classes) {
    SmallVector<unsigned> order;
    for (auto [i, entry] : llvm::enumerate(classes.classes))
      if (entry.weightBytes && !ShapedType::isDynamic(entry.extent))
        order.push_back(i);
    llvm::sort(order, [&](unsigned a, unsigned b) {
      return std::pair(-classes.classes[a].weightBytes, a) < std::pair(-classes.classes[b].weightBytes, b);
    });
    int64_t devices = mesh.getSize(axis);
    StringAttr name = StringAttr::get(&getContext(), axis);
    for (unsigned i : order) {
      const ShardingClass &entry = classes.classes[i];
      std::string obstacle = entry.obstacle;
      if (!parts[i].isSplit() && obstacle.empty()) {
        if (isKept[i])
          obstacle = "a constraint keeps it so";
        else if (!devices)
          obstacle = "the mesh has no axis \"" + axis + "\" to split it along";
        else if (conflicts(classes, i, name))
          obstacle = "an op with it already splits another of its factors";
        else if (auto bounds = entry.split(devices))
          parts[i] = Split(name, *bounds);
        else
          obstacle = llvm::formatv("its units of {0} are too few for {1} devices", entry.granule, devices);
      }
      report(entry, parts[i].bounds, obstacle);
      numClasses += parts[i].isSplit();
    }
  }

  /// Whether some op has a factor of class `number` and another of a class that is split
  /// along one of `axes`.
  bool conflicts(const ShardingClasses &classes, unsigned number, ArrayRef<StringAttr> axes) {
    bool found = false;
    getOperation().walk([&](lm::ShardingOpInterface op) {
      bool has = false, other = false;
      for (const ShardingFactor &factor : op.getShardingRule().factors) {
        const FactorDim &dim = factor.dims[0];
        Value value = dim.isResult ? Value(op->getResult(dim.value)) : op->getOperand(dim.value);
        if (auto at = classes.lookup(value, dim.dim)) {
          has |= *at == number;
          other |= *at != number &&
                   llvm::any_of(parts[*at].axes, [&](StringAttr axis) { return llvm::is_contained(axes, axis); });
        }
      }
      found |= has && other;
    });
    return found;
  }

  void report(const ShardingClass &entry, ArrayRef<int64_t> bounds, StringRef obstacle) {
    std::string names;
    Location loc = getOperation().getLoc();
    for (const ValueDim &member : entry.members)
      if (auto get = member.value.getDefiningOp<lm::GetWeightOp>()) {
        if (names.empty())
          loc = get.getLoc();
        names += (names.empty() ? "" : ", ") + get.getWeight().getLeafReference().str();
      }
    auto name = remark::RemarkOpts::name("Sharding").category("plait-propagate-sharding");
    if (bounds.empty()) {
      remark::missed(loc, name)
          << llvm::formatv("dimension of {0} of {1} stays whole: {2}", entry.extent, names, obstacle).str();
      return;
    }
    std::string sizes;
    for (size_t i = 0; i < bounds.size(); i += 2)
      sizes += " " + std::to_string(bounds[i + 1] - bounds[i]);
    remark::passed(loc, name) << llvm::formatv("dimension of {0} of {1} ({2} bytes) is split:{3}", entry.extent, names,
                                               entry.weightBytes, sizes)
                                     .str();
  }

  /// Lets all users of `value` use it with its sharding, if it has one.
  void constrain(const ShardingClasses &classes, Value value) {
    SmallVector<int64_t> shape = lm::getShardableShape(value.getType());
    MLIRContext *context = &getContext();
    SmallVector<par::DimShardAttr> dims;
    for (auto [i, extent] : llvm::enumerate(shape)) {
      SmallVector<int64_t> bounds;
      ArrayRef<StringAttr> axes;
      if (auto number = classes.lookup(value, i)) {
        const ShardingClass &entry = classes.classes[*number];
        ArrayRef<int64_t> longest = parts[*number].bounds;
        for (size_t part = 0; part < longest.size(); part += 2) {
          auto [begin, end] = entry.partOf(extent, longest[part], longest[part + 1]);
          bounds.append({begin, end});
        }
        axes = parts[*number].axes;
      }
      dims.push_back(par::DimShardAttr::get(context, axes, bounds));
    }
    SmallVector<StringAttr> unreduced = getSummedAxes(classes, value);
    auto shard = par::ShardAttr::get(context, FlatSymbolRefAttr::get(mesh.getSymNameAttr()), dims, unreduced);
    if (shard.isReplicated())
      return;
    OpBuilder b(context);
    b.setInsertionPointAfterValue(value);
    auto op = par::ConstraintOp::create(b, value.getLoc(), value.getType(), value, shard);
    value.replaceAllUsesExcept(op.getResult(), op);
  }

  /// Axes along which devices hold summands of `value`: it is summed up over a dimension
  /// that is split along them.
  SmallVector<StringAttr> getSummedAxes(const ShardingClasses &classes, Value value) {
    auto op = value.getDefiningOp<lm::ShardingOpInterface>();
    if (!op)
      return {};
    ShardingRule rule = op.getShardingRule();
    auto getAxes = [](Value operand) {
      auto constraint = operand.getDefiningOp<par::ConstraintOp>();
      return constraint ? constraint.getShard().getUnreduced() : ArrayRef<StringAttr>();
    };
    if (rule.isLinear && !getAxes(op->getOperand(0)).empty() &&
        llvm::all_equal(llvm::map_range(op->getOperands(), getAxes)))
      return SmallVector<StringAttr>(getAxes(op->getOperand(0)));
    SmallVector<StringAttr> axes;
    for (const ShardingFactor &factor : rule.factors) {
      const FactorDim &dim = factor.dims[0];
      if (factor.kind != FactorKind::sum || dim.isResult)
        continue;
      Value operand = op->getOperand(dim.value);
      if (auto constraint = operand.getDefiningOp<par::ConstraintOp>())
        operand = constraint.getInput();
      if (auto number = classes.lookup(operand, dim.dim))
        llvm::append_range(axes, parts[*number].axes);
    }
    return axes;
  }

  par::MeshOp mesh;
  /// How a class is split: bounds of the devices along the axes; whole without.
  struct Split {
    Split() = default;
    Split(ArrayRef<StringAttr> axes, ArrayRef<int64_t> bounds) : axes(axes), bounds(bounds) {}
    SmallVector<StringAttr> axes;
    SmallVector<int64_t> bounds;
    bool isSplit() const { return !bounds.empty(); }
    bool operator==(const Split &other) const = default;
  };
  std::vector<Split> parts; ///< of each class
  std::vector<bool> isKept; ///< whole because a constraint says so
};
} // namespace
