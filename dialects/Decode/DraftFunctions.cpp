//===- DraftFunctions.cpp - Functions of a model that draft ---------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Decode/DraftFunctions.h"

using namespace plait;
using namespace plait::decode;

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
