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
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_PHILOX_H
#define PLAIT_RUNTIME_BASE_PHILOX_H

#include <array>
#include <cstdint>

namespace plait {

/// What a random number is for; each purpose is a stream of its own.
enum class RandomPurpose : uint32_t { sample = 0, draft = 1, accept = 2, residual = 3 };

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

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_PHILOX_H
