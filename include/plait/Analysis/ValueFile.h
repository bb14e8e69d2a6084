//===- ValueFile.h - Evaluated tensors in files and in print ----*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_ANALYSIS_VALUEFILE_H
#define PLAIT_ANALYSIS_VALUEFILE_H

#include "plait/Support/Evaluation.h"

#include "runtime/base/Status.h"
#include "runtime/base/Tensor.h"

#include "llvm/Support/raw_ostream.h"

namespace plait {

struct NamedValue {
  std::string name;
  DenseValue value;
  bool integer = false; ///< stored as I32, otherwise as F32
};

DenseValue toDenseValue(const TensorView &tensor);

Status writeValues(const std::string &path, llvm::ArrayRef<NamedValue> values);

/// Prints "name: 2x3" and the elements, row by row, to six significant digits;
/// of a long row the first elements alone, and their number.
void printValue(llvm::raw_ostream &os, const NamedValue &value);

} // namespace plait

#endif // PLAIT_ANALYSIS_VALUEFILE_H
