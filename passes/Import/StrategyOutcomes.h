//===- StrategyOutcomes.h - All texts that a strategy may give --*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_IMPORT_STRATEGYOUTCOMES_H
#define PLAIT_PASSES_IMPORT_STRATEGYOUTCOMES_H

#include "dialects/Decode/Draws.h"

#include <optional>

namespace plait {

/// Goes through the random decisions of a strategy in all combinations: run it again and
/// again with these draws until `next` says that there is none left.
class AllOutcomes : public decode::ExactDraws {
public:
  int64_t pick(llvm::ArrayRef<decode::Fraction> weights, const Key &key) override;
  bool flip(const decode::Fraction &probability, const Key &key) override;

  /// Probability of the decisions of this run.
  decode::Fraction probability() const;
  /// Prepares the next run; false if there is none.
  bool next();

private:
  struct Decision {
    size_t option;
    std::vector<decode::Fraction> probabilities;
  };
  size_t decide(std::vector<decode::Fraction> probabilities);

  std::vector<Decision> decisions;
  size_t taken = 0; ///< decisions of this run so far
};

} // namespace plait

#endif // PLAIT_PASSES_IMPORT_STRATEGYOUTCOMES_H
