//===- DialectPatterns.cpp - What makes IR of one dialect simpler ---------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Reduce/Reduce.h"

#include "dialects/Decode/Decode.h"
#include "dialects/Lm/Lm.h"

#include "mlir/Reducer/ReductionPatternInterface.h"

using namespace plait;

namespace {

//===----------------------------------------------------------------------===//
// lm
//===----------------------------------------------------------------------===//

/// The first layer alone.
struct KeepOneLayer : OpRewritePattern<lm::LayersOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(lm::LayersOp op, PatternRewriter &) const override {
    if (op.getCount() == 1)
      return failure();
    op.setEnd(op.getBegin() + 1);
    return success();
  }
};

/// A value that each layer hands on unchanged need not be carried.
struct DropCarried : OpRewritePattern<lm::LayersOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(lm::LayersOp op, PatternRewriter &rewriter) const override {
    Block &body = op.getBody().front();
    Operation *yield = body.getTerminator();
    llvm::BitVector unchanged(op.getNumResults());
    SmallVector<Value> inits;
    for (auto [i, argument] : llvm::enumerate(body.getArguments())) {
      if (yield->getOperand(i) == argument)
        unchanged.set(i);
      else
        inits.push_back(op.getInits()[i]);
    }
    if (unchanged.none())
      return failure();
    for (unsigned i : unchanged.set_bits()) {
      body.getArgument(i).replaceAllUsesWith(op.getInits()[i]);
      op.getResult(i).replaceAllUsesWith(op.getInits()[i]);
    }
    yield->eraseOperands(unchanged);
    body.eraseArguments(unchanged);
    auto smaller =
        lm::LayersOp::create(rewriter, op.getLoc(), ValueRange(inits).getTypes(), op.getBegin(), op.getEnd(), inits);
    smaller.getBody().takeBody(op.getBody());
    unsigned next = 0;
    for (unsigned i = 0; i < op.getNumResults(); ++i)
      if (!unchanged[i])
        op.getResult(i).replaceAllUsesWith(smaller.getResult(next++));
    rewriter.eraseOp(op);
    return success();
  }
};

/// What a layer yields becomes what it was given.
struct YieldCarried : OpRewritePattern<lm::YieldOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(lm::YieldOp op, PatternRewriter &) const override {
    bool changed = false;
    for (auto [i, argument] : llvm::enumerate(op->getBlock()->getArguments())) {
      changed |= op->getOperand(i) != argument;
      op->setOperand(i, argument);
    }
    return success(changed);
  }
};

/// The layers once, without the op around them. What is only allowed inside is
/// then not valid, and the attempt in vain.
struct InlineLayers : OpRewritePattern<lm::LayersOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(lm::LayersOp op, PatternRewriter &rewriter) const override {
    Block &body = op.getBody().front();
    Operation *yield = body.getTerminator();
    SmallVector<Value> values(yield->getOperands());
    for (auto [value, argument, init] : llvm::zip(values, body.getArguments(), op.getInits()))
      if (value == argument)
        value = init;
    rewriter.eraseOp(yield);
    rewriter.inlineBlockBefore(&body, op, op.getInits());
    rewriter.replaceOp(op, values);
    return success();
  }
};

struct LmReduction : DialectReductionPatternInterface {
  explicit LmReduction(Dialect *dialect) : DialectReductionPatternInterface(dialect) {}
  void populateReductionPatterns(RewritePatternSet &patterns) const override {
    patterns.add<KeepOneLayer, YieldCarried, DropCarried, InlineLayers>(patterns.getContext());
  }
};

//===----------------------------------------------------------------------===//
// decode
//===----------------------------------------------------------------------===//

/// The last warp goes.
struct DropWarp : OpRewritePattern<decode::VerifySampleOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(decode::VerifySampleOp op, PatternRewriter &rewriter) const override {
    if (op.getWarps().size() <= 1)
      return failure();
    op.setWarpsAttr(rewriter.getArrayAttr(op.getWarps().getValue().drop_back()));
    return success();
  }
};

struct ChooseGreedily : OpRewritePattern<decode::VerifySampleOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(decode::VerifySampleOp op, PatternRewriter &rewriter) const override {
    rewriter.replaceOpWithNewOp<decode::VerifyGreedyOp>(op, op.getType(), op.getBlock(), op.getLogits());
    return success();
  }
};

struct DecodeReduction : DialectReductionPatternInterface {
  explicit DecodeReduction(Dialect *dialect) : DialectReductionPatternInterface(dialect) {}
  void populateReductionPatterns(RewritePatternSet &patterns) const override {
    patterns.add<ChooseGreedily, DropWarp>(patterns.getContext());
  }
};

} // namespace

void plait::registerReductionPatterns(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *, lm::LmDialect *dialect) { dialect->addInterfaces<LmReduction>(); });
  registry.addExtension(
      +[](MLIRContext *, decode::DecodeDialect *dialect) { dialect->addInterfaces<DecodeReduction>(); });
}
