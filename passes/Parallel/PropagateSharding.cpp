//===- PropagateSharding.cpp - What is split over devices -----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Parallel/Meshes.h"
#include "passes/Parallel/Passes.h"
#include "passes/Parallel/SearchSharding.h"

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
    auto found = findMesh(getOperation(), meshName);
    if (failed(found))
      return signalPassFailure();
    par::MachineOp machine = findMachine(*found);
    SmallVector<ShardWish> wishes = takeConstraints(getOperation());
    if (!machine && !found->getSize(StringRef(axis)) && wishes.empty()) {
      getOperation().emitError("expected one 'par.mesh' with an axis \"")
          << axis << "\", or constraints that name its axes";
      return signalPassFailure();
    }
    ShardingClasses classes(getOperation());
    ShardingPlan plan(getOperation(), classes, *found);
    if (failed(grantWishes(wishes, plan)))
      return signalPassFailure();
    if (!machine)
      choose(plan);
    else if (failed(searchSharding(getOperation(), plan, machine, {sequences, prompt, answer})))
      return signalPassFailure();
    for (const ClassShards &shards : plan.shards)
      numClasses += shards.isSplit();
    plan.apply();
  }

private:
  /// Largest weights first.
  void choose(ShardingPlan &plan) {
    const std::vector<ShardingClass> &classes = plan.getClasses().classes;
    SmallVector<unsigned> order;
    for (auto [i, entry] : llvm::enumerate(classes))
      if (entry.weightBytes && !ShapedType::isDynamic(entry.extent))
        order.push_back(i);
    llvm::sort(order, [&](unsigned a, unsigned b) {
      return std::pair(-classes[a].weightBytes, a) < std::pair(-classes[b].weightBytes, b);
    });
    auto name = par::AxisAttr::get(StringAttr::get(&getContext(), axis));
    for (unsigned i : order) {
      std::string obstacle = classes[i].obstacle;
      if (!plan.shards[i].isSplit() && obstacle.empty()) {
        if (plan.wishes[i].isWished)
          obstacle = "a constraint keeps it so";
        else if (!plan.getMesh().getSize(StringRef(axis)))
          obstacle = "the mesh has no axis \"" + axis + "\" to split it along";
        else if (plan.findConflict(i, name))
          obstacle = "an op with it already splits another of its factors";
        else if (auto split = plan.split(i, name))
          plan.shards[i] = *split;
        else
          obstacle = llvm::formatv("its units of {0} are too few for {1} devices", classes[i].granule,
                                   plan.getMesh().getSize(name));
      }
      report(classes[i], plan.shards[i], obstacle);
    }
  }

  void report(const ShardingClass &entry, const ClassShards &shards, StringRef obstacle) {
    Location loc = getWeightLoc(entry, getOperation().getLoc());
    auto name = remark::RemarkOpts::name("Sharding").category("plait-propagate-sharding");
    std::string names = getWeightNames(entry);
    if (!shards.isSplit())
      remark::missed(loc, name)
          << llvm::formatv("dimension of {0} of {1} stays whole: {2}", entry.extent, names, obstacle).str();
    else
      remark::passed(loc, name) << llvm::formatv("dimension of {0} of {1} ({2} bytes) is split:{3}", entry.extent,
                                                 names, entry.weightBytes, getSizesText(shards.bounds))
                                       .str();
  }
};
} // namespace
