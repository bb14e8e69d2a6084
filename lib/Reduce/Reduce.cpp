//===- Reduce.cpp - Shrinks IR that shows a fault -------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Reduce/Reduce.h"

#include "mlir/IR/Verifier.h"
#include "mlir/Reducer/ReductionPatternInterface.h"

using namespace mlir;
using namespace plait;

namespace {

class Reducer {
public:
  Reducer(OwningOpRef<ModuleOp> &module, const InterestingFn &isInteresting)
      : best(module), context(module->getContext()), isInteresting(isInteresting) {}

  FailureOr<ReductionStats> run() {
    ScopedDiagnosticHandler quiet(context, [](Diagnostic &) {}); // of attempts that are not valid
    stats.opsBefore = opsOf(*best).size();
    if (!test(*best))
      return failure();
    RewritePatternSet patterns(context);
    populateGenericReductionPatterns(patterns);
    for (Dialect *dialect : context->getLoadedDialects())
      if (auto *interface = dialect->getRegisteredInterface<DialectReductionPatternInterface>())
        interface->populateReductionPatterns(patterns);
    for (bool progress = true; progress;) {
      progress = false;
      for (const std::unique_ptr<RewritePattern> &pattern : patterns.getNativePatterns())
        progress |= shrinkWith(*pattern);
    }
    stats.opsAfter = opsOf(*best).size();
    return stats;
  }

private:
  /// Users before what they use, inner ops before outer ones: an op that a pattern
  /// erases is none of those that follow.
  static SmallVector<Operation *> opsOf(ModuleOp module) {
    SmallVector<Operation *> ops;
    module->walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (op != module)
        ops.push_back(op);
    });
    std::reverse(ops.begin(), ops.end());
    return ops;
  }

  bool shrinkWith(const RewritePattern &pattern) {
    bool progress = false;
    for (size_t group = opsOf(*best).size(); group > 0; group /= 2)
      for (size_t begin = 0; begin < opsOf(*best).size();) {
        if (tryGroup(pattern, begin, group))
          progress = true; // what was behind the group is now at its place
        else
          begin += group;
      }
    return progress;
  }

  bool tryGroup(const RewritePattern &pattern, size_t begin, size_t size) {
    OwningOpRef<ModuleOp> attempt = best->clone();
    bool changed = false;
    PatternRewriter rewriter(context);
    SmallVector<Operation *> ops = opsOf(*attempt);
    for (Operation *op : ArrayRef(ops).drop_front(begin).take_front(size)) {
      if (auto root = pattern.getRootKind(); root && *root != op->getName())
        continue;
      rewriter.setInsertionPoint(op);
      changed |= succeeded(pattern.matchAndRewrite(op, rewriter));
    }
    if (!changed || failed(verify(*attempt)) || !test(*attempt))
      return false;
    best = std::move(attempt);
    return true;
  }

  bool test(ModuleOp module) {
    ++stats.tests;
    return isInteresting(module);
  }

  OwningOpRef<ModuleOp> &best;
  MLIRContext *context;
  const InterestingFn &isInteresting;
  ReductionStats stats;
};

} // namespace

FailureOr<ReductionStats> plait::reduce(OwningOpRef<ModuleOp> &module, const InterestingFn &isInteresting) {
  return Reducer(module, isInteresting).run();
}
