//===- PackedMatrix.h - Matrices of GPTQ and AWQ ---------------------- -*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Both keep a matrix of `out` rows and `in` columns as its transpose, in three
// tensors: integers and zero points packed into words of 32 bits, and scales.
// An element is scale * (integer - zero) of the group that its column is in.
//
// With `per` = 32 / bits integers to a word, lowest bits first:
//
//            | integers           | zero points          | scales
//     GPTQ   | I32 [in / per, out]| I32 [groups, out/per]| [groups, out]
//     AWQ    | I32 [in, out / per]| I32 [groups, out/per]| [groups, out]
//
// GPTQ packs neighbouring columns into a word of the integers; AWQ packs rows, in
// the order 0, 2, 4, 6, 1, 3, 5, 7. GPTQ's first format holds each zero point less
// one, its second as it is. A GPTQ file may give each column's group (act-order);
// else groups are of consecutive columns. (AutoGPTQ's qlinear_cuda_old.py and
// AutoAWQ's packing_utils.py define the formats.)
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_PACKEDMATRIX_H
#define PLAIT_RUNTIME_BASE_PACKEDMATRIX_H

#include "runtime/base/Quantization.h"
#include "runtime/base/Status.h"

#include <optional>
#include <string>

namespace plait {

/// What all packed matrices of a checkpoint have in common.
struct PackedFormat {
  TensorType type;         ///< gptq or awq
  unsigned bits = 4;       ///< 4, or with gptq 8
  int64_t group = 0;       ///< columns that share a scale; 0: all
  unsigned zeroOffset = 0; ///< what is to be added to a stored zero point, modulo 2^bits
};

struct PackedMatrix {
  PackedFormat format; ///< with a group that is not 0
  TensorView integers, zeros, scales;
  std::optional<TensorView> groupOfColumn;        ///< I32 [in], if groups are not of consecutive columns
  std::optional<WeightQuantization> quantization; ///< as storedQuantization says
};

/// The tensors that one matrix is held in.
struct PackedParts {
  const TensorView *integers = nullptr, *zeros = nullptr, *scales = nullptr;
  const TensorView *groupOfColumn = nullptr; ///< may be absent, also from AWQ
};

/// The view [out, in] of a packed matrix, or what is wrong with its parts. `name`
/// is that of the tensors, "model.layers.0.mlp.up_proj".
Expected<TensorView> viewPackedMatrix(const PackedFormat &format, const PackedParts &parts, const std::string &name);

// What readTensorBlock and readQuantizedRow do for a view of a packed matrix.
void readPackedBlock(const TensorView &tensor, int64_t row, int64_t rows, int64_t column, int64_t columns,
                     float *target);
void readPackedRow(const TensorView &tensor, int64_t row, QuantizedRow &result);

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_PACKEDMATRIX_H
