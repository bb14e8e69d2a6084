//===- QuantizedTensor.cpp - Checkpoint tensors as integers ---------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/QuantizedTensor.h"

using namespace plait;

void plait::quantizeTensorRows(const WeightQuantization &quantization, const TensorView &tensor, bool transposed,
                               int64_t row, int64_t count, std::span<const float> importance,
                               std::vector<QuantizedRow> &result) {
  result.resize(size_t(count));
  int64_t columns = transposed ? tensor.rows() : tensor.columns();
  auto stored = storedQuantization(tensor);
  if (stored)
    stored->group = stored->groupColumns(columns);
  if (!transposed &&
      stored == WeightQuantization{quantization.bits, quantization.groupColumns(columns), quantization.zeroPoints}) {
    for (int64_t i = 0; i < count; ++i)
      readQuantizedRow(tensor, row + i, result[size_t(i)]);
    return;
  }
  std::vector<float> elements(size_t(count * columns)), values(static_cast<size_t>(columns));
  if (transposed)
    readTensorBlock(tensor, 0, columns, row, count, elements.data());
  else
    readTensorBlock(tensor, row, count, 0, columns, elements.data());
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t col = 0; col < columns; ++col)
      values[size_t(col)] = elements[size_t(transposed ? col * count + i : i * columns + col)];
    quantizeRow(quantization, values, importance, result[size_t(i)]);
  }
}
