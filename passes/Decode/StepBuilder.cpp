//===- StepBuilder.cpp - Makes steps --------------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Decode/StepBuilder.h"

#include "dialects/Decode/DraftFunctions.h"

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
    case Role::next:
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

static SmallVector<lm::FuncOp> stagingsOf(Operation *user, FlatSymbolRefAttr model) {
  return decode::stagingsOf(SymbolTable::lookupNearestSymbolFrom<lm::ModelOp>(user, model));
}

/// A function of hidden states of leaves to logits; an error at `user` if there is none.
static FailureOr<lm::FuncOp> findHead(Operation *user, FlatSymbolRefAttr model, StringRef head) {
  lm::FuncOp function = findFunction(user, model, head);
  if (!function)
    return user->emitOpError("found no function @")
           << head << " of the model " << model
           << "; expected a head of that name: those of medusa_lm_head.safetensors beside the model, or in the folder "
              "of --heads, are @medusa_0, @medusa_1, ...";
  auto hidden = function.getNumArguments() == 1 ? dyn_cast<RankedTensorType>(function.getArgumentTypes()[0]) : nullptr;
  if (!hidden || lm::getLeadingDim(hidden) != "leaves" || function.getNumResults() != 1)
    return function.emitOpError("expected (hidden of leaves) -> logits but got ") << function.getFunctionType();
  return function;
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
  ArrayRef<Type> states = forward.getStateTypes();
  ForwardVariant parts = variant.forward;
  if (SmallVector<int64_t> own = round.getSkipSets().front(); parts.skip.empty())
    parts.skip = own;
  if (!parts.isWhole()) {
    auto made = makeForward(forward, parts, user);
    if (failed(made))
      return failure();
    forward = *made;
  }
  if (!variant.tapHead.empty()) {
    auto own = findHead(user, model, variant.tapHead);
    if (failed(own))
      return failure();
    head = *own;
  }

  Location loc = round->getParentOp()->getLoc();
  StepBuilder step(b, loc, variant.name);
  SmallVector<Value> arguments = {step.input(Role::tokens), step.input(Role::positions), step.input(Role::rows)};
  for (Type state : states)
    arguments.push_back(step.add(Role::state, state));
  if (!parts.tapped.empty())
    arguments.push_back(step.input(Role::leaves));
  lm::CallOp forwarded = call(b, loc, model, forward, arguments);
  Value hidden = forwarded.getResult(0);
  ValueRange taps = forwarded.getResults().take_back(parts.tapped.size());
  for (lm::FuncOp staging : stagingsOf(user, model)) {
    Value state = step.add(Role::state, staging.getArgumentTypes().back());
    call(b, loc, model, staging, {hidden, step.input(Role::next), arguments[1], arguments[2], state});
  }
  Value leaf;
  if (variant.returnsHidden || variant.tapHead.empty())
    leaf = lm::TakeRowsOp::create(b, loc, hidden, step.input(Role::leaves));
  Value logits = call(b, loc, model, head, variant.tapHead.empty() ? leaf : taps.back()).getResult(0);
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
  SmallVector<Value> returned(taps);
  if (variant.returnsHidden)
    returned.insert(returned.begin(), leaf);
  if (returned.size() > 1)
    returned.assign(1, JoinHiddenOp::create(b, loc, ValueRange(returned)).getResult());
  if (!returned.empty())
    outputs.push_back({Role::hidden, returned.front()});
  step.finish(outputs);
  return success();
}

/// What a step returns of the `logits` of a head. What is chosen says whether they are finite.
static SmallVector<std::pair<Role, Value>> outputsOfHead(OpBuilder &b, Location loc, Value logits, Value counts) {
  auto chosen = ChooseGreedyOp::create(b, loc, logits);
  auto tops = TopLogprobsOp::create(b, loc, logits, counts);
  return {{Role::chosen, chosen->getResult(0)},
          {Role::status, chosen->getResult(1)},
          {Role::logprob, chosen->getResult(2)},
          {Role::top_tokens, tops.getTokens()},
          {Role::top_logprobs, tops.getLogprobs()}};
}

LogicalResult plait::buildHeadStep(OpBuilder &b, Operation *user, FlatSymbolRefAttr model, StringRef head,
                                   StringRef name) {
  OpBuilder::InsertionGuard guard(b);
  auto function = findHead(user, model, head);
  if (failed(function))
    return failure();
  Location loc = user->getLoc();
  StepBuilder step(b, loc, name);
  Value logits = call(b, loc, model, *function, step.add(Role::hidden, function->getArgumentTypes()[0])).getResult(0);
  step.finish(outputsOfHead(b, loc, logits, step.input(Role::top_counts)));
  return success();
}

LogicalResult plait::buildRecurStep(OpBuilder &b, RecurOp recur, HeadOp head, StringRef name) {
  OpBuilder::InsertionGuard guard(b);
  FlatSymbolRefAttr model = recur.getHidden().getType().getModel();
  lm::FuncOp function = findFunction(recur, model, recur.getFunction());
  if (!function)
    return recur.emitOpError("found no function @")
           << recur.getFunction() << " of the model " << model
           << "; expected one of that name: that of mtp.safetensors or clover.safetensors beside the model, or in the "
              "folder of --heads, is @mtp or @clover";
  if (!isRecurrent(function) || lm::getLeadingDim(function.getArgumentTypes()[0]) != "tokens")
    return function.emitOpError("expected (hidden, ids) -> hidden, or (hidden, ids, positions, rows, state) -> "
                                "(hidden, state), of tokens but got ")
           << function.getFunctionType();
  auto projection = findHead(head, model, head.getFunction().value_or("head"));
  if (failed(projection))
    return failure();
  Location loc = recur.getLoc();
  StepBuilder step(b, loc, name);
  // A row has one token, so there are as many as leaves.
  SmallVector<Value> arguments = {step.add(Role::hidden, function.getArgumentTypes()[0]), step.input(Role::tokens)};
  if (function.getNumArguments() > 2) {
    auto number = stateNumberOf(recur, SymbolTable::lookupNearestSymbolFrom<lm::ModelOp>(recur, model), function);
    if (failed(number))
      return failure();
    llvm::append_range(arguments, ValueRange{step.input(Role::positions), step.input(Role::rows)});
    // All steps have all states, in one order.
    SmallVector<Type> states(findFunction(recur, model, "forward").getStateTypes());
    for (lm::FuncOp staging : stagingsOf(recur, model))
      states.push_back(staging.getArgumentTypes().back());
    for (auto [i, type] : llvm::enumerate(states))
      if (Value state = step.add(Role::state, type); i == *number)
        arguments.push_back(state);
  }
  Value hidden = call(b, loc, model, function, arguments).getResult(0);
  Value leaf = lm::TakeRowsOp::create(b, loc, hidden, step.input(Role::leaves));
  Value logits = call(b, loc, model, *projection, leaf).getResult(0);
  auto outputs = outputsOfHead(b, loc, logits, step.input(Role::top_counts));
  outputs.push_back({Role::hidden, leaf});
  step.finish(outputs);
  return success();
}
