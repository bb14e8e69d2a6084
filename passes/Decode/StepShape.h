//===- StepShape.h - The round that is one step -----------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_DECODE_STEPSHAPE_H
#define PLAIT_PASSES_DECODE_STEPSHAPE_H

#include "dialects/Decode/Decode.h"

namespace plait {

/// The ops of a round that is one step: plain decoding, of some kind.
struct StepShape {
  decode::ForwardOp forward;
  decode::HeadOp head;
  decode::EditOp edit; ///< or null
  decode::VerifyRuleOpInterface rule;

  /// Fails, with an error, if the round has another shape.
  static FailureOr<StepShape> match(decode::RoundOp round);
};

/// Whether a strategy is to be a step of its own: its round has no other ops than such a
/// round, and nobody has called it by name, to choose it among others.
bool isStep(decode::StrategyOp strategy);

} // namespace plait

#endif // PLAIT_PASSES_DECODE_STEPSHAPE_H
