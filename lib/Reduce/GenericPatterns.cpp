//===- GenericPatterns.cpp - What makes any IR simpler --------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Reduce/Reduce.h"

#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;
using namespace plait;

/// A symbol that something may name.
static bool isNamed(Operation *op) {
  return isa<SymbolOpInterface>(op) && !SymbolTable::symbolKnownUseEmpty(op, op->getParentOp());
}

/// The function around `op` if nobody names it, so that its type is its own affair.
static FunctionOpInterface getFreeFunction(Operation *op) {
  auto function = op->getParentOfType<FunctionOpInterface>();
  return function && !isNamed(function) ? function : nullptr;
}

namespace {

struct GenericPattern : RewritePattern {
  explicit GenericPattern(MLIRContext *context) : RewritePattern(MatchAnyOpTypeTag(), /*benefit=*/1, context) {}
};

struct EraseUnused : GenericPattern {
  using GenericPattern::GenericPattern;
  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const override {
    if (op->hasTrait<OpTrait::IsTerminator>() || !op->use_empty() || isNamed(op))
      return failure();
    rewriter.eraseOp(op);
    return success();
  }
};

/// Results become the first, or the last, operand of their type.
template <bool last> struct ForwardOperands : GenericPattern {
  using GenericPattern::GenericPattern;
  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const override {
    SmallVector<Value> values;
    for (Value result : op->getResults()) {
      Value found;
      for (Value operand : op->getOperands())
        if (operand.getType() == result.getType() && (last || !found))
          found = operand;
      if (!found)
        return failure();
      values.push_back(found);
    }
    if (values.empty())
      return failure();
    rewriter.replaceOp(op, values);
    return success();
  }
};

/// Results become arguments of the function: what computed them is of no interest.
struct CutResults : GenericPattern {
  using GenericPattern::GenericPattern;
  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const override {
    FunctionOpInterface function = getFreeFunction(op);
    if (op->use_empty() || !function || isa<FunctionOpInterface>(op))
      return failure();
    SmallVector<Value> arguments;
    for (Value result : op->getResults()) {
      unsigned index = function.getNumArguments();
      if (failed(function.insertArgument(index, result.getType(), {}, op->getLoc())))
        return failure();
      arguments.push_back(function.getArgument(index));
    }
    rewriter.replaceOp(op, arguments);
    return success();
  }
};

/// Arguments that nothing uses.
struct DropArguments : GenericPattern {
  using GenericPattern::GenericPattern;
  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &) const override {
    auto function = dyn_cast<FunctionOpInterface>(op);
    if (!function || isNamed(op) || function.isExternal())
      return failure();
    bool changed = false;
    for (unsigned i = function.getNumArguments(); i-- > 0;)
      if (function.getArgument(i).use_empty())
        changed |= succeeded(function.eraseArgument(i));
    return success(changed);
  }
};

/// All results at once: the terminator then returns nothing.
struct DropResults : GenericPattern {
  using GenericPattern::GenericPattern;
  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &) const override {
    FunctionOpInterface function = getFreeFunction(op);
    if (!op->hasTrait<OpTrait::IsTerminator>() || op->getParentOp() != function || op->getNumOperands() == 0 ||
        function.getNumResults() != op->getNumOperands())
      return failure();
    op->setOperands({});
    return function.eraseResults(llvm::BitVector(function.getNumResults(), true));
  }
};

} // namespace

void plait::populateGenericReductionPatterns(RewritePatternSet &patterns) {
  patterns.add<EraseUnused, DropResults, CutResults, ForwardOperands<false>, ForwardOperands<true>, DropArguments>(
      patterns.getContext());
}
