//===- SumTree.h - Nodes of the tree of a sum -------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The tree of plait_collective_v4_t: over leaves [b, e) it is the sum of [b, m) and
// [m, e) where m - b is the largest power of two below e - b. Its nodes are [b, e) with
// b a multiple of a power of two and e that power behind b, or the last leaf if that
// comes before. Kernels and collectives agree on it by this header.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_SUMTREE_H
#define PLAIT_RUNTIME_BASE_SUMTREE_H

#include <algorithm>
#include <bit>
#include <cstdint>

namespace plait {

/// The end of the largest node, of the tree over `leaves` leaves, that begins at `begin`
/// and ends at `end` at the latest: 0 <= begin < end <= leaves.
inline int64_t sumTreeNodeEnd(int64_t begin, int64_t end, int64_t leaves) {
  int64_t size = begin ? begin & -begin : int64_t(std::bit_ceil(uint64_t(leaves)));
  while (std::min(begin + size, leaves) > end)
    size /= 2;
  return std::min(begin + size, leaves);
}

/// Whether [begin, end) is a node of the tree over `leaves` leaves.
inline bool isSumTreeNode(int64_t begin, int64_t end, int64_t leaves) {
  return 0 <= begin && begin < end && end <= leaves && sumTreeNodeEnd(begin, end, leaves) == end;
}

/// How many of the nodes before it the leaf or node that ends at `end` is joined with as
/// soon as it is there, where the first leaf that there is, is `first`.
inline int64_t sumTreeJoins(int64_t first, int64_t end) {
  return std::min<int64_t>(std::countr_zero(uint64_t(end)), std::bit_width(uint64_t(end - first)) - 1);
}

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_SUMTREE_H
