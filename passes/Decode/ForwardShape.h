//===- ForwardShape.h - A forward that becomes a step -----------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_DECODE_FORWARDSHAPE_H
#define PLAIT_PASSES_DECODE_FORWARDSHAPE_H

#include "dialects/Decode/Decode.h"

#include <map>

namespace plait {

/// A forward, and what chooses from its logits.
struct ForwardShape {
  decode::ForwardOp op;
  decode::HeadOp head;
  decode::EditOp edit; ///< or null
  decode::VerifyRuleOpInterface rule;
  SmallVector<decode::LearnOp> learns;
  SmallVector<decode::PromptedOp> prompted;
  SmallVector<decode::LeafOp> leaves; ///< whose final hidden states other heads take
  /// Of taps that are wanted, by layer: leaves that other heads take.
  std::map<int64_t, SmallVector<decode::LeafOp>> tapped;
  bool hasTapHead = false; ///< `head` is one of its own, of the last tap

  /// Fails, with an error, if it has another shape.
  static FailureOr<ForwardShape> match(decode::ForwardOp op);

  /// Whether the rule takes edited logits.
  bool isEdited() { return edit && rule->getOperand(1) == edit.getResult(); }

private:
  LogicalResult matchHidden(Value hidden, SmallVectorImpl<decode::LeafOp> &leavesOf);
  LogicalResult matchTaps();
  LogicalResult matchUsers(Value logits);
};

} // namespace plait

#endif // PLAIT_PASSES_DECODE_FORWARDSHAPE_H
