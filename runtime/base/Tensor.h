//===- Tensor.h - Tensors as files hold them --------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A view of a tensor in a mapped file, and the one place that turns stored
// elements of any type into numbers. A view describes the tensor that a model
// sees; where a file holds the same tensor in another order, the view says so
// and reading through it undoes that.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_TENSOR_H
#define PLAIT_RUNTIME_BASE_TENSOR_H

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace plait {

/// Element types of safetensors; the types of ggml in which a block of consecutive
/// elements shares scales (QuantizedBlocks.h); and matrices that are spread over
/// several tensors (PackedMatrix.h).
enum class TensorType {
  boolean,
  u8,
  i8,
  u16,
  i16,
  f16,
  bf16,
  u32,
  i32,
  f32,
  u64,
  i64,
  f64,
  f8_e4m3,
  f8_e5m2,
  q4_0,
  q8_0,
  gptq,
  awq,
};

/// "BF16", "Q8_0", ...: the spelling of safetensors and of ggml. Null for an
/// unknown type.
const char *tensorTypeName(TensorType type);
/// The type of a name, if safetensors has it.
std::optional<TensorType> findSafetensorsType(std::string_view name);
/// "BOOL, U8, ...": what findSafetensorsType knows.
std::string listSafetensorsTypes();
/// Elements of a block: 1 unless the type is quantised.
unsigned tensorBlockElements(TensorType type);
/// Bytes of a block, so of an element unless the type is quantised.
unsigned tensorBlockBytes(TensorType type);

/// The product of `shape`, or nothing if it (zeros left out, since strides are
/// products too) exceeds int64.
std::optional<int64_t> countElements(const std::vector<int64_t> &shape);
/// Bytes of a tensor, or nothing if they exceed int64. Rows of a quantised type
/// must be whole blocks.
std::optional<uint64_t> countBytes(TensorType type, const std::vector<int64_t> &shape);
/// "[2, 3]"
std::string shapeText(const std::vector<int64_t> &shape);

struct PackedMatrix;

struct TensorView {
  TensorType type;
  std::vector<int64_t> shape;    ///< C order; empty for a scalar
  std::span<const uint8_t> data; ///< little endian; lives as long as its Checkpoint
  std::string file;              ///< the file that holds it
  uint64_t fileOffset = 0;       ///< byte offset of `data` within that file
  /// The file holds a matrix [rows, columns] as [columns, rows].
  bool transposed = false;
  /// If not 0, the size of a head, whose rows the file holds in another order:
  /// row i of the head's first half and row i of its second half side by side.
  int64_t pairedRows = 0;
  /// To be added to what the file holds, in f32.
  float offset = 0;
  /// Of gptq and awq, where all else is; `data` is that of the integers.
  std::shared_ptr<const PackedMatrix> packed;

  int64_t elements() const;
  int64_t rows() const;    ///< the first extent; 1 for a scalar
  int64_t columns() const; ///< the product of the other extents
};

/// Where the file holds row `row` of the view.
int64_t storedRow(const TensorView &tensor, int64_t row);

/// Element `index`, in C order of the view's shape, as a double. Dequantised
/// elements are the f32 numbers that ggml computes, and GPTQ and AWQ in f32.
double tensorElement(const TensorView &tensor, int64_t index);

/// Converts to f32 the rows [row, row + rows) and columns [column, column +
/// columns) of a tensor seen as a matrix, into `target` in C order.
void readTensorBlock(const TensorView &tensor, int64_t row, int64_t rows, int64_t column, int64_t columns,
                     float *target);

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_TENSOR_H
