//===- SublayerOrder.h - Which sublayers a model needs least ----*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For a model that drafts for itself without some of its sublayers (SWIFT, Xia et al. 2024): how
// often the rest chooses the token that the whole model chooses, on some text, by the reference evaluation. It reads all
// of the text without them; a draft does better, as keys and values of the text are the whole model's.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_ANALYSIS_SUBLAYERORDER_H
#define PLAIT_ANALYSIS_SUBLAYERORDER_H

#include "plait/Support/Evaluation.h"

#include "dialects/Lm/Lm.h"

namespace plait {

/// Sublayers by their numbers (dialects/Decode/Sublayers.h), in the order in which they are given up.
struct SublayerOrder {
  llvm::SmallVector<int64_t> numbers;
  /// Without the first, the first two, ...: the share of positions at which the same token has the largest logit.
  /// Empty where that was not looked at.
  llvm::SmallVector<double> agreement;
};

/// The `count` sublayers of `model` that are given up first, each the one without which agreement is largest, and of
/// equals the one that leaves the whole model's tokens the most probable. Of what costs much to leave out it is taken
/// that it costs no less when others are left out as well (lazy greedy, Minoux 1978), so a few evaluations of all
/// `sequences` choose each. With `keepsWeights` they are in memory meanwhile, in double precision; else a layer's are.
llvm::FailureOr<SublayerOrder> orderByAgreement(lm::ModelOp model, WeightSource &weights,
                                                llvm::ArrayRef<std::vector<int64_t>> sequences, int64_t count,
                                                bool keepsWeights);

/// The same from one evaluation, for models of which many would take too long: first goes what turns the
/// residual stream least, by the mean cosine of the stream before and behind it (block influence, Men et al., ShortGPT,
/// 2024).
llvm::FailureOr<SublayerOrder> orderByInfluence(lm::ModelOp model, WeightSource &weights,
                                                llvm::ArrayRef<std::vector<int64_t>> sequences, int64_t count);

} // namespace plait

#endif // PLAIT_ANALYSIS_SUBLAYERORDER_H
