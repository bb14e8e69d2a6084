//===- Evaluation.cpp - Values of the reference evaluation ----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Support/Evaluation.h"

using namespace plait;

DenseValue DenseValue::zeros(std::vector<int64_t> shape) {
  size_t count = 1;
  for (int64_t extent : shape)
    count *= size_t(extent);
  return {std::move(shape), std::vector<double>(count, 0.0)};
}
