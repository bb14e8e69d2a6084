//===- QuantizedBlocks.cpp - Block types of ggml --------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/QuantizedBlocks.h"

#include <cstring>

using namespace plait;

static float readHalf(const uint8_t *bytes) {
  uint16_t half;
  std::memcpy(&half, bytes, sizeof(half));
  return halfToFloat(half);
}

void plait::dequantizeQ4_0(const uint8_t *block, float *target) {
  float scale = readHalf(block);
  for (int i = 0; i < 16; ++i) {
    uint8_t pair = block[2 + i];
    target[i] = float((pair & 0xF) - 8) * scale;
    target[i + 16] = float((pair >> 4) - 8) * scale;
  }
}

void plait::dequantizeQ8_0(const uint8_t *block, float *target) {
  float scale = readHalf(block);
  for (int i = 0; i < 32; ++i)
    target[i] = float(int8_t(block[2 + i])) * scale;
}
