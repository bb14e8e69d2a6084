//===- Philox.h - Counter-based random numbers ------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy
// as 1, 2, 3", SC11). A draw is a pure function of (seed, sequence, position,
// purpose), so it depends neither on the batch nor on what was drawn before.
//
// A token is drawn by a race: token v arrives at time E[v] / w[v], with E[v] from the
// exponential distribution, and the first one wins, with probability w[v] / sum w. This is
// the maximum of log w[v] + Gumbel noise. Two distributions that run their races with the
// same numbers have the same winner with probability (1 - TV) / (1 + TV) at least, where TV
// is their total variation distance (Daliri, Musco, Suresh, arXiv 2408.07978).
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_PHILOX_H
#define PLAIT_RUNTIME_BASE_PHILOX_H

#include <array>
#include <cmath>
#include <cstdint>

namespace plait {

/// What a random number is for; each purpose is a stream of its own.
enum class RandomPurpose : uint32_t { sample = 0, draft = 1, accept = 2, residual = 3, branch = 4 };

inline constexpr uint32_t kPhiloxMultiplier0 = 0xD2511F53u, kPhiloxMultiplier1 = 0xCD9E8D57u;
inline constexpr uint32_t kPhiloxWeyl0 = 0x9E3779B9u, kPhiloxWeyl1 = 0xBB67AE85u;

inline std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    uint64_t p0 = uint64_t(kPhiloxMultiplier0) * counter[0];
    uint64_t p1 = uint64_t(kPhiloxMultiplier1) * counter[2];
    counter = {uint32_t(p1 >> 32) ^ counter[1] ^ key[0], uint32_t(p1), uint32_t(p0 >> 32) ^ counter[3] ^ key[1],
               uint32_t(p0)};
    key[0] += kPhiloxWeyl0;
    key[1] += kPhiloxWeyl1;
  }
  return counter;
}

/// A uniform number in [0, 1): the top 24 bits of the first word, so that it is
/// exact in f32. Key: the seed's two words. Counter: position, purpose (with the
/// number of the draw, of several, in its upper 24 bits), and the two words of the
/// sequence number.
inline float uniformDraw(uint64_t seed, uint64_t sequence, uint32_t position, RandomPurpose purpose,
                         uint32_t index = 0) {
  auto words = philox4x32({position, uint32_t(purpose) | index << 8, uint32_t(sequence), uint32_t(sequence >> 32)},
                          {uint32_t(seed), uint32_t(seed >> 32)});
  return float(words[0] >> 8) * 0x1p-24f;
}

/// The number, of 31 bits, by which `token` takes part in a race: the upper bits of word token % 4 of
/// draw token / 4, as above.
inline uint32_t raceNumber(uint64_t seed, uint64_t sequence, uint32_t position, RandomPurpose purpose, uint32_t token) {
  auto words = philox4x32({position, uint32_t(purpose) | token / 4 << 8, uint32_t(sequence), uint32_t(sequence >> 32)},
                          {uint32_t(seed), uint32_t(seed >> 32)});
  return words[token % 4] >> 1;
}

/// -log(1 - y) with y = (number + 1/2) / 2^31, which is never 0 or 1. Small times, which decide races, come of
/// small y, whose logarithm has full precision.
inline double exponentialOf(uint32_t number) { return -std::log1p(-(double(number) + 0.5) * 0x1p-31); }

/// What a random decision depends on.
struct RandomKey {
  uint64_t seed, sequence;
  int64_t position;
  RandomPurpose purpose;
  uint32_t index = 0; ///< of several decisions of one purpose at one position, but races

  float uniform() const { return uniformDraw(seed, sequence, uint32_t(position), purpose, index); }
  /// E of `token` in a race.
  double exponential(int64_t token) const {
    return exponentialOf(raceNumber(seed, sequence, uint32_t(position), purpose, uint32_t(token)));
  }
};

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_PHILOX_H
