//===- ReduceTree.h - Sums over ranks along a tree --------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What plait_collective_v4_t asks for with nodes: each rank has some nodes of a tree
// (runtime/base/SumTree.h), side by side in each row of a matrix, and the result is the
// root, the same bits however many ranks there are and whichever nodes they have.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_COMM_REDUCETREE_H
#define PLAIT_RUNTIME_COMM_REDUCETREE_H

#include "runtime/comm/Communicator.h"

#include <vector>

namespace plait {

class ReduceTree {
public:
  /// Node i ends at leaf ends[i]; those of rank r are [bounds[r], bounds[r + 1]). Together
  /// they make up the leaves of the tree.
  ReduceTree(std::span<const int64_t> ends, std::span<const int64_t> bounds);

  /// target[i] becomes the root of nodes[0][i], nodes[1][i], ...
  void sum(std::span<const float *const> nodes, std::span<float> target) const;

  /// The root of each row, on all ranks. `source` has `rows` rows of this rank's nodes of
  /// `columns` columns.
  Status allReduce(Communicator &communicator, const float *source, float *target, size_t rows, size_t columns,
                   const char *op) const;
  /// The same of rows [firstRow[rank], firstRow[rank + 1]) on each rank.
  Status reduceScatter(Communicator &communicator, const float *source, float *target, std::span<const size_t> firstRow,
                       size_t columns, const char *op) const;

private:
  size_t nodesOf(size_t rank) const { return size_t(bounds[rank + 1] - bounds[rank]); }
  /// Rows of all ranks' nodes, those of each rank one after another, become their roots.
  void sumRows(const float *nodes, float *target, size_t rows, size_t columns) const;

  std::vector<int64_t> bounds;
  std::vector<uint32_t> joins; ///< of each node with those before it, as soon as it is there
  size_t depth = 0;            ///< most nodes that wait for others
};

} // namespace plait

#endif // PLAIT_RUNTIME_COMM_REDUCETREE_H
