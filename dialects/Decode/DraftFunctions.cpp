//===- DraftFunctions.cpp - Functions of a model that draft ---------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Decode/DraftFunctions.h"

using namespace plait;
using namespace plait::decode;

lm::LayersOp decode::findOnlyLoop(lm::FuncOp forward) {
  if (forward.isExternal() || !forward.isForward())
    return nullptr;
  auto loops = llvm::to_vector(forward.getBody().getOps<lm::LayersOp>());
  if (loops.size() != 1 || loops[0].getBegin() != 0 || forward.getStateTypes().size() != 1 ||
      cast<lm::StateType>(forward.getStateTypes()[0]).getLayers() != int64_t(loops[0].getEnd()))
    return nullptr;
  return loops[0];
}

int64_t decode::vocabularyOf(lm::ModelOp model) {
  auto head = model.lookupSymbol<lm::FuncOp>("head");
  auto logits = head && head.getNumResults() == 1 ? dyn_cast<RankedTensorType>(head.getResultTypes()[0]) : nullptr;
  return logits ? logits.getShape().back() : 0;
}

bool decode::isTappedForward(lm::FuncOp function) {
  ArrayRef<Type> in = function.getArgumentTypes(), out = function.getResultTypes();
  auto isOfLeaves = [](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && lm::getLeadingDim(tensor) == "leaves";
  };
  if (in.size() < 5 || !isOfLeaves(in.back()) || out.size() < in.size() - 2)
    return false;
  ArrayRef<Type> states = in.drop_front(3).drop_back();
  return llvm::all_of(states, llvm::IsaPred<lm::StateType>) && out.slice(1, states.size()) == states &&
         llvm::all_of(out.drop_front(1 + states.size()), isOfLeaves);
}

/// Whether `in` begins with (hidden, ids), and goes on with (positions, rows, state) or ends there.
static bool takesHidden(ArrayRef<Type> in) {
  auto isTensor = [](Type type, int64_t rank) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && tensor.getRank() == rank &&
           (rank == 2 ? tensor.getElementType().isF32() : tensor.getElementType().isInteger(32));
  };
  bool hasState = in.size() == 5 && isTensor(in[2], 1) && isa<lm::RowsType>(in[3]) && isa<lm::StateType>(in[4]);
  return (in.size() == 2 || hasState) && isTensor(in[0], 2) && isTensor(in[1], 1);
}

bool decode::isRecurrent(lm::FuncOp function) {
  ArrayRef<Type> in = function.getArgumentTypes(), out = function.getResultTypes();
  return takesHidden(in) && !out.empty() && out[0] == in[0] &&
         out.drop_front() == (in.size() == 5 ? in.take_back() : ArrayRef<Type>());
}

SmallVector<lm::FuncOp> decode::stagingsOf(lm::ModelOp model) {
  SmallVector<lm::FuncOp> found;
  for (auto function : model.getBody().getOps<lm::FuncOp>()) {
    ArrayRef<Type> in = function.getArgumentTypes();
    if (takesHidden(in) && in.size() == 5 && function.getResultTypes() == in.take_back())
      found.push_back(function);
  }
  return found;
}

FailureOr<size_t> decode::stateNumberOf(Operation *user, lm::ModelOp model, lm::FuncOp function) {
  auto forward = model.lookupSymbol<lm::FuncOp>("forward");
  std::string name = (function.getSymName() + "_stage").str();
  for (auto [i, staging] : llvm::enumerate(stagingsOf(model)))
    if (staging.getSymName() == name && staging.getArgumentTypes().back() == function.getArgumentTypes().back())
      return (forward ? forward.getStateTypes().size() : 0) + i;
  return user->emitOpError("found no function @")
         << name << "(hidden, ids, positions, rows, state) -> state of the model @" << model.getSymName()
         << "; expected one that fills the state of @" << function.getSymName();
}
