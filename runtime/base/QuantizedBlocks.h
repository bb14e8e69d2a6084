//===- QuantizedBlocks.h - Block types of ggml ------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// In a quantised type consecutive elements of a row form a block of small
// integers and their f16 scale. Layouts and arithmetic are those of ggml's
// reference (dequantize_row_* in ggml-quants.c): products in f32.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_QUANTIZEDBLOCKS_H
#define PLAIT_RUNTIME_BASE_QUANTIZEDBLOCKS_H

#include <bit>
#include <cstdint>

namespace plait {

inline constexpr unsigned maxBlockElements = 32;

/// IEEE half to single precision, exactly, without a branch on the exponent but
/// for what is no number.
inline float halfToFloat(uint16_t half) {
  // Read as a float, exponent and fraction are off by a factor of 2^112, also
  // where they are subnormal.
  float magnitude = std::bit_cast<float>(uint32_t(half & 0x7FFF) << 13) * 0x1p112f;
  uint32_t bits = std::bit_cast<uint32_t>(magnitude);
  if ((half & 0x7C00) == 0x7C00)
    bits |= 0x7F800000;
  return std::bit_cast<float>(bits | uint32_t(half & 0x8000) << 16);
}

/// 32 elements in 18 bytes: f16 d; 16 bytes q, of which byte i holds element i
/// in its low and element i + 16 in its high half. Elements are d * (q - 8).
void dequantizeQ4_0(const uint8_t *block, float *target);
/// 32 elements in 34 bytes: f16 d; 32 signed bytes q. Elements are d * q.
void dequantizeQ8_0(const uint8_t *block, float *target);

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_QUANTIZEDBLOCKS_H
