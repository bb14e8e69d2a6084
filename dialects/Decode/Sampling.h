//===- Sampling.h - How a token follows from logits -------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The definitions of decode.edit_logits, decode.choose_greedy, decode.choose_sample
// and decode.top_logprobs in double precision: what the reference evaluation of the
// ops runs and what a lowering is compared with. Nothing of it is used by a
// lowering.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECTS_DECODE_SAMPLING_H
#define PLAIT_DIALECTS_DECODE_SAMPLING_H

#include "runtime/base/Philox.h"

#include "llvm/ADT/ArrayRef.h"

#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace plait::decode {

/// The logit of a token that has probability zero.
constexpr double kMaskedLogit = std::numeric_limits<float>::lowest();

/// A change of one token's logit: an entry of decode.edit_logits.
struct Edit {
  int64_t token = -1;
  double bias = 0, scale = 1, offset = 0;
};

void applyEdit(llvm::MutableArrayRef<double> logits, const Edit &edit);

/// Of repeated tokens; the defaults leave all alone.
struct Penalties {
  double repetition = 1, presence = 0, frequency = 0;
};

/// Scales and offsets for a text whose first `promptLength` tokens are the prompt.
std::vector<Edit> penaltyEdits(llvm::ArrayRef<int64_t> text, int64_t promptLength, const Penalties &penalties);

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
  bool nonfinite = false; ///< a logit was NaN or infinite, or all masked; there is no token
  double logprob = 0;     ///< of the token, under the unwarped logits
};

/// The token of the largest logit, the lowest id of equals.
Choice chooseGreedily(llvm::ArrayRef<double> logits);

/// The index of the first of `weights`, not all 0, in a race by the numbers of `key` (runtime/base/Philox.h); the
/// lowest one of equals.
int64_t winnerOf(llvm::ArrayRef<double> weights, const RandomKey &key);

/// The winner of the race of the warped weights.
Choice chooseSample(llvm::ArrayRef<double> logits, const WarpValues &warps, const RandomKey &key);

/// Typical acceptance (decode.choose_typical): the index of the one of `drafted` that is
/// accepted as the successor, or -1. `weights` are warped ones, and not empty.
int64_t acceptTypical(llvm::ArrayRef<double> weights, llvm::ArrayRef<int64_t> drafted, double threshold, double alpha);

/// A token that momentum decoding may choose.
struct MomentumCandidate {
  int64_t token;
  double probability;
};
/// The index of the one of `candidates`, the most probable first, that decode.verify_momentum
/// chooses after `text`; -1 if there is none.
int64_t chooseMomentum(llvm::ArrayRef<MomentumCandidate> candidates, llvm::ArrayRef<int64_t> text, double alpha,
                       llvm::ArrayRef<double> resistance);

/// What the warps leave of each token's weight; all 0 but that of the greedy choice at
/// temperature 0, and empty if there is nothing to choose from.
std::vector<double> warpedWeights(llvm::ArrayRef<double> logits, const WarpValues &warps);

/// The choice of `token`.
Choice choiceOf(llvm::ArrayRef<double> logits, int64_t token);

/// The `count` most probable tokens and their log probabilities; fewer if others
/// are masked, none if a logit is NaN or infinite.
std::vector<std::pair<int64_t, double>> topLogprobs(llvm::ArrayRef<double> logits, int64_t count);

} // namespace plait::decode

#endif // PLAIT_DIALECTS_DECODE_SAMPLING_H
