//===- VerifyParallel.cpp - Border of the parallel phase ------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Parallel/CollectiveTrace.h"
#include "passes/Parallel/Passes.h"

namespace plait {
#define GEN_PASS_DEF_VERIFYPARALLELPASS
#include "passes/Parallel/Passes.h.inc"
} // namespace plait

using namespace plait;

namespace {
struct VerifyParallelPass : plait::impl::VerifyParallelPassBase<VerifyParallelPass> {
  void runOnOperation() override {
    markAllAnalysesPreserved();
    bool needsTrees = llvm::any_of(getOperation().getOps<lm::ModelOp>(),
                                   [](lm::ModelOp model) { return model.getNumerics() == lm::Numerics::tp_invariant; });
    bool isFree = llvm::any_of(getOperation().getOps<lm::ModelOp>(),
                               [](lm::ModelOp model) { return model.getNumerics() == lm::Numerics::fast; });
    WalkResult result = getOperation().walk([&](Operation *op) {
      if (auto sum = dyn_cast<par::CollectiveOpInterface>(op);
          sum && !isFree && sum.getAlgorithmsAttr() && !sum.getAlgorithmsAttr().keepsOrder()) {
        op->emitOpError("expected algorithms that add in the order of the devices, as numerics is not fast, but got ")
            << sum.getAlgorithmsAttr();
        return WalkResult::interrupt();
      }
      if (needsTrees && failed(verifyTree(op)))
        return WalkResult::interrupt();
      if (isa<par::ConstraintOp, par::ReshardOp>(op)) {
        op->emitOpError("illegal after parallel; expected to have been converted by 'plait-partition'");
        return WalkResult::interrupt();
      }
      if (!isa<par::CollectiveOpInterface>(op))
        return WalkResult::advance();
      Operation *parent = op->getParentOp();
      if (isa<lm::LayersOp>(parent))
        parent = parent->getParentOp();
      if (isa<decode::StepOp>(parent))
        return WalkResult::advance();
      op->emitOpError("expected to be in a step, or in a loop over its layers, that every rank executes alike");
      return WalkResult::interrupt();
    });
    if (result.wasInterrupted())
      return signalPassFailure();
    std::vector<std::vector<CollectiveTrace>> ranks;
    for (ModuleOp rank : getOperation().getOps<ModuleOp>())
      ranks.push_back(traceCollectives(rank));
    if (failed(proveCollectives(ranks)))
      signalPassFailure();
  }

  /// How many of the devices' summands of an element of `value` are not zero, at most; 3
  /// stands for more. Of two the order does not matter.
  static int64_t countSummands(Value value) {
    auto op = value.getDefiningOp<lm::ShardingOpInterface>();
    ShardingRule rule = op ? op.getShardingRule() : ShardingRule();
    if (!rule.isLinear)
      return rule.isSelection ? 1 : 3;
    int64_t count = 0;
    for (Value operand : op->getOperands())
      count += countSummands(operand);
    return count;
  }

  /// Whether the order of `op`'s sum, if it is one, depends on the number of ranks.
  static LogicalResult verifyTree(Operation *op) {
    if (auto linear = dyn_cast<lm::LinearOp>(op))
      return linear.getTree() || !linear->getParentOfType<decode::StepOp>()
                 ? success()
                 : linear.emitOpError(
                       "expected a tree, as numerics is tp_invariant; 'plait-declare-trees' declares it");
    if (!isa<par::AllReduceOp, par::ReduceScatterOp, par::ReduceGatherOp>(op))
      return success();
    auto collective = cast<par::CollectiveOpInterface>(op);
    std::optional<ArrayRef<int64_t>> ends, bounds;
    if (auto [endsAttr, boundsAttr] = collective.getNodes(); endsAttr) {
      ends = endsAttr.asArrayRef();
      bounds = boundsAttr.asArrayRef();
    }
    if (!ends && countSummands(collective.getInput()) <= 2)
      return success();
    auto linear = collective.getInput().getDefiningOp<lm::LinearOp>();
    if (!ends || !linear || !linear.getTree())
      return op->emitOpError("expected a sum of nodes of a product's tree, as numerics is tp_invariant");
    auto mesh = SymbolTable::lookupNearestSymbolFrom<par::MeshOp>(op, collective.getMeshAttr());
    int64_t device = mesh.getIndex(*mesh.getRank(), collective.getDeviceAxes());
    auto own = ends->slice((*bounds)[device], (*bounds)[device + 1] - (*bounds)[device]);
    int64_t columns = cast<lm::WeightType>(linear.getWeight().getType()).getCols();
    int64_t first = (*bounds)[device] ? (*ends)[(*bounds)[device] - 1] : 0;
    if (linear.getTree()->getLeaves() != ends->back() || linear.getTree()->getFirst() != first ||
        ArrayRef<int64_t>(linear.getTree()->getNodeEnds(columns)) != own)
      return op->emitOpError("expected the nodes of its product's leaves, ") << linear.getTreeAttr();
    return success();
  }
};
} // namespace
