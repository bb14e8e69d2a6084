//===- PackedMatrix.cpp - Matrices of GPTQ and AWQ -----------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/PackedMatrix.h"

#include "runtime/base/Message.h"

#include <cstring>

using namespace plait;

namespace {

uint32_t wordAt(const TensorView &tensor, int64_t index) {
  uint32_t word;
  std::memcpy(&word, tensor.data.data() + size_t(index) * 4, sizeof(word));
  return word;
}

/// Where AWQ has row i of eight in a word.
constexpr unsigned awqPlaces[] = {0, 4, 1, 5, 2, 6, 3, 7};

/// The arithmetic of where things are.
class Layout {
public:
  explicit Layout(const TensorView &tensor)
      : packed(*tensor.packed), awq(tensor.type == TensorType::awq), bits(packed.format.bits), per(32 / bits),
        mask((1u << bits) - 1), rows(tensor.rows()) {}

  int64_t groupOf(int64_t column) const {
    return packed.groupOfColumn ? wordAt(*packed.groupOfColumn, column) : column / packed.format.group;
  }
  unsigned integer(int64_t row, int64_t column) const {
    if (awq)
      return packedRow(packed.integers, column, row);
    return wordAt(packed.integers, column / per * rows + row) >> (column % per * bits) & mask;
  }
  unsigned zero(int64_t row, int64_t group) const {
    return (packedRow(packed.zeros, group, row) + packed.format.zeroOffset) & mask;
  }
  float scale(int64_t row, int64_t group) const { return float(tensorElement(packed.scales, group * rows + row)); }

private:
  /// Integer `row` of line `line`, rows being packed.
  unsigned packedRow(const TensorView &words, int64_t line, int64_t row) const {
    unsigned place = unsigned(row % per);
    return wordAt(words, line * (rows / per) + row / per) >> ((awq ? awqPlaces[place] : place) * bits) & mask;
  }

  const PackedMatrix &packed;
  bool awq;
  unsigned bits;
  int64_t per;
  unsigned mask;
  int64_t rows;
};

//===----------------------------------------------------------------------===//
// Checks
//===----------------------------------------------------------------------===//

/// "FILE: tensor 'NAME'"
std::string whatOf(const TensorView &tensor, const std::string &name) {
  return printable(tensor.file) + ": tensor " + inQuotes(name);
}

Status checkPart(const TensorView &tensor, const std::string &name, bool typeIsRight, const std::string &types,
                 const std::vector<int64_t> &shape, const std::string &why) {
  if (!typeIsRight)
    return unsupported(foundExpected(whatOf(tensor, name), std::string("the dtype ") + tensorTypeName(tensor.type),
                                     types + "; other packings are not supported"));
  if (tensor.shape != shape)
    return invalidArgument(
        foundExpected(whatOf(tensor, name), "the shape " + shapeText(tensor.shape),
                      shapeText(shape) + ", " + why + "; check that config.json belongs to this checkpoint"));
  return Status::success();
}

bool isWord(const TensorView &tensor) { return tensor.type == TensorType::i32 || tensor.type == TensorType::u32; }

bool isScale(const TensorView &tensor) {
  return tensor.type == TensorType::f16 || tensor.type == TensorType::bf16 || tensor.type == TensorType::f32;
}

/// Whether the groups are those of consecutive columns.
Expected<bool> checkGroupsOfColumns(const TensorView &groups, const std::string &name, int64_t group, int64_t count) {
  bool consecutive = true;
  for (int64_t column = 0; column < groups.elements(); ++column) {
    int64_t found = int32_t(wordAt(groups, column));
    if (found < 0 || found >= count)
      return corrupt(foundExpected(whatOf(groups, name),
                                   "group " + std::to_string(found) + " for column " + std::to_string(column),
                                   "one of the " + std::to_string(count) + " groups that have a scale"));
    consecutive &= found == column / group;
  }
  return consecutive;
}

/// How the integers can be had as they are, if a WeightQuantization says that.
std::optional<WeightQuantization> findQuantization(const TensorView &tensor) {
  const PackedMatrix &packed = *tensor.packed;
  if (packed.groupOfColumn || packed.scales.type != TensorType::f16)
    return std::nullopt;
  WeightQuantization result{packed.format.bits, 0, false};
  // A larger group is several of 128 columns with the same scale.
  int64_t group = packed.format.group;
  for (int64_t known : {32, 64, 128})
    if (group % known == 0 || group >= tensor.columns())
      result.group = known;
  if (result.bits == 8 && group >= tensor.columns())
    result.group = 0;
  else if (!result.group)
    return std::nullopt;

  Layout layout(tensor);
  unsigned middle = 1u << (result.bits - 1);
  for (int64_t g = 0; g < packed.scales.rows() && !result.zeroPoints; ++g)
    for (int64_t row = 0; row < tensor.rows() && !result.zeroPoints; ++row)
      result.zeroPoints = layout.zero(row, g) != middle;
  if (result.bits == 4)
    return result;
  if (result.zeroPoints)
    return std::nullopt;
  for (int64_t i = 0; i < packed.integers.elements(); ++i)
    if (uint32_t word = wordAt(packed.integers, i); (word - 0x01010101u) & ~word & 0x80808080u) // a byte is 0
      return std::nullopt;                                                                      // it stands for -128
  return result;
}

} // namespace

Expected<TensorView> plait::viewPackedMatrix(const PackedFormat &format, const PackedParts &parts,
                                             const std::string &name) {
  const TensorView &integers = *parts.integers;
  for (auto [part, suffix] : {std::pair(parts.zeros, ".qzeros"), std::pair(parts.scales, ".scales")})
    if (!part)
      return notFound(foundExpected(whatOf(integers, name + ".qweight"), "no tensor " + inQuotes(name + suffix),
                                    "it beside the integers; fetch the checkpoint again"));
  int64_t per = 32 / format.bits;
  bool awq = format.type == TensorType::awq;
  const std::string words = "I32, words of " + std::to_string(per) + " integers";
  if (integers.shape.size() != 2)
    return invalidArgument(
        foundExpected(whatOf(integers, name + ".qweight"), "the shape " + shapeText(integers.shape), "a matrix"));
  PLAIT_RETURN_IF_ERROR(checkPart(integers, name + ".qweight", isWord(integers), words, integers.shape, ""));
  int64_t columns = integers.shape[0] * (awq ? 1 : per), rows = integers.shape[1] * (awq ? per : 1);

  auto packed = std::make_shared<PackedMatrix>();
  packed->format = format;
  if (!format.group)
    packed->format.group = std::max<int64_t>(columns, 1);
  int64_t group = packed->format.group, count = (columns + group - 1) / group;
  const std::string why =
      "as " + shapeText(integers.shape) + " words of integers in groups of " + std::to_string(group) + " columns need";
  if (rows % per != 0)
    return unsupported(foundExpected(whatOf(integers, name + ".qweight"), std::to_string(rows) + " rows",
                                     "a multiple of " + std::to_string(per) + ", as zero points are packed"));
  PLAIT_RETURN_IF_ERROR(
      checkPart(*parts.zeros, name + ".qzeros", isWord(*parts.zeros), words, {count, rows / per}, why));
  PLAIT_RETURN_IF_ERROR(
      checkPart(*parts.scales, name + ".scales", isScale(*parts.scales), "F16, BF16 or F32", {count, rows}, why));
  packed->integers = integers;
  packed->zeros = *parts.zeros;
  packed->scales = *parts.scales;
  if (parts.groupOfColumn) {
    const TensorView &groups = *parts.groupOfColumn;
    PLAIT_RETURN_IF_ERROR(checkPart(groups, name + ".g_idx", isWord(groups), "I32", {columns}, why));
    PLAIT_ASSIGN_OR_RETURN(bool consecutive, checkGroupsOfColumns(groups, name + ".g_idx", group, count));
    if (!consecutive)
      packed->groupOfColumn = groups;
  }

  TensorView view;
  view.type = format.type;
  view.shape = {rows, columns};
  view.data = integers.data;
  view.file = integers.file;
  view.fileOffset = integers.fileOffset;
  view.packed = packed;
  packed->quantization = findQuantization(view);
  return view;
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

void plait::readPackedBlock(const TensorView &tensor, int64_t row, int64_t rows, int64_t column, int64_t columns,
                            float *target) {
  Layout layout(tensor);
  std::vector<float> scales(static_cast<size_t>(rows));
  std::vector<int> zeros(static_cast<size_t>(rows));
  int64_t group = -1; // whose scales those are
  // Column by column, as the file has them.
  for (int64_t j = 0; j < columns; ++j) {
    if (int64_t found = layout.groupOf(column + j); found != group) {
      group = found;
      for (int64_t i = 0; i < rows; ++i) {
        scales[size_t(i)] = layout.scale(row + i, group);
        zeros[size_t(i)] = int(layout.zero(row + i, group));
      }
    }
    for (int64_t i = 0; i < rows; ++i)
      target[i * columns + j] = scales[size_t(i)] * float(int(layout.integer(row + i, column + j)) - zeros[size_t(i)]);
  }
}

void plait::readPackedRow(const TensorView &tensor, int64_t row, QuantizedRow &result) {
  const PackedMatrix &packed = *tensor.packed;
  const WeightQuantization &quantization = *packed.quantization;
  Layout layout(tensor);
  int64_t columns = tensor.columns(), size = quantization.groupColumns(columns), groups = quantization.groups(columns);
  int offset = quantization.zeroPoints ? 0 : 1 << (quantization.bits - 1);
  result.integers.resize(size_t(columns));
  result.scales.resize(size_t(groups));
  result.zeros.assign(size_t(groups), 0);
  for (int64_t column = 0; column < columns; ++column)
    result.integers[size_t(column)] = int8_t(int(layout.integer(row, column)) - offset);
  for (int64_t g = 0; g < groups; ++g) {
    int64_t group = layout.groupOf(g * size);
    std::memcpy(&result.scales[size_t(g)], packed.scales.data.data() + (group * tensor.rows() + row) * 2, 2);
    if (quantization.zeroPoints)
      result.zeros[size_t(g)] = int8_t(layout.zero(row, group));
  }
}
