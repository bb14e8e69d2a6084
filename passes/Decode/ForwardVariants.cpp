//===- ForwardVariants.cpp - A model without some layers, with taps -------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Decode/ForwardVariants.h"

#include "dialects/Decode/DraftFunctions.h"
#include "dialects/Decode/Sublayers.h"
#include "passes/Decode/Refuse.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"

using namespace plait;

static constexpr StringLiteral kExit = "exit";

std::string ForwardVariant::nameOf(StringRef name) const {
  std::string text = name.str() + (skip.empty() ? "" : "_skip");
  for (size_t i = 0; i < skip.size(); ++i) {
    int64_t number = skip[i];
    bool isWhole = number % 2 == 0 && i + 1 < skip.size() && skip[i + 1] == number + 1;
    i += isWhole;
    text += (isWhole ? "_" : number % 2 == 0 ? "_a" : "_m") + std::to_string(number / 2);
  }
  text += tapped.empty() ? "" : "_tap";
  for (int64_t layer : tapped)
    text += "_" + std::to_string(layer);
  return text;
}

FailureOr<int64_t> plait::countLayers(lm::ModelOp model, Operation *user) {
  auto forward = model.lookupSymbol<lm::FuncOp>("forward");
  int64_t count = forward ? decode::countLayers(forward) : 0;
  if (count == 0)
    return refuse(user, forward ? "no loop over layers in @forward of the model" : "no function @forward of the model",
                  "one with a loop over layers");
  return count;
}

/// Adds the argument `leaves`, and results for `taps`, which are of the leaves.
static void setTappedType(lm::FuncOp function, ValueRange taps) {
  SmallVector<Type> results(function.getResultTypes());
  llvm::append_range(results, taps.getTypes());
  cast<lm::ReturnOp>(function.getBody().front().getTerminator()).getValuesMutable().append(taps);
  function.setFunctionType(FunctionType::get(function.getContext(), function.getBody().getArgumentTypes(), results));
}

FailureOr<lm::FuncOp> plait::makeForward(lm::FuncOp forward, const ForwardVariant &variant, Operation *user) {
  auto model = forward->getParentOfType<lm::ModelOp>();
  std::string name = variant.nameOf(forward.getSymName());
  if (auto known = model.lookupSymbol<lm::FuncOp>(name))
    return known;
  auto layers = countLayers(model, user);
  if (failed(layers))
    return failure();
  if (variant.skip == decode::sublayersOf(0, *layers))
    return refuse(user, "no layer that is left", "at least one that is not skipped");

  OpBuilder b(forward);
  b.setInsertionPointAfter(forward);
  lm::FuncOp function = forward.clone();
  function.setSymName(name);
  b.insert(function);
  Value leaves;
  if (!variant.tapped.empty()) {
    Type type = lm::getNamedTensor(b.getContext(), "leaves", {}, b.getI32Type());
    leaves = function.getBody().addArgument(type, function.getLoc());
  }
  SmallVector<Value> taps;
  LogicalResult cut =
      decode::cutLayers(function, variant.skip, variant.tapped, user, [&](OpBuilder &at, Value residual) {
        taps.push_back(lm::TakeRowsOp::create(at, residual.getLoc(), residual, leaves));
      });
  if (failed(cut))
    return failure();
  if (!taps.empty())
    setTappedType(function, taps);
  return function;
}

/// The type of the same rows of leaves instead of tokens.
static Type ofLeaves(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || lm::getLeadingDim(tensor) != "tokens")
    return type;
  return lm::getNamedTensor(type.getContext(), "leaves", tensor.getShape().drop_front(), tensor.getElementType());
}

FailureOr<lm::FuncOp> plait::makeExit(lm::ModelOp model, Operation *user) {
  if (auto known = model.lookupSymbol<lm::FuncOp>(kExit))
    return known;
  auto forward = model.lookupSymbol<lm::FuncOp>("forward"), head = model.lookupSymbol<lm::FuncOp>("head");
  lm::LayersOp loop = forward ? decode::findOnlyLoop(forward) : nullptr;
  if (!loop)
    return refuse(user, "the head of a tap's leaf in a model without one loop over layers of one kind", "such a loop");
  if (llvm::count_if(loop.getResultTypes(), llvm::IsaPred<RankedTensorType>) != 1)
    return refuse(user, "the head of a tap's leaf in a model with a delayed residual",
                  "layers that hand on one value besides their state, or another head ('by')");
  OpBuilder b(head);
  b.setInsertionPointAfter(head);
  auto exit = cast<lm::FuncOp>(b.cloneWithoutRegions(*head.getOperation()));
  exit.setSymName(kExit);
  Value residual = loop.getResult(0);
  Type type = ofLeaves(residual.getType());
  exit.setFunctionType(FunctionType::get(b.getContext(), type, head.getResultTypes()));
  b.createBlock(&exit.getBody(), {}, type, head.getLoc());
  IRMapping values;
  values.map(residual, exit.getBody().getArgument(0));
  Block &body = forward.getBody().front();
  for (Operation &op : llvm::make_range(std::next(loop->getIterator()), body.end())) {
    if (op.hasTrait<OpTrait::IsTerminator>())
      break;
    if (!llvm::all_of(op.getOperands(), [&](Value value) { return values.contains(value); })) {
      exit.erase();
      return refuse(user, "'" + op.getName().getStringRef() + "' behind the layers, of more than what they result in",
                    "a final norm of the residual stream alone, for the head of a tap");
    }
    for (OpResult result : b.clone(op, values)->getResults())
      result.setType(ofLeaves(result.getType()));
  }
  values.map(head.getBody().getArgument(0), values.lookup(body.getTerminator()->getOperand(0)));
  for (Operation &op : head.getBody().front())
    b.clone(op, values);
  return exit;
}
