//===- InsertReshards.cpp - Reshards where shardings differ ---------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Parallel/Passes.h"
#include "passes/Parallel/Reshards.h"

#include "mlir/IR/Remarks.h"
#include "llvm/Support/FormatVariadic.h"

namespace plait {
#define GEN_PASS_DEF_INSERTRESHARDSPASS
#include "passes/Parallel/Passes.h.inc"
} // namespace plait

using namespace plait;

namespace {
class ReshardInserter {
public:
  explicit ReshardInserter(bool isSilent) : isSilent(isSilent) {}

  int64_t run(ModuleOp module) {
    int64_t numReshards = 0;
    SmallVector<par::ConstraintOp> constraints;
    module.walk([&](par::ConstraintOp op) { constraints.push_back(op); });
    for (par::ConstraintOp constraint : constraints) {
      DenseMap<std::pair<Attribute, Block *>, Value> resharded;
      for (OpOperand &use : llvm::make_early_inc_range(constraint.getResult().getUses())) {
        par::ShardAttr wanted = getWanted(use, constraint.getShard());
        if (wanted == constraint.getShard() || isa<par::ReshardOp>(use.getOwner()))
          continue;
        // One for all users; it stands where the value is defined.
        Value &value = resharded[{wanted, constraint->getBlock()}];
        if (!value) {
          OpBuilder b(constraint);
          b.setInsertionPointAfter(constraint);
          Value whole = constraint.getResult();
          value = par::ReshardOp::create(b, constraint.getLoc(), whole.getType(), whole, constraint.getShard(), wanted);
          if (!isSilent)
            report(constraint, wanted, use.getOwner());
          ++numReshards;
        }
        use.set(value);
      }
    }
    return numReshards;
  }

private:
  /// The sharding that `use` needs of a value of sharding `has`.
  par::ShardAttr getWanted(OpOperand &use, par::ShardAttr has) {
    Operation *op = use.getOwner();
    if (auto constraint = dyn_cast<par::ConstraintOp>(op))
      return constraint.getShard();
    SmallVector<par::DimShardAttr> dims(has.getReplicated().getDims());
    if (isa<lm::LayersOp, lm::YieldOp>(op))
      dims.assign(has.getDims().begin(), has.getDims().end());
    if (auto sharding = dyn_cast<lm::ShardingOpInterface>(op)) {
      ShardingRule rule = sharding.getShardingRule();
      for (const ShardingFactor &factor : rule.factors)
        for (const FactorDim &dim : factor.dims)
          if (!dim.isResult && dim.value == use.getOperandNumber() && isShared(op, factor))
            dims[dim.dim] = has.getDims()[dim.dim];
      if (rule.isLinear && isSummand(op))
        return par::ShardAttr::get(has.getContext(), has.getMesh(), dims, has.getUnreduced());
    }
    return par::ShardAttr::get(has.getContext(), has.getMesh(), dims, {});
  }

  /// Whether devices share out `factor` of `op`: as the result says.
  bool isShared(Operation *op, const ShardingFactor &factor) {
    if (factor.kind == FactorKind::exchange || factor.kind == FactorKind::gather)
      return factor.kind == FactorKind::exchange;
    for (Value result : op->getResults())
      for (Operation *user : result.getUsers())
        if (auto constraint = dyn_cast<par::ConstraintOp>(user)) {
          if (factor.kind == FactorKind::sum && !constraint.getShard().getUnreduced().empty())
            return true;
          for (const FactorDim &dim : factor.dims)
            if (dim.isResult && op->getResult(dim.value) == result &&
                !constraint.getShard().getDims()[dim.dim].isWhole())
              return true;
        }
    return false;
  }

  bool isSummand(Operation *op) {
    return llvm::any_of(op->getUsers(), [](Operation *user) {
      auto constraint = dyn_cast<par::ConstraintOp>(user);
      return constraint && !constraint.getShard().getUnreduced().empty();
    });
  }

  void report(par::ConstraintOp value, par::ShardAttr wanted, Operation *user) {
    auto type = dyn_cast<RankedTensorType>(value.getInput().getType());
    StringRef reason = value.getShard().getUnreduced().empty() ? "it needs the value whole" : "it needs the sum";
    remark::analysis(value.getLoc(), remark::RemarkOpts::name("Reshard").category("plait-insert-reshards"))
        << llvm::formatv("from {0} to {1}, {2} bytes per row, for {3}: {4}", value.getShard(), wanted,
                         type ? lm::getRowBytes(type) : 0, user->getName(), reason)
               .str();
  }

  bool isSilent;
};

struct InsertReshardsPass : plait::impl::InsertReshardsPassBase<InsertReshardsPass> {
  void runOnOperation() override { numReshards += insertReshards(getOperation()); }
};
} // namespace

int64_t plait::insertReshards(ModuleOp module, bool isSilent) { return ReshardInserter(isSilent).run(module); }
