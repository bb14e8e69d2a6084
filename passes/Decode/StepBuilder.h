//===- StepBuilder.h - Makes steps ------------------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_DECODE_STEPBUILDER_H
#define PLAIT_PASSES_DECODE_STEPBUILDER_H

#include "passes/Decode/ForwardVariants.h"
#include "passes/Decode/StepShape.h"

#include "mlir/IR/Builders.h"

#include <string>

namespace plait {

/// What a step does beside what its round says.
struct StepVariant {
  std::string name;
  bool returnsLogits = false;  ///< of each leaf, as the head computed them
  bool returnsHidden = false;  ///< of each leaf
  ForwardVariant forward = {}; ///< what it does of the model; the taps are returned
  std::string tapHead = {};    ///< a head that takes the last tap, in the place of the model's; or none
};

/// Makes the ragged step of a round of one token. Fails, with an error, if the model does
/// not have what the round needs; errors about layers are at `user`.
LogicalResult buildStep(OpBuilder &b, const StepShape &shape, const StepVariant &variant, Operation *user);

/// Makes the step `name` that computes the logits of hidden states alone, by the function
/// `head` of the model, and says which tokens are the most probable.
LogicalResult buildHeadStep(OpBuilder &b, Operation *user, FlatSymbolRefAttr model, StringRef head, StringRef name);

/// Makes the step `name` that computes the next hidden state of a hidden state and a token, by the
/// function of `recur`, and says which tokens are the most probable then, by that of `head`.
LogicalResult buildRecurStep(OpBuilder &b, decode::RecurOp recur, decode::HeadOp head, StringRef name);

} // namespace plait

#endif // PLAIT_PASSES_DECODE_STEPBUILDER_H
