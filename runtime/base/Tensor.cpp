//===- Tensor.cpp - Tensors as files hold them ----------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Tensor.h"

#include "runtime/base/PackedMatrix.h"
#include "runtime/base/QuantizedBlocks.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <cstring>
#include <limits>

using namespace plait;

static_assert(std::endian::native == std::endian::little, "tensor data is little endian and used in place");

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

namespace {

struct TypeInfo {
  TensorType type;
  const char *name;
  unsigned bytes;        ///< of a block
  unsigned elements = 1; ///< of a block
  void (*dequantize)(const uint8_t *block, float *target) = nullptr;
};

constexpr TypeInfo typeInfos[] = {
    {TensorType::boolean, "BOOL", 1},
    {TensorType::u8, "U8", 1},
    {TensorType::i8, "I8", 1},
    {TensorType::u16, "U16", 2},
    {TensorType::i16, "I16", 2},
    {TensorType::f16, "F16", 2},
    {TensorType::bf16, "BF16", 2},
    {TensorType::u32, "U32", 4},
    {TensorType::i32, "I32", 4},
    {TensorType::f32, "F32", 4},
    {TensorType::u64, "U64", 8},
    {TensorType::i64, "I64", 8},
    {TensorType::f64, "F64", 8},
    {TensorType::f8_e4m3, "F8_E4M3", 1},
    {TensorType::f8_e5m2, "F8_E5M2", 1},
    {TensorType::q4_0, "Q4_0", 18, 32, dequantizeQ4_0},
    {TensorType::q8_0, "Q8_0", 34, 32, dequantizeQ8_0},
    {TensorType::gptq, "GPTQ", 4, 8}, // a word of 4-bit integers; those of 8 bits are not told apart
    {TensorType::awq, "AWQ", 4, 8},
};

const TypeInfo *findType(TensorType type) {
  for (const TypeInfo &info : typeInfos)
    if (info.type == type)
      return &info;
  return nullptr;
}

} // namespace

const char *plait::tensorTypeName(TensorType type) {
  const TypeInfo *info = findType(type);
  return info ? info->name : nullptr;
}

std::optional<TensorType> plait::findSafetensorsType(std::string_view name) {
  for (const TypeInfo &info : typeInfos)
    if (info.name == name && info.elements == 1)
      return info.type;
  return std::nullopt;
}

std::string plait::listSafetensorsTypes() {
  std::string list;
  for (const TypeInfo &info : typeInfos)
    if (info.elements == 1)
      list += (list.empty() ? "" : ", ") + std::string(info.name);
  return list;
}

unsigned plait::tensorBlockElements(TensorType type) {
  const TypeInfo *info = findType(type);
  return info ? info->elements : 0;
}

unsigned plait::tensorBlockBytes(TensorType type) {
  const TypeInfo *info = findType(type);
  return info ? info->bytes : 0;
}

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

std::optional<int64_t> plait::countElements(const std::vector<int64_t> &shape) {
  int64_t product = 1;
  bool empty = false;
  for (int64_t size : shape) {
    if (size == 0)
      empty = true;
    else if (__builtin_mul_overflow(product, size, &product))
      return std::nullopt;
  }
  return empty ? 0 : product;
}

std::optional<uint64_t> plait::countBytes(TensorType type, const std::vector<int64_t> &shape) {
  std::optional<int64_t> elements = countElements(shape);
  int64_t bytes;
  if (!elements ||
      __builtin_mul_overflow(*elements / int64_t(tensorBlockElements(type)), int64_t(tensorBlockBytes(type)), &bytes))
    return std::nullopt;
  return uint64_t(bytes);
}

std::string plait::shapeText(const std::vector<int64_t> &shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

int64_t TensorView::elements() const {
  std::optional<int64_t> count = countElements(shape);
  assert(count && "the shape was checked when the tensor was read");
  return count.value_or(0);
}

int64_t TensorView::rows() const { return shape.empty() ? 1 : shape.front(); }

int64_t TensorView::columns() const { return rows() ? elements() / rows() : 0; }

//===----------------------------------------------------------------------===//
// Stored elements
//===----------------------------------------------------------------------===//

namespace {

/// A floating-point number of at most 16 bits in the manner of IEEE 754.
double decodeFloat(uint32_t bits, unsigned exponentBits, unsigned mantissaBits) {
  int bias = (1 << (exponentBits - 1)) - 1;
  uint32_t mantissa = bits & ((1u << mantissaBits) - 1);
  uint32_t exponent = (bits >> mantissaBits) & ((1u << exponentBits) - 1);
  double magnitude;
  if (exponent == (1u << exponentBits) - 1)
    magnitude = mantissa ? std::numeric_limits<double>::quiet_NaN() : std::numeric_limits<double>::infinity();
  else if (exponent == 0)
    magnitude = std::ldexp(mantissa, 1 - bias - int(mantissaBits));
  else
    magnitude = std::ldexp(mantissa + (1u << mantissaBits), int(exponent) - bias - int(mantissaBits));
  return (bits >> (exponentBits + mantissaBits)) & 1 ? -magnitude : magnitude;
}

/// E4M3FN: no infinities, and only the pattern of all ones is a NaN, so the
/// highest exponent holds numbers too.
double decodeE4M3(uint32_t bits) {
  double sign = bits & 0x80 ? -1.0 : 1.0;
  if ((bits & 0x7F) == 0x7F)
    return std::copysign(std::numeric_limits<double>::quiet_NaN(), sign);
  if ((bits & 0x78) == 0x78)
    return sign * std::ldexp(8 + (bits & 7), 15 - 7 - 3);
  return decodeFloat(bits, 4, 3);
}

/// Data begins at any byte of the file, so it is copied out, not cast.
template <typename T> T load(const TensorView &tensor, int64_t index) {
  T value;
  std::memcpy(&value, tensor.data.data() + static_cast<size_t>(index) * sizeof(T), sizeof(T));
  return value;
}

/// The element at `index` of the file's order; not of a quantised type.
double storedElement(const TensorView &tensor, int64_t index) {
  switch (tensor.type) {
  case TensorType::boolean:
    return load<uint8_t>(tensor, index) != 0;
  case TensorType::u8:
    return load<uint8_t>(tensor, index);
  case TensorType::i8:
    return load<int8_t>(tensor, index);
  case TensorType::u16:
    return load<uint16_t>(tensor, index);
  case TensorType::i16:
    return load<int16_t>(tensor, index);
  case TensorType::u32:
    return load<uint32_t>(tensor, index);
  case TensorType::i32:
    return load<int32_t>(tensor, index);
  case TensorType::u64:
    return static_cast<double>(load<uint64_t>(tensor, index));
  case TensorType::i64:
    return static_cast<double>(load<int64_t>(tensor, index));
  case TensorType::f16:
    return halfToFloat(load<uint16_t>(tensor, index));
  case TensorType::bf16:
    return std::bit_cast<float>(uint32_t(load<uint16_t>(tensor, index)) << 16);
  case TensorType::f32:
    return load<float>(tensor, index);
  case TensorType::f64:
    return load<double>(tensor, index);
  case TensorType::f8_e4m3:
    return decodeE4M3(load<uint8_t>(tensor, index));
  case TensorType::f8_e5m2:
    return decodeFloat(load<uint8_t>(tensor, index), 5, 2);
  case TensorType::q4_0:
  case TensorType::q8_0:
  case TensorType::gptq:
  case TensorType::awq:
    break;
  }
  assert(false && "no type with elements of its own");
  return std::numeric_limits<double>::quiet_NaN();
}

/// Converts `count` elements from the `first` of the file's order on.
void readStored(const TensorView &tensor, int64_t first, int64_t count, float *target) {
  switch (tensor.type) {
  case TensorType::f32:
    std::memcpy(target, tensor.data.data() + first * 4, size_t(count) * 4);
    return;
  case TensorType::bf16:
    for (int64_t i = 0; i < count; ++i)
      target[i] = std::bit_cast<float>(uint32_t(load<uint16_t>(tensor, first + i)) << 16);
    return;
  case TensorType::f16:
    for (int64_t i = 0; i < count; ++i)
      target[i] = halfToFloat(load<uint16_t>(tensor, first + i));
    return;
  default:
    break;
  }
  const TypeInfo &info = *findType(tensor.type);
  if (!info.dequantize) {
    for (int64_t i = 0; i < count; ++i)
      target[i] = float(storedElement(tensor, first + i));
    return;
  }
  int64_t size = info.elements;
  for (int64_t end = first + count; first < end;) {
    const uint8_t *block = tensor.data.data() + first / size * info.bytes;
    int64_t begin = first % size, taken = std::min(size - begin, end - first);
    if (taken == size) {
      info.dequantize(block, target);
    } else {
      float elements[maxBlockElements];
      info.dequantize(block, elements);
      std::copy_n(elements + begin, taken, target);
    }
    first += taken;
    target += taken;
  }
}

} // namespace

int64_t plait::storedRow(const TensorView &tensor, int64_t row) {
  int64_t size = tensor.pairedRows;
  if (!size)
    return row;
  int64_t inHead = row % size, half = size / 2;
  return row - inHead + 2 * (inHead % half) + inHead / half;
}

//===----------------------------------------------------------------------===//
// Elements of a view
//===----------------------------------------------------------------------===//

double plait::tensorElement(const TensorView &tensor, int64_t index) {
  assert(index >= 0 && index < tensor.elements() && "element out of range");
  int64_t columns = tensor.columns();
  if (tensor.packed) {
    float value;
    readPackedBlock(tensor, index / columns, 1, index % columns, 1, &value);
    return value;
  }
  int64_t row = storedRow(tensor, index / columns), column = index % columns;
  index = tensor.transposed ? column * tensor.rows() + row : row * columns + column;
  if (tensorBlockElements(tensor.type) == 1 && tensor.offset == 0)
    return storedElement(tensor, index);
  float value;
  readStored(tensor, index, 1, &value);
  return tensor.offset == 0 ? value : value + tensor.offset; // keeps the sign of a zero
}

/// Everything but the offset.
static void readBlock(const TensorView &tensor, int64_t row, int64_t rows, int64_t column, int64_t columns,
                      float *target) {
  if (tensor.packed)
    return readPackedBlock(tensor, row, rows, column, columns, target);
  int64_t stride = tensor.columns();
  if (!tensor.transposed && !tensor.pairedRows && columns == stride)
    return readStored(tensor, row * stride, rows * columns, target);
  if (!tensor.transposed) {
    for (int64_t i = 0; i < rows; ++i)
      readStored(tensor, storedRow(tensor, row + i) * stride + column, columns, target + i * columns);
    return;
  }
  assert(!tensor.pairedRows && "not needed for any transposed tensor");
  std::vector<float> run(static_cast<size_t>(rows));
  for (int64_t j = 0; j < columns; ++j) {
    readStored(tensor, (column + j) * tensor.rows() + row, rows, run.data());
    for (int64_t i = 0; i < rows; ++i)
      target[i * columns + j] = run[i];
  }
}

void plait::readTensorBlock(const TensorView &tensor, int64_t row, int64_t rows, int64_t column, int64_t columns,
                            float *target) {
  assert(row >= 0 && row + rows <= tensor.rows() && column >= 0 && column + columns <= tensor.columns());
  readBlock(tensor, row, rows, column, columns, target);
  if (tensor.offset != 0)
    for (int64_t i = 0; i < rows * columns; ++i)
      target[i] += tensor.offset;
}
