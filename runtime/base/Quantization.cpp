//===- Quantization.cpp - Weights as small integers -----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Quantization.h"

#include "runtime/base/QuantizedBlocks.h"

#include <algorithm>
#include <cmath>

using namespace plait;

/// The f16 nearest to `value`, which is not negative; the largest finite one if
/// that is nearest.
static uint16_t nearestHalf(float value) {
  uint32_t low = 0, high = 0x7BFF; // halves are ordered as their bits
  while (high - low > 1) {
    uint32_t middle = (low + high) / 2;
    (halfToFloat(uint16_t(middle)) <= value ? low : high) = middle;
  }
  return uint16_t(value - halfToFloat(uint16_t(low)) <= halfToFloat(uint16_t(high)) - value ? low : high);
}

static void quantizeGroup(const WeightQuantization &q, std::span<const float> values, std::span<const float>,
                          int8_t *integers, uint16_t &scale, int8_t &zero) {
  float least = 0, most = 0;
  for (float value : values) {
    least = std::min(least, value);
    most = std::max(most, value);
  }
  float range = q.zeroPoints ? (most - least) / float(q.highest()) : std::max(most, -least) / float(q.highest());
  scale = nearestHalf(range);
  float inverse = scale ? 1 / halfToFloat(scale) : 0;
  zero = q.zeroPoints ? int8_t(std::clamp(std::nearbyint(-least * inverse), 0.0f, 15.0f)) : int8_t(0);
  for (size_t i = 0; i < values.size(); ++i)
    integers[i] =
        int8_t(std::clamp(std::nearbyint(values[i] * inverse) + float(zero), float(q.lowest()), float(q.highest())));
}

void plait::quantizeRow(const WeightQuantization &quantization, std::span<const float> row,
                        std::span<const float> importance, QuantizedRow &result) {
  size_t columns = row.size(), size = size_t(quantization.groupColumns(int64_t(columns)));
  size_t groups = size_t(quantization.groups(int64_t(columns)));
  result.integers.resize(columns);
  result.scales.resize(groups);
  result.zeros.resize(groups);
  for (size_t g = 0; g < groups; ++g) {
    size_t first = g * size, count = std::min(size, columns - first);
    quantizeGroup(quantization, row.subspan(first, count),
                  importance.empty() ? importance : importance.subspan(first, count), result.integers.data() + first,
                  result.scales[g], result.zeros[g]);
  }
}

void plait::dequantizeRow(const WeightQuantization &quantization, const QuantizedRow &row, std::span<float> values) {
  size_t size = size_t(quantization.groupColumns(int64_t(values.size())));
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = halfToFloat(row.scales[i / size]) * float(row.integers[i] - row.zeros[i / size]);
}

std::optional<WeightQuantization> plait::storedQuantization(const TensorView &tensor) {
  if (tensor.transposed || tensor.offset != 0)
    return std::nullopt;
  if (tensor.type == TensorType::q8_0)
    return WeightQuantization{8, 32, false};
  if (tensor.type == TensorType::q4_0)
    return WeightQuantization{4, 32, false};
  return std::nullopt;
}

void plait::readQuantizedRow(const TensorView &tensor, int64_t row, QuantizedRow &result) {
  bool small = tensor.type == TensorType::q4_0;
  size_t columns = size_t(tensor.columns()), groups = columns / 32, bytes = tensorBlockBytes(tensor.type);
  const uint8_t *block = tensor.data.data() + size_t(storedRow(tensor, row)) * groups * bytes;
  result.integers.resize(columns);
  result.scales.resize(groups);
  result.zeros.assign(groups, 0);
  for (size_t g = 0; g < groups; ++g, block += bytes) {
    result.scales[g] = uint16_t(block[0] | block[1] << 8);
    for (size_t i = 0; i < 32; ++i)
      result.integers[g * 32 + i] =
          small ? int8_t((block[2 + i % 16] >> (i < 16 ? 0 : 4) & 15) - 8) : int8_t(block[2 + i]);
  }
}
