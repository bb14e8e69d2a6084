//===- Sampling.h - How a token follows from logits -------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The definitions of decode.choose_greedy and decode.choose_sample in double
// precision: what the reference evaluation of the ops runs and what a lowering
// is compared with. Nothing of it is used by a lowering.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECTS_DECODE_SAMPLING_H
#define PLAIT_DIALECTS_DECODE_SAMPLING_H

#include "llvm/ADT/ArrayRef.h"

#include <cstdint>

namespace plait::decode {

/// The values of a row's warps; each default leaves the distribution alone but
/// for `temperature`, where 0 chooses greedily.
struct WarpValues {
  double temperature = 0;
  int64_t topK = 0;
  double topP = 1, minP = 0;
};

/// The outcome at one leaf.
struct Choice {
  int64_t token = -1;
  bool nonfinite = false; ///< a logit was NaN or infinite; there is no token
  double logprob = 0;     ///< of the token, under the unwarped logits
};

/// The token of the largest logit, the lowest id of equals.
Choice chooseGreedily(llvm::ArrayRef<double> logits);

/// The token at the quantile `u`, in [0, 1), of the warped distribution.
Choice chooseSample(llvm::ArrayRef<double> logits, const WarpValues &warps, double u);

} // namespace plait::decode

#endif // PLAIT_DIALECTS_DECODE_SAMPLING_H
