//===- Quantization.h - Weights as small integers ---------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Groups of consecutive columns of a weight's row share a scale (and a zero
// point): value = scale * (integer - zero), computed in f32. Scales are f16, as
// in GPTQ, AWQ and ggml, so that what those have quantised is kept exactly.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_QUANTIZATION_H
#define PLAIT_RUNTIME_BASE_QUANTIZATION_H

#include "runtime/base/Tensor.h"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace plait {

/// How integers stand for the elements of a weight.
struct WeightQuantization {
  unsigned bits = 8;       ///< 8 or 4
  int64_t group = 0;       ///< columns that share a scale: 32, 64, 128; 0: a whole row
  bool zeroPoints = false; ///< bits 4 only: a zero point per group; else 0 stands for 0

  int64_t groupColumns(int64_t columns) const { return group ? group : columns; }
  int64_t groups(int64_t columns) const { return (columns + groupColumns(columns) - 1) / groupColumns(columns); }
  /// Range of the integers: -127..127, -8..7, or with zero points 0..15.
  int lowest() const { return bits == 8 ? -127 : zeroPoints ? 0 : -8; }
  int highest() const { return bits == 8 ? 127 : zeroPoints ? 15 : 7; }
  bool operator==(const WeightQuantization &) const = default;
};

/// A row of a weight in integers.
struct QuantizedRow {
  std::vector<int8_t> integers; ///< one per column
  std::vector<uint16_t> scales; ///< f16, one per group, of either sign
  std::vector<int8_t> zeros;    ///< one per group, 0 without zero points
};

/// Rounds `row` to the nearest integers; a group with an infinity or a NaN gets the
/// scale NaN, so that all of it reads as NaN. Each group's
/// scale (and zero point) is the one of a few dozen candidates with the least
/// squared error, column i weighing importance[i] >= 0 (all alike if `importance`
/// is empty). A group of zeros has scale 0. The result depends on the arguments
/// alone. Takes 25 to 80 ns an element with 4 bits.
void quantizeRow(const WeightQuantization &quantization, std::span<const float> row, std::span<const float> importance,
                 QuantizedRow &result);

/// The f32 numbers that `row` stands for.
void dequantizeRow(const WeightQuantization &quantization, const QuantizedRow &row, std::span<float> values);

/// How the file holds `tensor`, if as integers that a WeightQuantization describes
/// (ggml's Q8_0 and Q4_0; GPTQ; AWQ).
std::optional<WeightQuantization> storedQuantization(const TensorView &tensor);

/// Row `row` of such a tensor as the file holds it: nothing is rounded.
void readQuantizedRow(const TensorView &tensor, int64_t row, QuantizedRow &result);

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_QUANTIZATION_H
