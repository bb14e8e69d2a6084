//===- SkipLayers.cpp - A model without some layers -----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Decode/SkipLayers.h"

#include "mlir/IR/Builders.h"

using namespace plait;

std::string plait::nameWithout(StringRef name, ArrayRef<int64_t> skip) {
  std::string text = name.str() + "_skip";
  for (int64_t layer : skip)
    text += "_" + std::to_string(layer);
  return text;
}

static LogicalResult refuse(Operation *user, const Twine &found, const Twine &expected) {
  return user->emitOpError("is not compiled yet: found ") << found << "; expected " << expected;
}

/// The loop over all layers, each of which is an iteration.
static FailureOr<lm::LayersOp> findLoop(lm::FuncOp forward, Operation *user) {
  SmallVector<lm::LayersOp> loops;
  if (!forward.isExternal())
    loops = llvm::to_vector(forward.getBody().getOps<lm::LayersOp>());
  if (loops.size() != 1 || loops[0].getBegin() != 0 || forward.getStateTypes().size() != 1 ||
      cast<lm::StateType>(forward.getStateTypes()[0]).getLayers() != int64_t(loops[0].getEnd()))
    return refuse(user, "layers to skip of a model whose layers are of several kinds",
                  "one loop over layers of one kind");
  return loops[0];
}

FailureOr<lm::FuncOp> plait::skipLayers(lm::FuncOp forward, ArrayRef<int64_t> skip, Operation *user) {
  auto model = forward->getParentOfType<lm::ModelOp>();
  std::string name = nameWithout(forward.getSymName(), skip);
  if (auto known = model.lookupSymbol<lm::FuncOp>(name))
    return known;
  auto whole = findLoop(forward, user);
  if (failed(whole))
    return failure();
  int64_t count = whole->getEnd();
  for (int64_t layer : skip)
    if (layer >= count)
      return user->emitOpError("found the layer ")
             << layer << " to skip; expected layers of the model, 0 to " << count - 1;
  if (int64_t(skip.size()) == count)
    return refuse(user, "no layer that is left", "at least one that is not skipped");

  OpBuilder b(forward);
  b.setInsertionPointAfter(forward);
  lm::FuncOp function = forward.clone();
  function.setSymName(name);
  b.insert(function);
  lm::LayersOp loop = *function.getBody().getOps<lm::LayersOp>().begin();
  b.setInsertionPoint(loop);
  SmallVector<Value> carried(loop.getInits());
  for (int64_t begin = 0; begin < count;) {
    int64_t end = begin;
    while (end < count && !llvm::is_contained(skip, end))
      ++end;
    if (end > begin) {
      auto part = cast<lm::LayersOp>(b.clone(*loop.getOperation()));
      part.getInitsMutable().assign(carried);
      part.setBegin(begin);
      part.setEnd(end);
      carried.assign(part.getResults().begin(), part.getResults().end());
    }
    begin = end + 1;
  }
  loop.replaceAllUsesWith(carried);
  loop.erase();
  return function;
}
