//===- QuantizedTensor.h - Checkpoint tensors as integers -------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The one place that decides which integers stand for a weight, for the pack and
// for the reference evaluation alike.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_QUANTIZEDTENSOR_H
#define PLAIT_RUNTIME_BASE_QUANTIZEDTENSOR_H

#include "runtime/base/Quantization.h"

#include <map>
#include <string>

namespace plait {

/// How much an error in each column of a weight counts, by name of the checkpoint's
/// tensor: the mean square of what the column is multiplied by.
using WeightImportance = std::map<std::string, std::vector<float>>;

/// That of `tensor`'s columns; empty if there is none.
inline std::span<const float> importanceOf(const WeightImportance *importance, const std::string &tensor) {
  if (importance)
    if (auto found = importance->find(tensor); found != importance->end())
      return found->second;
  return {};
}

/// Rows [row, row + count) of the matrix `tensor` (of its transpose, if
/// `transposed`) as integers: those in the file if that holds the matrix just so,
/// else those that the elements are rounded to, columns having this `importance`
/// (see quantizeRow).
void quantizeTensorRows(const WeightQuantization &quantization, const TensorView &tensor, bool transposed, int64_t row,
                        int64_t count, std::span<const float> importance, std::vector<QuantizedRow> &result);

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_QUANTIZEDTENSOR_H
