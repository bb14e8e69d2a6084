//===- AttachStrategy.cpp - The default decoding strategy -----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Decode/Passes.h"
#include "passes/Decode/StepShape.h"

#include "mlir/IR/Builders.h"

namespace plait {
#define GEN_PASS_DEF_ATTACHSTRATEGYPASS
#include "passes/Decode/Passes.h.inc"
} // namespace plait

using namespace plait;
using namespace plait::decode;

namespace {
struct AttachStrategyPass : plait::impl::AttachStrategyPassBase<AttachStrategyPass> {
  using AttachStrategyPassBase::AttachStrategyPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto strategies = module.getOps<StrategyOp>();
    bool areSteps = !strategies.empty() && llvm::all_of(strategies, isStep);
    if (areSteps || module.lookupSymbol<StrategyOp>("ar") || !module.getOps<StepOp>().empty())
      return;
    auto target = SymbolTable::lookupSymbolIn(module, model);
    if (!isa_and_nonnull<lm::ModelOp>(target)) {
      module.emitError("expected an 'lm.model' @") << model << " to decode but found none";
      return signalPassFailure();
    }
    build(target->getLoc(), module);
  }

  void build(Location loc, ModuleOp module) {
    MLIRContext *context = &getContext();
    OpBuilder b(module.getBodyRegion());
    b.setInsertionPointToEnd(module.getBody());
    auto type = SequenceType::get(context, FlatSymbolRefAttr::get(context, model));
    auto strategy = StrategyOp::create(b, loc, b.getStringAttr("ar"), ExactnessAttr::get(context, Exactness::identical),
                                       StringAttr());
    Block *body = b.createBlock(&strategy.getBody(), {}, {type}, {loc});
    auto round = RoundOp::create(b, loc, TypeRange{type}, ValueRange{body->getArgument(0)});
    ReturnOp::create(b, loc, round.getResults());

    Value x = b.createBlock(&round.getBody(), {}, {type}, {loc})->getArgument(0);
    Value block = PendingOp::create(b, loc, BlockType::get(context, 1), x);
    auto forward = ForwardOp::create(b, loc, x, block, Value(), ArrayAttr(), DenseI64ArrayAttr());
    Value logits = HeadOp::create(b, loc, forward.getHidden());
    Value edited = EditOp::create(b, loc, x, logits);
    SmallVector<Attribute> warps;
    for (Warp warp : {Warp::temperature, Warp::top_k, Warp::top_p, Warp::min_p})
      warps.push_back(WarpAttr::get(context, warp));
    Value path = VerifySampleOp::create(b, loc, PathType::get(context), block, edited, b.getArrayAttr(warps));
    Value next = CommitOp::create(b, loc, x, forward.getStage(), path);
    Value stop = StopOp::create(b, loc, b.getI1Type(), next);
    YieldOp::create(b, loc, ValueRange{next}, stop);
  }
};
} // namespace
