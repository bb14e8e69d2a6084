//===- Pace.h - What is known of a program's rounds -------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_DECODE_ROUNDS_PACE_H
#define PLAIT_RUNTIME_DECODE_ROUNDS_PACE_H

#include "runtime/decode/rounds/RoundValues.h"

#include <functional>
#include <limits>
#include <memory>

namespace plait {

/// For how much to draft: what the sequences of one program have in common. No text depends
/// on it.
struct Pace {
  AcceptanceRates all; ///< of all sequences
  bool isDrafting = true;
  double idle = 0;     ///< rounds since one of them has drafted to see whether it pays
  double busy = 1;     ///< rounds since they have not drafted to see what that takes
  double patience = 1; ///< rounds until they do so in any case
  int64_t trying = 0;  ///< sequences that are to draft `tried` for the sake of knowing
  int64_t resting = 0; ///< sequences that are not to draft for the sake of knowing
  int64_t tried = 0;
  double turn = 1; ///< of those that draft while little is known: the next one's once it is 1
  int64_t sequences = 1;
  /// Of the other variants, as this is of the first: how long rounds take differs, and what is accepted.
  std::vector<std::shared_ptr<Pace>> further;
  size_t variant = 0; ///< that drafts by now
  Pace &of(size_t variant) { return variant && variant <= further.size() ? *further[variant - 1] : *this; }
  /// Seconds of a round in which `drafting` of the sequences draft `length` tokens, and models
  /// that draft first compute `behind` tokens that they have missed.
  std::function<double(int64_t length, int64_t drafting, int64_t behind)> seconds;
};

/// With which as much is drafted as may be, by any of `variants`.
inline std::shared_ptr<Pace> eagerPace(size_t variants = 1) {
  auto pace = std::make_shared<Pace>();
  pace->seconds = [](int64_t length, int64_t, int64_t) { return 1 / double(1 + length); };
  pace->busy = -std::numeric_limits<double>::infinity(); // and never left, to see what that takes
  for (size_t variant = 1; variant < variants; ++variant)
    pace->further.push_back(eagerPace());
  return pace;
}

/// How many tokens to draft, of `lengths`, which ascend: see decode.choose_length
/// (dialects/Decode/DecodeDraftOps.td). What drafts for the sequence has missed `behind` tokens.
int64_t chooseLength(const std::vector<int64_t> &lengths, const AcceptanceRates &own, int64_t behind, Pace &pace);

/// Which of `count` variants is to draft that many: see decode.choose_variant. The same for all sequences.
size_t chooseVariant(const std::vector<int64_t> &lengths, size_t count, Pace &pace);

} // namespace plait

#endif // PLAIT_RUNTIME_DECODE_ROUNDS_PACE_H
