//===- Batch.cpp - From one sequence to ragged rows -----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Decode/Passes.h"
#include "passes/Decode/StepShape.h"

#include "mlir/IR/Builders.h"

namespace plait {
#define GEN_PASS_DEF_BATCHPASS
#include "passes/Decode/Passes.h.inc"
} // namespace plait

using namespace plait;
using namespace plait::decode;

namespace {

/// Builds one step while its arguments are still being asked for.
class StepBuilder {
public:
  StepBuilder(OpBuilder &builder, Location loc, StringRef name)
      : b(builder), step(StepOp::create(b, loc, name, b.getFunctionType({}, {}), b.getArrayAttr({}), b.getArrayAttr({}),
                                        ArrayAttr(), ArrayAttr())) {
    b.createBlock(&step.getBody());
  }

  /// The argument of `role`, added if there is none yet.
  Value input(Role role) {
    for (auto [i, known] : llvm::enumerate(inputRoles))
      if (known == role)
        return step.getBody().getArgument(i);
    return add(role, typeOf(role));
  }
  /// One more argument of role state.
  Value addState(Type type) { return add(Role::state, type); }

  void finish(ArrayRef<std::pair<Role, Value>> outputs) {
    SmallVector<Value> values;
    SmallVector<Role> outputRoles;
    for (auto [role, value] : outputs) {
      outputRoles.push_back(role);
      values.push_back(value);
    }
    ReturnOp::create(b, step.getLoc(), values);
    step.setFunctionType(b.getFunctionType(step.getBody().getArgumentTypes(), ValueRange(values).getTypes()));
    step.setInputRolesAttr(toAttr(inputRoles));
    step.setOutputRolesAttr(toAttr(outputRoles));
  }

private:
  Value add(Role role, Type type) {
    inputRoles.push_back(role);
    return step.getBody().addArgument(type, step.getLoc());
  }

  Type typeOf(Role role) {
    auto tensor = [&](StringRef dim, Type element) { return lm::getNamedTensor(b.getContext(), dim, {}, element); };
    switch (role) {
    case Role::tokens:
    case Role::positions:
      return tensor("tokens", b.getI32Type());
    case Role::rows:
      return lm::RowsType::get(b.getContext());
    case Role::leaves:
    case Role::top_k:
    case Role::edit_ends:
    case Role::top_counts:
      return tensor("leaves", b.getI32Type());
    case Role::temperature:
    case Role::top_p:
    case Role::min_p:
      return tensor("leaves", b.getF32Type());
    case Role::seed:
    case Role::sequence:
      return tensor("leaves", b.getI64Type());
    case Role::stops: {
      auto dims = lm::DimsAttr::get(b.getContext(), {b.getStringAttr("leaves"), b.getStringAttr("stops")});
      return RankedTensorType::get({ShapedType::kDynamic, ShapedType::kDynamic}, b.getI32Type(), dims);
    }
    case Role::edit_tokens:
      return tensor("edits", b.getI32Type());
    case Role::edit_biases:
    case Role::edit_scales:
    case Role::edit_offsets:
      return tensor("edits", b.getF32Type());
    default:
      llvm_unreachable("a result role, or a state, whose type the model gives");
    }
  }

  ArrayAttr toAttr(ArrayRef<Role> roles) {
    return b.getArrayAttr(
        llvm::map_to_vector(roles, [&](Role role) -> Attribute { return RoleAttr::get(b.getContext(), role); }));
  }

  OpBuilder &b;
  StepOp step;
  SmallVector<Role> inputRoles;
};

struct BatchPass : plait::impl::BatchPassBase<BatchPass> {
  using BatchPassBase::BatchPassBase;

  void runOnOperation() override {
    for (StrategyOp strategy : llvm::make_early_inc_range(getOperation().getOps<StrategyOp>())) {
      if (strategy.isOutlined())
        continue;
      if (failed(batch(strategy, /*logits=*/false)) || (debugLogits && failed(batch(strategy, /*logits=*/true))))
        return signalPassFailure();
      strategy.erase();
    }
  }

  LogicalResult batch(StrategyOp strategy, bool wantLogits) {
    RoundOp round = strategy.getRound();
    auto shape = StepShape::match(round);
    if (failed(shape))
      return failure();
    FlatSymbolRefAttr model = cast<SequenceType>(shape->forward.getSequence().getType()).getModel();
    auto function = [&](StringRef name) -> lm::FuncOp {
      auto symbol = SymbolRefAttr::get(model.getAttr(), {FlatSymbolRefAttr::get(&getContext(), name)});
      auto f = SymbolTable::lookupNearestSymbolFrom<lm::FuncOp>(strategy, symbol);
      if (!f)
        strategy.emitOpError("expected the model ") << model << " to have a function @" << name;
      return f;
    };
    lm::FuncOp forward = function("forward"), head = function("head");
    if (!forward || !head)
      return failure();
    if (!forward.isForward())
      return forward.emitOpError("expected (ids, positions, rows, state...) -> (hidden, state...) but got ")
             << forward.getFunctionType();

    OpBuilder b(strategy);
    Location loc = round.getLoc();
    StepBuilder step(b, loc, (strategy.getSymName() + (wantLogits ? ".debug" : "")).str());
    SmallVector<Value> arguments = {step.input(Role::tokens), step.input(Role::positions), step.input(Role::rows)};
    for (Type state : forward.getStateTypes())
      arguments.push_back(step.addState(state));
    auto call = [&](lm::FuncOp callee, ValueRange operands) {
      auto symbol = SymbolRefAttr::get(model.getAttr(), {FlatSymbolRefAttr::get(callee.getSymNameAttr())});
      return lm::CallOp::create(b, loc, callee.getResultTypes(), symbol, operands);
    };
    Value hidden = call(forward, arguments).getResult(0);
    Value leaf = lm::TakeRowsOp::create(b, loc, hidden, step.input(Role::leaves));
    Value logits = call(head, leaf).getResult(0);
    Value edited = logits;
    if (shape->edit) {
      SmallVector<Value> operands = {logits}; // asked for in this order
      for (Role role : {Role::edit_ends, Role::edit_tokens, Role::edit_biases, Role::edit_scales, Role::edit_offsets})
        operands.push_back(step.input(role));
      edited = EditLogitsOp::create(b, loc, logits.getType(), operands);
    }
    Operation *chosen = shape->rule.batch(b, edited, [&](Role role) { return step.input(role); });
    if (!chosen)
      return failure();
    Value status = MatchStopsOp::create(b, loc, chosen->getResult(0), chosen->getResult(1), step.input(Role::stops));
    SmallVector<std::pair<Role, Value>> outputs = {
        {Role::chosen, chosen->getResult(0)}, {Role::status, status}, {Role::logprob, chosen->getResult(2)}};
    auto tops = TopLogprobsOp::create(b, loc, edited, step.input(Role::top_counts));
    outputs.push_back({Role::top_tokens, tops.getTokens()});
    outputs.push_back({Role::top_logprobs, tops.getLogprobs()});
    if (wantLogits)
      outputs.push_back({Role::logits, logits});
    step.finish(outputs);
    return success();
  }
};
} // namespace
