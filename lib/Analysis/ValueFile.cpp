//===- ValueFile.cpp - Evaluated tensors in files and in print ------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Analysis/ValueFile.h"

#include "runtime/base/Safetensors.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Format.h"

#include <algorithm>
#include <cstring>

using namespace plait;

DenseValue plait::toDenseValue(const TensorView &tensor) {
  DenseValue value = DenseValue::zeros(tensor.shape);
  for (int64_t i = 0; i < tensor.elements(); ++i)
    value.data[i] = tensorElement(tensor, i);
  return value;
}

template <typename T> static std::vector<uint8_t> packAs(llvm::ArrayRef<double> values) {
  std::vector<uint8_t> bytes(values.size() * sizeof(T));
  for (auto [i, value] : llvm::enumerate(values)) {
    T element = T(value);
    std::memcpy(bytes.data() + i * sizeof(T), &element, sizeof(T));
  }
  return bytes;
}

Status plait::writeValues(const std::string &path, llvm::ArrayRef<NamedValue> values) {
  std::vector<std::vector<uint8_t>> bytes;
  std::vector<TensorToWrite> tensors;
  for (const NamedValue &v : values) {
    bytes.push_back(v.integer ? packAs<int32_t>(v.value.data) : packAs<float>(v.value.data));
    auto type = v.integer ? plait::TensorType::i32 : plait::TensorType::f32;
    tensors.push_back({v.name, type, v.value.shape, bytes.back()});
  }
  return writeSafetensors(path, tensors);
}

void plait::printValue(llvm::raw_ostream &os, const NamedValue &named) {
  constexpr int64_t shown = 16;
  const DenseValue &value = named.value;
  os << named.name << ": ";
  llvm::interleave(value.shape, os, "x");
  os << (named.integer ? " i32\n" : " f32\n");
  // A vector is one line, a tensor of higher rank one line per row.
  bool vector = value.shape.size() < 2;
  int64_t rows = vector ? 1 : value.rows(), columns = vector ? int64_t(value.data.size()) : value.rowSize();
  for (int64_t r = 0; r < rows; ++r) {
    os << " ";
    for (int64_t c = 0; c < std::min(columns, shown); ++c)
      os << " " << llvm::format("%.6g", value.data[r * columns + c]);
    if (columns > shown)
      os << " ... (" << columns << ")";
    os << "\n";
  }
}
