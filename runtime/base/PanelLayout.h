//===- PanelLayout.h - Where packed weights lie -----------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PLAIT_LAYOUT_PANELS (include/plait-abi/Model.h), for those who write it: the
// compiler from a checkpoint, the runtime from random numbers.
//
// A panel holds `panel` rows of the matrix, column by column, in words of 32 bits
// that each hold `wordColumns` consecutive columns of one row: 1 f32, 2 bf16, 4
// integers of 8 bits or 8 of 4 bits, the first column lowest.
//
//   f32, bf16   [ceil(rows/panel)][ceil(cols/wordColumns)][panel] words
//   integers    per panel and group of columns, one behind the other:
//               [panel] f16 scales, [panel] i16 zero points if there are any,
//               [ceil(columns of the group/wordColumns)][panel] words
//
// An integer of 8 bits is stored as it is, one of 4 bits plus 8, or as it is with
// zero points. All that is padding is zero, but for 4-bit integers behind the last
// column, which are stored zeros.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_PANELLAYOUT_H
#define PLAIT_RUNTIME_BASE_PANELLAYOUT_H

#include "runtime/base/Quantization.h"

#include <cstdint>
#include <optional>
#include <span>

namespace plait {

struct PanelLayout {
  int64_t rows = 0, cols = 0;
  int64_t panel = 32;
  int64_t wordColumns = 1;
  std::optional<WeightQuantization> quantization; ///< of integers

  int64_t panels() const { return (rows + panel - 1) / panel; }
  /// Columns that have one header: those that share scales, or all.
  int64_t groupColumns() const { return quantization ? quantization->groupColumns(cols) : cols; }
  int64_t groups() const { return (cols + groupColumns() - 1) / groupColumns(); }
  /// Bytes of the scales and zero points of one panel and group.
  int64_t headerBytes() const { return quantization ? panel * (quantization->zeroPoints ? 4 : 2) : 0; }
  /// Bytes of one panel's part with `columns` columns of one group.
  int64_t groupBytes(int64_t columns) const {
    return headerBytes() + (columns + wordColumns - 1) / wordColumns * panel * 4;
  }
  int64_t panelBytes() const {
    int64_t last = cols - (groups() - 1) * groupColumns();
    return (groups() - 1) * groupBytes(groupColumns()) + groupBytes(last);
  }
  int64_t bytes() const { return panels() * panelBytes(); }
};

/// Writes row `row` of a matrix of f32 (wordColumns 1) or, rounding, bf16 (2) into
/// the memory of the packed matrix. Padding is left as it is.
void packRow(const PanelLayout &layout, int64_t row, std::span<const float> values, uint8_t *packed);
/// The same of a matrix of integers.
void packRow(const PanelLayout &layout, int64_t row, const QuantizedRow &values, uint8_t *packed);

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_PANELLAYOUT_H
