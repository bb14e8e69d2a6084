//===- StepBuilder.cpp - Makes steps --------------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Decode/StepBuilder.h"

#include "passes/Decode/SkipLayers.h"

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
  /// One more argument, of a role whose type the model gives.
  Value add(Role role, Type type) {
    inputRoles.push_back(role);
    return step.getBody().addArgument(type, step.getLoc());
  }

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
    case Role::parents:
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
      llvm_unreachable("a result role, or one whose type the model gives");
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

} // namespace

static lm::FuncOp findFunction(Operation *user, FlatSymbolRefAttr model, StringRef name) {
  auto symbol = SymbolRefAttr::get(model.getAttr(), {FlatSymbolRefAttr::get(user->getContext(), name)});
  return SymbolTable::lookupNearestSymbolFrom<lm::FuncOp>(user, symbol);
}

static lm::CallOp call(OpBuilder &b, Location loc, FlatSymbolRefAttr model, lm::FuncOp callee, ValueRange operands) {
  auto symbol = SymbolRefAttr::get(model.getAttr(), {FlatSymbolRefAttr::get(callee.getSymNameAttr())});
  return lm::CallOp::create(b, loc, callee.getResultTypes(), symbol, operands);
}

LogicalResult plait::buildStep(OpBuilder &b, const StepShape &shape, const StepVariant &variant, Operation *user) {
  OpBuilder::InsertionGuard guard(b);
  ForwardOp round = shape.forward;
  FlatSymbolRefAttr model = cast<SequenceType>(round.getSequence().getType()).getModel();
  lm::FuncOp forward = findFunction(round, model, "forward"), head = findFunction(round, model, "head");
  if (!forward || !head)
    return round->getParentOfType<StrategyOp>().emitOpError("expected the model ")
           << model << " to have a function @" << (forward ? "head" : "forward");
  if (!forward.isForward())
    return forward.emitOpError("expected (ids, positions, rows, state...) -> (hidden, state...) but got ")
           << forward.getFunctionType();
  SmallVector<int64_t> skip(round.getSkip().value_or(ArrayRef<int64_t>()));
  llvm::append_range(skip, variant.skip);
  if (!skip.empty()) {
    auto without = skipLayers(forward, skip, user);
    if (failed(without))
      return failure();
    forward = *without;
  }

  Location loc = round->getParentOp()->getLoc();
  StepBuilder step(b, loc, variant.name);
  SmallVector<Value> arguments = {step.input(Role::tokens), step.input(Role::positions), step.input(Role::rows)};
  for (Type state : forward.getStateTypes())
    arguments.push_back(step.add(Role::state, state));
  Value hidden = call(b, loc, model, forward, arguments).getResult(0);
  Value leaf = lm::TakeRowsOp::create(b, loc, hidden, step.input(Role::leaves));
  Value logits = call(b, loc, model, head, leaf).getResult(0);
  Value edited = logits;
  if (shape.edit) {
    SmallVector<Value> operands = {logits}; // asked for in this order
    for (Role role : {Role::edit_ends, Role::edit_tokens, Role::edit_biases, Role::edit_scales, Role::edit_offsets})
      operands.push_back(step.input(role));
    edited = EditLogitsOp::create(b, loc, logits.getType(), operands);
  }
  VerifyRuleOpInterface rule = shape.rule;
  Operation *chosen = rule.batch(b, edited, [&](Role role) { return step.input(role); });
  if (!chosen)
    return failure();
  Value status = MatchStopsOp::create(b, loc, chosen->getResult(0), chosen->getResult(1), step.input(Role::stops));
  SmallVector<std::pair<Role, Value>> outputs = {
      {Role::chosen, chosen->getResult(0)}, {Role::status, status}, {Role::logprob, chosen->getResult(2)}};
  auto tops = TopLogprobsOp::create(b, loc, edited, step.input(Role::top_counts));
  outputs.push_back({Role::top_tokens, tops.getTokens()});
  outputs.push_back({Role::top_logprobs, tops.getLogprobs()});
  if (variant.returnsLogits)
    outputs.push_back({Role::logits, logits});
  if (variant.returnsHidden)
    outputs.push_back({Role::hidden, leaf});
  step.finish(outputs);
  return success();
}

LogicalResult plait::buildHeadStep(OpBuilder &b, Operation *user, FlatSymbolRefAttr model, StringRef head,
                                   StringRef name) {
  OpBuilder::InsertionGuard guard(b);
  lm::FuncOp function = findFunction(user, model, head);
  if (!function)
    return user->emitOpError("found no function @")
           << head << " of the model " << model
           << "; expected a head of that name: those of medusa_lm_head.safetensors beside the model, or in the folder "
              "of --heads, are @medusa_0, @medusa_1, ...";
  auto hidden = function.getNumArguments() == 1 ? dyn_cast<RankedTensorType>(function.getArgumentTypes()[0]) : nullptr;
  if (!hidden || lm::getLeadingDim(hidden) != "leaves" || function.getNumResults() != 1)
    return function.emitOpError("expected (hidden of leaves) -> logits but got ") << function.getFunctionType();
  Location loc = user->getLoc();
  StepBuilder step(b, loc, name);
  Value logits = call(b, loc, model, function, step.add(Role::hidden, hidden)).getResult(0);
  // What is chosen says whether the logits are finite.
  auto chosen = ChooseGreedyOp::create(b, loc, logits);
  auto tops = TopLogprobsOp::create(b, loc, logits, step.input(Role::top_counts));
  step.finish({{Role::chosen, chosen->getResult(0)},
               {Role::status, chosen->getResult(1)},
               {Role::logprob, chosen->getResult(2)},
               {Role::top_tokens, tops.getTokens()},
               {Role::top_logprobs, tops.getLogprobs()}});
  return success();
}
