//===- Draws.h - Random decisions of a strategy -----------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECTS_DECODE_DRAWS_H
#define PLAIT_DIALECTS_DECODE_DRAWS_H

#include "runtime/base/Philox.h"

#include "mlir/Analysis/Presburger/Fraction.h"
#include "llvm/ADT/ArrayRef.h"

#include <cstdint>
#include <vector>

namespace plait::decode {

using mlir::presburger::Fraction;

class ExactDraws;

/// What is random in the reference evaluation of a strategy passes through here, so that
/// a test can go through all outcomes. The default decides by the counters of
/// runtime/base/Philox.h.
class Draws {
public:
  virtual ~Draws() = default;
  using Key = RandomKey;
  /// The winner of a race of `weights`, which need not sum up to 1 (runtime/base/Philox.h).
  virtual int64_t pick(llvm::ArrayRef<double> weights, const Key &key);
  /// An index below `count`, all of one probability.
  virtual int64_t pickEvenly(int64_t count, const Key &key) { return int64_t(double(key.uniform()) * double(count)); }
  /// True with the given probability.
  virtual bool flip(double probability, const Key &key) { return key.uniform() < probability; }
  /// These draws, if probabilities are to be computed as fractions for them.
  virtual ExactDraws *exact() { return nullptr; }
};

/// The number by which branch `branch` of a sequence draws (decode.branch), if its first token is at `position`.
inline uint64_t numberOfBranch(uint64_t seed, uint64_t sequence, uint32_t position, uint32_t branch) {
  if (branch == 0)
    return sequence;
  auto words = philox4x32(
      {position, uint32_t(RandomPurpose::branch) | branch << 8, uint32_t(sequence), uint32_t(sequence >> 32)},
      {uint32_t(seed), uint32_t(seed >> 32)});
  return words[2] | uint64_t(words[3]) << 32;
}

/// Draws that are given probabilities without a rounding: weights are doubles, and what
/// follows from them is a fraction.
class ExactDraws : public Draws {
public:
  virtual int64_t pick(llvm::ArrayRef<Fraction> weights, const Key &key) = 0;
  virtual bool flip(const Fraction &probability, const Key &key) = 0;
  int64_t pick(llvm::ArrayRef<double> weights, const Key &key) final;
  int64_t pickEvenly(int64_t count, const Key &key) final;
  bool flip(double probability, const Key &key) final;
  ExactDraws *exact() final { return this; }
};

/// The value of a finite double.
Fraction fractionOf(double value);

/// The distribution in proportion to `weights`, not all 0; empty if there are none.
template <typename Number> std::vector<Number> distributionOf(llvm::ArrayRef<double> weights) {
  std::vector<Number> shares;
  Number sum(0);
  for (double weight : weights) {
    if constexpr (std::is_same_v<Number, double>)
      shares.push_back(weight);
    else
      shares.push_back(fractionOf(weight));
    sum = sum + shares.back();
  }
  for (Number &share : shares)
    share = share / sum;
  return shares;
}

/// The distribution left over once a draw from `q` has been rejected in favour of `p`:
/// max(0, p - q), normalised; empty if nothing is left.
template <typename Number> std::vector<Number> residualOf(const std::vector<Number> &p, const std::vector<Number> &q) {
  std::vector<Number> rest(p.size(), Number(0));
  Number sum(0);
  for (size_t i = 0; i < p.size(); ++i)
    if (q[i] < p[i])
      sum = sum + (rest[i] = p[i] - q[i]);
  if (!(Number(0) < sum))
    return {};
  for (Number &value : rest)
    value = value / sum;
  return rest;
}

/// The probability with which a token that was drawn from q is accepted.
template <typename Number> Number acceptanceOf(const Number &p, const Number &q) { return p < q ? p / q : Number(1); }

} // namespace plait::decode

#endif // PLAIT_DIALECTS_DECODE_DRAWS_H
