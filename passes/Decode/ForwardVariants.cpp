//===- ForwardVariants.cpp - A model without some layers, with taps -------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Decode/ForwardVariants.h"

#include "dialects/Decode/DraftFunctions.h"
#include "passes/Decode/Refuse.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"

using namespace plait;

static constexpr StringLiteral kExit = "exit";

std::string ForwardVariant::nameOf(StringRef name) const {
  std::string text = name.str();
  for (auto [word, layers] : {std::pair("_skip", ArrayRef(skip)), std::pair("_tap", ArrayRef(tapped))}) {
    text += layers.empty() ? "" : word;
    for (int64_t layer : layers)
      text += "_" + std::to_string(layer);
  }
  return text;
}

static FailureOr<lm::LayersOp> findLoop(lm::FuncOp forward, Operation *user) {
  if (!forward)
    return refuse(user, "no function @forward of the model", "one with a loop over layers");
  if (lm::LayersOp loop = decode::findOnlyLoop(forward))
    return loop;
  return refuse(user, "layers to skip of a model whose layers are of several kinds",
                "one loop over layers of one kind");
}

FailureOr<int64_t> plait::countLayers(lm::ModelOp model, Operation *user) {
  auto loop = findLoop(model.lookupSymbol<lm::FuncOp>("forward"), user);
  return failed(loop) ? FailureOr<int64_t>(failure()) : int64_t(loop->getEnd());
}

static LogicalResult verifyLayers(const ForwardVariant &variant, int64_t count, Operation *user) {
  for (auto [what, layers] :
       {std::pair(" to skip", ArrayRef(variant.skip)), std::pair(" to tap", ArrayRef(variant.tapped))})
    for (int64_t layer : layers)
      if (layer >= count)
        return user->emitOpError("found the layer ")
               << layer << what << "; expected layers of the model, 0 to " << count - 1;
  if (int64_t(variant.skip.size()) == count)
    return refuse(user, "no layer that is left", "at least one that is not skipped");
  return success();
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
  auto whole = findLoop(forward, user);
  if (failed(whole) || failed(verifyLayers(variant, whole->getEnd(), user)))
    return failure();
  int64_t count = whole->getEnd();

  OpBuilder b(forward);
  b.setInsertionPointAfter(forward);
  lm::FuncOp function = forward.clone();
  function.setSymName(name);
  b.insert(function);
  lm::LayersOp loop = *function.getBody().getOps<lm::LayersOp>().begin();
  b.setInsertionPoint(loop);
  Value leaves;
  if (!variant.tapped.empty()) {
    Type type = lm::getNamedTensor(b.getContext(), "leaves", {}, b.getI32Type());
    leaves = function.getBody().addArgument(type, function.getLoc());
  }
  // The loop is cut at each layer that is skipped, and behind each that is tapped.
  SmallVector<Value> carried(loop.getInits()), taps;
  for (int64_t begin = 0; begin < count;) {
    int64_t end = begin;
    bool isTapped = false;
    while (end < count && !isTapped && !llvm::is_contained(variant.skip, end))
      isTapped = llvm::is_contained(variant.tapped, end++);
    if (end > begin) {
      auto part = cast<lm::LayersOp>(b.clone(*loop.getOperation()));
      part.getInitsMutable().assign(carried);
      part.setBegin(begin);
      part.setEnd(end);
      carried.assign(part.getResults().begin(), part.getResults().end());
    }
    // Before the next part, which goes on in the same place.
    if (isTapped)
      taps.push_back(lm::TakeRowsOp::create(b, loop.getLoc(), carried.front(), leaves));
    else
      ++end;
    begin = end;
  }
  loop.replaceAllUsesWith(carried);
  loop.erase();
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
  auto loop = findLoop(forward, user);
  if (failed(loop))
    return failure();
  if (llvm::count_if(loop->getResultTypes(), llvm::IsaPred<RankedTensorType>) != 1)
    return refuse(user, "the head of a tap's leaf in a model with a delayed residual",
                  "layers that hand on one value besides their state, or another head ('by')");
  OpBuilder b(head);
  b.setInsertionPointAfter(head);
  auto exit = cast<lm::FuncOp>(b.cloneWithoutRegions(*head.getOperation()));
  exit.setSymName(kExit);
  Value residual = loop->getResult(0);
  Type type = ofLeaves(residual.getType());
  exit.setFunctionType(FunctionType::get(b.getContext(), type, head.getResultTypes()));
  b.createBlock(&exit.getBody(), {}, type, head.getLoc());
  IRMapping values;
  values.map(residual, exit.getBody().getArgument(0));
  Block &body = forward.getBody().front();
  for (Operation &op : llvm::make_range(std::next(loop->getOperation()->getIterator()), body.end())) {
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
