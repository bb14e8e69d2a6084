//===- Sort.h - Sorting by any comparison -----------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_JINJA_SORT_H
#define PLAIT_RUNTIME_BASE_JINJA_SORT_H

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace plait::jinja {

/// A stable merge sort. Unlike std::stable_sort it keeps within bounds whatever
/// `less` says: NaN has no order, and after an error all values are equal.
template <typename T, typename Less> void sortStable(std::vector<T> &items, Less less) {
  std::vector<T> merged(items.size());
  for (size_t width = 1; width < items.size(); width *= 2) {
    for (size_t begin = 0; begin < items.size(); begin += 2 * width) {
      size_t middle = std::min(begin + width, items.size()), end = std::min(begin + 2 * width, items.size());
      for (size_t left = begin, right = middle, to = begin; to < end; ++to) {
        bool takeRight = left == middle || (right < end && less(items[right], items[left]));
        merged[to] = std::move(items[takeRight ? right++ : left++]);
      }
    }
    items.swap(merged);
  }
}

} // namespace plait::jinja

#endif // PLAIT_RUNTIME_BASE_JINJA_SORT_H
