//===- ShardWishes.cpp - What the input wants to be split -----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Parallel/ShardingPlan.h"

#include "mlir/IR/Remarks.h"
#include "llvm/Support/FormatVariadic.h"

using namespace plait;

namespace {

class Granter {
public:
  explicit Granter(ShardingPlan &plan) : plan(plan), classes(plan.getClasses()) {}

  LogicalResult grant(const ShardWish &wish, unsigned dim) {
    par::DimShardAttr shards = wish.shard.getDims()[dim];
    if (shards.isWhole() && shards.getOpen())
      return success();
    auto number = classes.lookup(wish.value, dim);
    if (shards.isWhole())
      return number ? keep(wish, dim, *number) : success();
    return split(wish, dim, number);
  }

private:
  static InFlightDiagnostic refuse(const ShardWish &wish) {
    return mlir::emitError(wish.loc, "'par.constraint': expected ");
  }

  /// The wish is dropped if `other` has a lower priority, else it is an error, `message`.
  LogicalResult settle(const ShardWish &wish, unsigned dim, unsigned other, const Twine &message) {
    par::DimShardAttr shards = wish.shard.getDims()[dim];
    if (plan.wishes[other].priority < shards.getPriority()) {
      remark::missed(wish.loc, remark::RemarkOpts::name("Dropped").category("plait-propagate-sharding"))
          << llvm::formatv("the wish for dimension {0} as {1} is dropped, as one of priority {2} contradicts it", dim,
                           shards, plan.wishes[other].priority)
                 .str();
      return success();
    }
    InFlightDiagnostic error = refuse(wish) << message;
    if (plan.wishes[other].loc)
      error.attachNote(*plan.wishes[other].loc) << "the other constraint";
    return error;
  }

  void note(unsigned number, const ShardWish &wish, unsigned dim) {
    par::DimShardAttr shards = wish.shard.getDims()[dim];
    ClassWish &entry = plan.wishes[number];
    if (!entry.isWished)
      entry = {true, shards.getOpen(), shards.getPriority(), wish.loc};
    entry.isOpen &= shards.getOpen();
  }

  LogicalResult keep(const ShardWish &wish, unsigned dim, unsigned number) {
    if (plan.shards[number].isSplit())
      return settle(wish, dim, number,
                    "the parts of another constraint of the same class but got a whole dimension " + Twine(dim));
    note(number, wish, dim);
    return success();
  }

  LogicalResult split(const ShardWish &wish, unsigned dim, std::optional<unsigned> number) {
    par::DimShardAttr shards = wish.shard.getDims()[dim];
    const ShardingClass *entry = number ? &classes.classes[*number] : nullptr;
    for (par::AxisAttr axis : shards.getAxes())
      if (axis.getAxis() == par::kReplicaAxis)
        return refuse(wish) << "dimensions split along axes that share a replica out but got " << shards;
    if (!entry || !entry->obstacle.empty())
      return refuse(wish) << "a dimension that can be split but got " << dim << (entry ? "; " + entry->obstacle : "");
    if (lm::getShardableShape(wish.value.getType())[dim] != entry->extent || shards.overlaps())
      return refuse(wish) << "parts, without overlaps, of the longest of the dimensions that are split together, of "
                          << entry->extent << " elements";
    if (llvm::any_of(shards.getBounds(), [&](int64_t bound) { return bound % entry->granule; }))
      return refuse(wish) << "parts of multiples of " << entry->granule << " but got " << shards;
    if (!entry->isUniform(shards.getBounds()))
      return refuse(wish) << "equally many query heads per key/value head in each part but got " << shards;
    ClassShards wanted{SmallVector<par::AxisAttr>(shards.getAxes()), SmallVector<int64_t>(shards.getBounds())};
    if (plan.wishes[*number].isWished && plan.shards[*number] != wanted) {
      std::string text;
      llvm::raw_string_ostream(text) << "the parts of another constraint of the same class but got " << shards;
      return settle(wish, dim, *number, text);
    }
    if (auto other = plan.findConflict(*number, wanted.axes))
      return settle(wish, dim, *other, "one factor of an op to be split but got a second one");
    plan.shards[*number] = wanted;
    note(*number, wish, dim);
    return success();
  }

  ShardingPlan &plan;
  const ShardingClasses &classes;
};
} // namespace

SmallVector<ShardWish> plait::takeConstraints(ModuleOp module) {
  SmallVector<par::ConstraintOp> constraints;
  bool isCalled = false;
  module.walk([&](Operation *op) {
    isCalled |= isa<lm::CallOp>(op);
    if (auto constraint = dyn_cast<par::ConstraintOp>(op))
      constraints.push_back(constraint);
  });
  SmallVector<ShardWish> wishes;
  for (par::ConstraintOp op : constraints) {
    // Of a function that has been inlined, the steps have copies.
    if (isCalled || !op->getParentOfType<lm::FuncOp>())
      wishes.push_back({op.getInput(), op.getShard(), op.getLoc()});
    op.replaceAllUsesWith(op.getInput());
    op.erase();
  }
  return wishes;
}

LogicalResult plait::grantWishes(ArrayRef<ShardWish> wishes, ShardingPlan &plan) {
  SmallVector<std::tuple<int64_t, unsigned, unsigned>> order; // priority, wish, dimension
  for (auto [number, wish] : llvm::enumerate(wishes)) {
    par::MeshOp mesh = plan.getMesh();
    if (wish.shard.getMesh().getAttr() != mesh.getSymNameAttr())
      return mlir::emitError(wish.loc, "'par.constraint': expected a sharding over mesh @")
             << mesh.getSymName() << " but got " << wish.shard.getMesh();
    if (!wish.shard.getUnreduced().empty())
      return mlir::emitError(wish.loc, "'par.constraint': expected no unreduced axes, which follow from what is split");
    for (auto [i, dim] : llvm::enumerate(wish.shard.getDims()))
      order.push_back({dim.getPriority(), number, i});
  }
  llvm::sort(order);
  Granter granter(plan);
  for (auto [priority, number, dim] : order)
    if (failed(granter.grant(wishes[number], dim)))
      return failure();
  return success();
}
