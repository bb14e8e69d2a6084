//===- ForwardVariants.h - A model without some layers, with taps *- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_DECODE_FORWARDVARIANTS_H
#define PLAIT_PASSES_DECODE_FORWARDVARIANTS_H

#include "dialects/Lm/Lm.h"

#include <string>

namespace plait {

/// How the forward of a step differs from the model's.
struct ForwardVariant {
  SmallVector<int64_t> skip = {};   ///< sublayers that the residual stream passes by, by their numbers
  SmallVector<int64_t> tapped = {}; ///< layers behind which it is returned, of each leaf

  bool isWhole() const { return skip.empty() && tapped.empty(); }
  /// `name` with what is different: "forward" without the layers 1 and 2 is "forward_skip_1_2", without the attention
  /// of 1 and the MLP of 2 "forward_skip_a1_m2", with a tap behind layer 0 "forward_tap_0".
  std::string nameOf(StringRef name) const;
};

/// The function beside `forward` that is such a variant of it, made if it is not there yet. States of layers without
/// attention are passed by, and all weights are shared. With taps it has the type of `isTappedForward`. Errors
/// are at `user`.
FailureOr<lm::FuncOp> makeForward(lm::FuncOp forward, const ForwardVariant &variant, Operation *user);

/// The layers of the model; an error at `user` if it has no @forward with a loop over layers.
FailureOr<int64_t> countLayers(lm::ModelOp model, Operation *user);

/// @exit beside @forward and @head, made if it is not there yet: the logits of leaves by their residual
/// stream behind some layer, that is what @forward does behind its layers, and the head. Errors are at `user`.
FailureOr<lm::FuncOp> makeExit(lm::ModelOp model, Operation *user);

} // namespace plait

#endif // PLAIT_PASSES_DECODE_FORWARDVARIANTS_H
