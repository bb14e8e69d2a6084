//===- OptimizeCollectives.cpp - Fewer collectives, of fewer bytes --------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every rule looks at ops, types and attributes that all ranks have alike, so that all
// ranks' programs change alike; the proof of plait-verify-parallel comes afterwards.
//
//===----------------------------------------------------------------------===//

#include "passes/Parallel/Passes.h"

#include "mlir/IR/Remarks.h"

namespace plait {
#define GEN_PASS_DEF_OPTIMIZECOLLECTIVESPASS
#include "passes/Parallel/Passes.h.inc"
} // namespace plait

using namespace plait;

namespace {
struct OptimizeCollectivesPass : plait::impl::OptimizeCollectivesPassBase<OptimizeCollectivesPass> {
  void runOnOperation() override {
    // No numerics but `fast` lets sums be taken in another order.
    reorders = llvm::any_of(getOperation().getOps<lm::ModelOp>(),
                            [](lm::ModelOp model) { return model.getNumerics() == lm::Numerics::fast; });
    for (decode::StepOp step : getOperation().getOps<decode::StepOp>())
      while (improve(step))
        ;
  }

private:
  /// Applies one rule to one op; false if none applies. Messages between two ranks are matched
  /// by their order, and stay.
  bool improve(decode::StepOp step) {
    return step
        .walk([&](Operation *op) {
          bool changed = false;
          bool isMovable =
              isa<par::CollectiveOpInterface>(op) && !isa<par::SendOp, par::RecvOp, par::ReduceGatherOp>(op);
          if (auto part = dyn_cast<par::PartOp>(op))
            changed = fuseSum(part) || fuseGathering(part);
          else if (auto gather = dyn_cast<par::AllGatherOp>(op))
            changed = fuseParts(gather);
          else if (auto add = dyn_cast<lm::AddOp>(op))
            changed = reorders && mergeSums(add);
          changed = changed || (isMovable && (eraseUnused(op) || replaceByEarlier(op) || hoist(op)));
          return changed ? WalkResult::interrupt() : WalkResult::advance();
        })
        .wasInterrupted();
  }

  static void report(Operation *op, Statistic &count, StringRef rule, StringRef text) {
    ++count;
    remark::passed(op->getLoc(), remark::RemarkOpts::name(rule).category("plait-optimize-collectives")) << text.str();
  }

  static void replace(Operation *op, Value by) {
    op->getResult(0).replaceAllUsesWith(by);
    op->erase();
  }
  static void eraseIfUnused(Operation *op) {
    if (op->use_empty())
      op->erase();
  }

  /// all_reduce, part -> reduce_scatter, if nothing else needs the sum.
  bool fuseSum(par::PartOp part) {
    auto sum = part.getInput().getDefiningOp<par::AllReduceOp>();
    if (!sum || sum.getAlgorithmsAttr() || ArrayRef<par::AxisAttr>(sum.getDeviceAxes()) != part.getParts().getAxes() ||
        (sum.getNodeEnds() && part.getDim() != 0))
      return false;
    if (!llvm::all_of(sum->getUsers(), [&](Operation *user) {
          auto other = dyn_cast<par::PartOp>(user);
          return other && other.getParts() == part.getParts() && other.getDim() == part.getDim();
        }))
      return false;
    OpBuilder b(sum); // all its users come after it
    auto scatter = par::ReduceScatterOp::create(b, sum.getLoc(), part.getResult().getType(), sum.getInput(),
                                                part.getDimAttr(), part.getParts(), part.getMeshAttr(),
                                                sum.getNodeEndsAttr(), sum.getNodeBoundsAttr(), sum.getOrderAttr(),
                                                sum.getAccumulateAttr(), sum.getWireAttr());
    report(scatter, numScattered, "Scatter", "a sum of which each rank needs its part is scattered");
    for (Operation *user : llvm::make_early_inc_range(sum->getUsers()))
      replace(user, scatter.getResult());
    sum.erase();
    return true;
  }

  /// all_gather, part -> nothing, or all_to_all if the parts are of another dimension and
  /// nothing else needs the whole.
  bool fuseGathering(par::PartOp part) {
    auto gather = part.getInput().getDefiningOp<par::AllGatherOp>();
    if (!gather || gather.getParts().getAxes() != part.getParts().getAxes())
      return false;
    if (gather.getDim() == part.getDim()) {
      if (gather.getParts() != part.getParts())
        return false;
      report(part, numElided, "Part", "a part of what was gathered is what the rank had");
      replace(part, gather.getInput());
      eraseIfUnused(gather);
      return true;
    }
    if (!gather->hasOneUse())
      return false;
    OpBuilder b(part);
    auto swap =
        par::AllToAllOp::create(b, part.getLoc(), part.getResult().getType(), gather.getInput(), gather.getDimAttr(),
                                gather.getParts(), part.getDimAttr(), part.getParts(), part.getMeshAttr());
    report(swap, numSwapped, "AllToAll", "parts of what was gathered are exchanged alone");
    replace(part, swap.getResult());
    gather.erase();
    return true;
  }

  /// part, all_gather -> nothing: all devices had the same.
  bool fuseParts(par::AllGatherOp gather) {
    auto part = gather.getInput().getDefiningOp<par::PartOp>();
    if (!part || part.getDim() != gather.getDim() || part.getParts() != gather.getParts())
      return false;
    report(gather, numElided, "Gather", "what is gathered from parts is what the rank had");
    replace(gather, part.getInput());
    eraseIfUnused(part);
    return true;
  }

  /// add(all_reduce a, all_reduce b) -> all_reduce(add a b). The summands are added in
  /// another order, so not where bits are promised.
  bool mergeSums(lm::AddOp add) {
    auto left = add->getOperand(0).getDefiningOp<par::AllReduceOp>();
    auto right = add->getOperand(1).getDefiningOp<par::AllReduceOp>();
    if (!left || !right || left == right || !left->hasOneUse() || !right->hasOneUse() || left.getNodeEnds() ||
        right.getNodeEnds() || left->getAttrDictionary() != right->getAttrDictionary() ||
        left->getBlock() != add->getBlock() || right->getBlock() != add->getBlock())
      return false;
    OpBuilder b(add);
    auto summand = lm::AddOp::create(b, add.getLoc(), left.getInput(), right.getInput());
    auto sum = cast<par::AllReduceOp>(b.clone(*left));
    sum.getInputMutable().assign(summand->getResult(0));
    report(sum, numMerged, "Merge", "two sums over ranks are taken as one");
    replace(add, sum.getResult());
    left.erase();
    right.erase();
    return true;
  }

  bool eraseUnused(Operation *op) {
    if (op->getNumResults() == 0 || !op->use_empty())
      return false;
    report(op, numErased, "Unused", "nothing needs it");
    op->erase();
    return true;
  }

  /// The same collective of the same value is there already.
  bool replaceByEarlier(Operation *op) {
    for (Operation *user : op->getOperand(0).getUsers()) {
      if (user == op || user->getName() != op->getName() || user->getBlock() != op->getBlock() ||
          !user->isBeforeInBlock(op) || user->getAttrDictionary() != op->getAttrDictionary() ||
          user->getResultTypes() != op->getResultTypes())
        continue;
      report(op, numDuplicates, "Duplicate", "another one does the same");
      replace(op, user->getResult(0));
      return true;
    }
    return false;
  }

  /// What is the same in all layers is done before them.
  bool hoist(Operation *op) {
    auto layers = dyn_cast<lm::LayersOp>(op->getParentOp());
    if (!layers || layers->isAncestor(op->getOperand(0).getParentBlock()->getParentOp()))
      return false;
    report(op, numHoisted, "Hoist", "the same in all layers, it is done once before them");
    op->moveBefore(layers);
    return true;
  }

  bool reorders = false;
};
} // namespace
