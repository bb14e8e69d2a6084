//===- Bf16.h - Numbers of 16 bits with the exponents of f32 ----*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_BF16_H
#define PLAIT_RUNTIME_BASE_BF16_H

#include <cstdint>
#include <cstring>

namespace plait {

/// Rounds to the nearest bf16, ties to even (finite values).
inline uint16_t roundToBf16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return uint16_t((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}
inline float bf16ToFloat(uint16_t half) {
  uint32_t bits = uint32_t(half) << 16;
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_BF16_H
