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

namespace plait {

/// Rows [row, row + count) of the matrix `tensor` (of its transpose, if
/// `transposed`) as integers: those in the file if that holds the matrix just so,
/// else those that the elements are rounded to.
void quantizeTensorRows(const WeightQuantization &quantization, const TensorView &tensor, bool transposed, int64_t row,
                        int64_t count, std::vector<QuantizedRow> &result);

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_QUANTIZEDTENSOR_H
