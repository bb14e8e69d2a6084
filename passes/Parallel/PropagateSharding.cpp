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
    if (meshes.size() != 1 || !meshes.front().getSize(axis)) {
      getOperation().emitError("expected one 'par.mesh' with an axis \"") << axis << "\"";
      return signalPassFailure();
    }
    mesh = meshes.front();
    SmallVector<Wish> wishes = takeConstraints();
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
        if (number && !parts[*number].empty())
          return refuse() << "the parts of another constraint of the same class but got a whole dimension " << i;
        if (number)
          isKept[*number] = true;
        continue;
      }
      const ShardingClass *entry = number ? &classes.classes[*number] : nullptr;
      if (dim.getAxes().size() != 1 || dim.getAxes()[0].getValue() != axis)
        return refuse() << "dimensions split along \"" << axis << "\" alone but got " << dim;
      if (!entry || !entry->obstacle.empty())
        return refuse() << "a dimension that can be split but got " << i << (entry ? "; " + entry->obstacle : "");
      if (lm::getShardableShape(wish.value.getType())[i] != entry->extent || dim.overlaps())
        return refuse() << "parts, without overlaps, of the longest of the dimensions that are split together, of "
                        << entry->extent << " elements";
      if (llvm::any_of(dim.getBounds(), [&](int64_t bound) { return bound % entry->granule; }))
        return refuse() << "parts of multiples of " << entry->granule << " but got " << dim;
      if (!entry->isUniform(dim.getBounds()))
        return refuse() << "equally many query heads per key/value head in each part but got " << dim;
      if (isKept[*number] || (!parts[*number].empty() && ArrayRef<int64_t>(parts[*number]) != dim.getBounds()))
        return refuse() << "the parts of another constraint of the same class but got " << dim;
      parts[*number].assign(dim.getBounds().begin(), dim.getBounds().end());
      if (conflicts(classes, *number))
        return refuse() << "one factor of an op to be split but got a second one";
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
    for (unsigned i : order) {
      const ShardingClass &entry = classes.classes[i];
      std::string obstacle = entry.obstacle;
      if (parts[i].empty() && obstacle.empty()) {
        if (isKept[i])
          obstacle = "a constraint keeps it so";
        else if (conflicts(classes, i))
          obstacle = "an op with it already splits another of its factors";
        else if (auto bounds = entry.split(devices))
          parts[i] = *bounds;
        else
          obstacle = llvm::formatv("its units of {0} are too few for {1} devices", entry.granule, devices);
      }
      report(entry, parts[i], obstacle);
      numClasses += !parts[i].empty();
    }
  }

  /// Whether some op has a factor of class `number` and another of a class that is split.
  bool conflicts(const ShardingClasses &classes, unsigned number) {
    bool found = false;
    getOperation().walk([&](lm::ShardingOpInterface op) {
      bool has = false, other = false;
      for (const ShardingFactor &factor : op.getShardingRule().factors) {
        const FactorDim &dim = factor.dims[0];
        Value value = dim.isResult ? Value(op->getResult(dim.value)) : op->getOperand(dim.value);
        if (auto at = classes.lookup(value, dim.dim)) {
          has |= *at == number;
          other |= *at != number && !parts[*at].empty();
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
    StringAttr name = StringAttr::get(context, axis);
    SmallVector<par::DimShardAttr> dims;
    for (auto [i, extent] : llvm::enumerate(shape)) {
      SmallVector<int64_t> bounds;
      if (auto number = classes.lookup(value, i)) {
        const ShardingClass &entry = classes.classes[*number];
        for (size_t part = 0; part < parts[*number].size(); part += 2) {
          auto [begin, end] = entry.partOf(extent, parts[*number][part], parts[*number][part + 1]);
          bounds.append({begin, end});
        }
      }
      SmallVector<StringAttr> axes(bounds.empty() ? 0 : 1, name);
      dims.push_back(par::DimShardAttr::get(context, axes, bounds));
    }
    SmallVector<StringAttr> unreduced;
    if (isSum(classes, value))
      unreduced.push_back(name);
    auto shard = par::ShardAttr::get(context, FlatSymbolRefAttr::get(mesh.getSymNameAttr()), dims, unreduced);
    if (shard.isReplicated())
      return;
    OpBuilder b(context);
    b.setInsertionPointAfterValue(value);
    auto op = par::ConstraintOp::create(b, value.getLoc(), value.getType(), value, shard);
    value.replaceAllUsesExcept(op.getResult(), op);
  }

  /// Whether `value` is summed up over a dimension that is split.
  bool isSum(const ShardingClasses &classes, Value value) {
    auto op = value.getDefiningOp<lm::ShardingOpInterface>();
    if (!op)
      return false;
    ShardingRule rule = op.getShardingRule();
    auto isSummand = [](Value operand) {
      auto constraint = operand.getDefiningOp<par::ConstraintOp>();
      return constraint && !constraint.getShard().getUnreduced().empty();
    };
    if (rule.isLinear && llvm::all_of(op->getOperands(), isSummand))
      return true;
    for (const ShardingFactor &factor : rule.factors) {
      const FactorDim &dim = factor.dims[0];
      if (factor.kind != FactorKind::sum || dim.isResult)
        continue;
      Value operand = op->getOperand(dim.value);
      if (auto constraint = operand.getDefiningOp<par::ConstraintOp>())
        operand = constraint.getInput();
      if (auto number = classes.lookup(operand, dim.dim); number && !parts[*number].empty())
        return true;
    }
    return false;
  }

  par::MeshOp mesh;
  std::vector<SmallVector<int64_t>> parts; ///< of each class; empty: whole
  std::vector<bool> isKept;                ///< whole because a constraint says so
};
} // namespace
