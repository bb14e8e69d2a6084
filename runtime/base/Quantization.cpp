//===- Quantization.cpp - Weights as small integers -----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Quantization.h"

#include "runtime/base/PackedMatrix.h"
#include "runtime/base/QuantizedBlocks.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

using namespace plait;

//===----------------------------------------------------------------------===//
// The search for a scale
//===----------------------------------------------------------------------===//

namespace {

/// The f16 nearest to `value`; the largest finite one if that is nearest.
uint16_t nearestHalf(float value) {
  float magnitude = std::fabs(value);
  uint32_t bits;
  if (magnitude < 0x1p-14f) { // a sum with 0.5 is rounded where a subnormal half is
    bits = std::bit_cast<uint32_t>(magnitude + 0.5f) - std::bit_cast<uint32_t>(0.5f);
  } else {
    bits = std::bit_cast<uint32_t>(magnitude);
    bits = ((bits + 0xFFF + (bits >> 13 & 1)) >> 13) - (112 << 10);
  }
  return uint16_t(std::min(bits, 0x7BFFu) | (std::signbit(value) ? 0x8000 : 0));
}

/// How the integers of a group are read.
struct GroupGrid {
  uint16_t scale = 0;
  int zero = 0;
};

/// Rounds a group to integers: multiplies by the inverse of the scale, and adds
/// and subtracts 1.5 * 2^23, whose neighbours are integers.
struct Rounding {
  float scale, inverse, zero, lowest, highest;

  Rounding(const WeightQuantization &q, const GroupGrid &grid)
      : scale(halfToFloat(grid.scale)), inverse(grid.scale & 0x7FFF ? 1 / scale : 0), zero(float(grid.zero)),
        lowest(float(q.lowest())), highest(float(q.highest())) {}
  float operator()(float value) const {
    float t = value * inverse + zero;
    t = t > lowest ? t : lowest;
    t = t < highest ? t : highest;
    return (t + 0x1.8p23f) - 0x1.8p23f;
  }
};

/// One group whose grid is to be found.
class GroupSearch {
public:
  GroupSearch(const WeightQuantization &q, std::span<const float> values, std::span<const float> importance)
      : q(q), values(values), importance(importance) {}

  GroupGrid run();

private:
  /// Sums over the group, in eight parts so that the order is that of vectors of
  /// any width up to eight.
  template <typename Term> float sum(Term term) const {
    constexpr size_t lanes = 8;
    float parts[lanes] = {};
    size_t i = 0;
    for (; i + lanes <= values.size(); i += lanes)
      for (size_t lane = 0; lane < lanes; ++lane)
        parts[lane] += term(i + lane);
    for (; i < values.size(); ++i)
      parts[i % lanes] += term(i);
    for (size_t half = lanes / 2; half; half /= 2)
      for (size_t lane = 0; lane < half; ++lane)
        parts[lane] += parts[lane + half];
    return parts[0];
  }
  float errorOf(const GroupGrid &grid) const;
  bool consider(float scale, int zero);
  bool refine();

  const WeightQuantization &q;
  std::span<const float> values, importance;
  GroupGrid best;
  float leastError = std::numeric_limits<float>::quiet_NaN(); ///< of `best`; NaN before the first candidate
};

float GroupSearch::errorOf(const GroupGrid &grid) const {
  Rounding round(q, grid);
  const float *x = values.data(), *w = importance.data();
  auto error = [&](size_t i) { return x[i] - round.scale * (round(x[i]) - round.zero); };
  if (importance.empty())
    return sum([&](size_t i) { return error(i) * error(i); });
  return sum([&](size_t i) { return w[i] * (error(i) * error(i)); });
}

/// Keeps the grid of this scale, rounded, if it is better than the best.
bool GroupSearch::consider(float scale, int zero) {
  GroupGrid grid{nearestHalf(scale), zero};
  float error = errorOf(grid);
  if (error >= leastError) // never so before the first, even if all overflow
    return false;
  best = grid;
  leastError = error;
  return true;
}

/// Considers the scale that is best for the integers of the best grid.
bool GroupSearch::refine() {
  Rounding round(q, best);
  const float *x = values.data();
  auto weight = [&](size_t i) { return importance.empty() ? 1.0f : importance[i]; };
  auto integer = [&](size_t i) { return round(x[i]) - round.zero; };
  float products = sum([&](size_t i) { return weight(i) * (x[i] * integer(i)); });
  float squares = sum([&](size_t i) { return weight(i) * (integer(i) * integer(i)); });
  return squares > 0 && consider(products / squares, best.zero);
}

/// Candidates spread the values over about as many integers as there are: over
/// fewer, or over more, so that the outermost are clipped for the sake of the
/// others. The first is plain rounding to nearest, which ties prefer.
GroupGrid GroupSearch::run() {
  // Whoever has not looked for damage is to find it in the results.
  constexpr uint16_t notANumber = 0x7E00;
  if (!std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); }))
    return {notANumber, 0};
  auto [least, most] = std::minmax_element(values.begin(), values.end());
  float low = std::min(*least, 0.0f), high = std::max(*most, 0.0f);
  if (low == 0 && high == 0)
    return best;
  float levels = float(q.highest()), stride = q.bits == 8 ? 0.01f : 0.06f;
  if (!importance.empty()) // a few columns may decide, so the error is less smooth
    stride /= 2;
  int steps = importance.empty() ? 8 : 16;
  auto considerStep = [&](int step) {
    float more = levels * stride * float(step);
    if (!q.zeroPoints) {
      float scale = std::max(high, -low) / (levels + more);
      consider(scale, 0);
      if (-q.lowest() != q.highest()) // the integer without a counterpart may serve either sign
        consider(-scale, 0);
      return;
    }
    float scale = high / (levels + more) - low / (levels + more);
    int zero = scale > 0 ? int(std::clamp(std::nearbyint(-low / scale - more / 2), 0.0f, levels)) : 0;
    consider(scale, zero);
    if (zero > q.lowest())
      consider(scale, zero - 1);
    if (zero < q.highest())
      consider(scale, zero + 1);
  };
  considerStep(0);
  for (int step = -steps / 4; step <= steps; ++step)
    if (step)
      considerStep(step);
  for (int more = 3; more > 0; --more)
    if (!refine())
      break;
  return best;
}

} // namespace

static void quantizeGroup(const WeightQuantization &q, std::span<const float> values, std::span<const float> importance,
                          int8_t *integers, uint16_t &scale, int8_t &zero) {
  GroupGrid grid = GroupSearch(q, values, importance).run();
  scale = grid.scale;
  zero = int8_t(grid.zero);
  Rounding round(q, grid);
  for (size_t i = 0; i < values.size(); ++i)
    integers[i] = int8_t(round(values[i]));
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
  if (tensor.packed)
    return tensor.packed->quantization;
  if (tensor.transposed || tensor.offset != 0)
    return std::nullopt;
  if (tensor.type == TensorType::q8_0)
    return WeightQuantization{8, 32, false};
  if (tensor.type == TensorType::q4_0)
    return WeightQuantization{4, 32, false};
  return std::nullopt;
}

void plait::readQuantizedRow(const TensorView &tensor, int64_t row, QuantizedRow &result) {
  if (tensor.packed)
    return readPackedRow(tensor, row, result);
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
