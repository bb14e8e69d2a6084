//===- CollectiveMatrix.h - What a collective is of, in a step --*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_DEVICE_CPU_COLLECTIVEMATRIX_H
#define PLAIT_RUNTIME_DEVICE_CPU_COLLECTIVEMATRIX_H

#include "runtime/base/ModelGroups.h"
#include "runtime/device/cpu/PlanCollectives.h"

#include <vector>

namespace plait {

/// The matrix of plait_collective_v4_t, and which parts of it ranks have.
struct CollectiveMatrix {
  const plait_collective_v4_t &c;
  size_t rows, columns;
  GroupPlace place;

  size_t ranks() const { return size_t(place.size); }
  /// Of what is read or written ranks have parts of rows.
  bool hasRowParts() const {
    bool hasParts = c.kind == PLAIT_COLLECTIVE_REDUCE_SCATTER || c.kind == PLAIT_COLLECTIVE_ALL_GATHER ||
                    c.kind == PLAIT_COLLECTIVE_PART;
    return c.kind == PLAIT_COLLECTIVE_ALL_TO_ALL || (hasParts && c.dim == 0);
  }
  size_t firstRow(size_t rank) const { return size_t(firstTokenOf(int64_t(rank), place.size, int64_t(rows))); }
  size_t firstColumn(size_t rank) const { return size_t(c.bounds[rank]); }
  std::vector<size_t> firstRows() const {
    std::vector<size_t> first(ranks() + 1);
    for (size_t rank = 0; rank <= ranks(); ++rank)
      first[rank] = firstRow(rank);
    return first;
  }
  /// Elements of a rank's part of rows (0) or columns (1).
  size_t partSize(size_t rank, int dim) const {
    return dim == 1 ? (firstColumn(rank + 1) - firstColumn(rank)) * rows
                    : (firstRow(rank + 1) - firstRow(rank)) * columns;
  }
  /// Of rows of `rowsOf` in columns of `columnsOf`.
  size_t blockSize(size_t rowsOf, size_t columnsOf) const {
    return (firstRow(rowsOf + 1) - firstRow(rowsOf)) * (firstColumn(columnsOf + 1) - firstColumn(columnsOf));
  }
};

} // namespace plait

#endif // PLAIT_RUNTIME_DEVICE_CPU_COLLECTIVEMATRIX_H
