//===- DeclareTrees.cpp - The order of sums that devices may share out ----===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Parallel/Passes.h"
#include "passes/Parallel/ShardingClasses.h"

#include "mlir/IR/Remarks.h"
#include "llvm/Support/FormatVariadic.h"

#include <numeric>

namespace plait {
#define GEN_PASS_DEF_DECLARETREESPASS
#include "passes/Parallel/Passes.h.inc"
} // namespace plait

using namespace plait;

namespace {
/// A leaf costs a few instructions per result besides its products; with fewer leaves
/// than devices nothing could be shared out.
constexpr int64_t kFewLeaves = 16, kManyLeaves = 64;

struct DeclareTreesPass : plait::impl::DeclareTreesPassBase<DeclareTreesPass> {
  void runOnOperation() override {
    auto wanted = [](lm::ModelOp model) { return model.getNumerics() == lm::Numerics::tp_invariant; };
    if (llvm::none_of(getOperation().getOps<lm::ModelOp>(), wanted))
      return;
    ShardingClasses classes(getOperation());
    for (decode::StepOp step : getOperation().getOps<decode::StepOp>())
      step.walk([&](lm::LinearOp linear) {
        if (!linear.getTree())
          declare(classes, linear);
      });
  }

private:
  void declare(const ShardingClasses &classes, lm::LinearOp linear) {
    int64_t columns = cast<lm::WeightType>(linear.getWeight().getType()).getCols(), granule = columns;
    auto number = classes.lookup(linear.getWeight(), 1);
    if (number && classes.classes[*number].obstacle.empty())
      granule = chooseGranule(classes.classes[*number], columns);
    linear.setTreeAttr(lm::TreeAttr::get(&getContext(), granule, 0, columns / granule));
    if (granule == columns)
      return;
    ++numTrees;
    remark::passed(linear.getLoc(), remark::RemarkOpts::name("Tree").category("plait-declare-trees"))
        << llvm::formatv("the sum over {0} columns is a tree over {1} leaves of {2} columns", columns,
                         columns / granule, granule)
               .str();
  }

  /// Nothing here may depend on how many devices there are.
  static int64_t chooseGranule(const ShardingClass &entry, int64_t columns) {
    // Two columns of bf16 are a word.
    int64_t least = std::lcm(entry.granule, int64_t(2));
    if (columns != entry.extent || columns % least || (entry.sharing && entry.sharing % least))
      return columns;
    if (entry.sharing) // heads, which are few
      return least;
    int64_t granule = least;
    for (int64_t size : {4, 8, 16, 32})
      if (int64_t wider = std::lcm(least, size); columns % wider == 0 && columns / wider >= kFewLeaves)
        granule = wider;
    // As many leaves as there may be, or else the fewest above that.
    int64_t units = columns / granule, best = 1;
    for (int64_t times = 1; times <= units / kFewLeaves; ++times)
      if (units % times == 0 && units / best > kManyLeaves)
        best = times;
    return granule * best;
  }
};
} // namespace
