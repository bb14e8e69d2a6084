//===- PanelLayout.cpp - Where packed weights lie -------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/PanelLayout.h"

#include "runtime/base/RandomWeights.h"

#include <algorithm>
#include <cassert>
#include <cstring>

using namespace plait;

void plait::packRow(const PanelLayout &layout, int64_t row, std::span<const float> values, uint8_t *packed) {
  assert(!layout.quantization && (layout.wordColumns == 1 || layout.wordColumns == 2));
  uint8_t *word = packed + row / layout.panel * layout.panelBytes() + row % layout.panel * 4;
  int64_t stride = layout.panel * 4;
  if (layout.wordColumns == 1) {
    for (float value : values) {
      std::memcpy(word, &value, 4);
      word += stride;
    }
    return;
  }
  for (size_t col = 0; col < values.size(); ++col) {
    uint16_t half = roundToBf16(values[col]);
    std::memcpy(word + col % 2 * 2, &half, 2);
    if (col % 2)
      word += stride;
  }
}

void plait::packRow(const PanelLayout &layout, int64_t row, const QuantizedRow &values, uint8_t *packed) {
  const WeightQuantization &q = *layout.quantization;
  const int64_t lane = row % layout.panel, size = layout.groupColumns(), columns = layout.wordColumns;
  const uint32_t mask = (1u << q.bits) - 1;
  // What is stored for the integer 0.
  const int offset = q.bits == 4 && !q.zeroPoints ? 8 : 0;
  uint8_t *group = packed + row / layout.panel * layout.panelBytes();
  for (int64_t g = 0, first = 0; first < layout.cols; ++g, first += size) {
    const int64_t count = std::min(size, layout.cols - first);
    std::memcpy(group + lane * 2, &values.scales[size_t(g)], 2);
    if (q.zeroPoints) {
      int16_t zero = values.zeros[size_t(g)];
      std::memcpy(group + layout.panel * 2 + lane * 2, &zero, 2);
    }
    uint8_t *at = group + layout.headerBytes() + lane * 4;
    for (int64_t col = 0; col < count; col += columns, at += layout.panel * 4) {
      uint32_t word = 0;
      for (int64_t i = 0; i < columns; ++i) {
        int integer = col + i < count ? values.integers[size_t(first + col + i)] : 0;
        word |= (uint32_t(integer + offset) & mask) << (i * q.bits);
      }
      std::memcpy(at, &word, 4);
    }
    group += layout.groupBytes(size);
  }
}
