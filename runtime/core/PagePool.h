//===- PagePool.h - Pages of the key/value cache ---------------*- C++ -*--===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_CORE_PAGEPOOL_H
#define PLAIT_RUNTIME_CORE_PAGEPOOL_H

#include "runtime/base/Status.h"

#include <cstdint>
#include <functional>
#include <vector>

namespace plait {

/// Copies the contents of page `from` to page `to`, for every layer of every state
/// of a page table.
using PageCopy = std::function<Status(int32_t from, int32_t to)>;

/// Page numbers with reference counts. A page may belong to several sequences
/// as long as none of them writes it. Not thread safe: one scheduler owns it.
class PagePool {
public:
  explicit PagePool(int32_t capacity);

  /// A page with one reference; running out is an error, never a wait.
  Expected<int32_t> allocate();
  void retain(int32_t page);
  void release(int32_t page);

  int32_t references(int32_t page) const { return counts[size_t(page)]; }
  int32_t capacity() const { return int32_t(counts.size()); }
  int32_t available() const { return int32_t(unused.size()); }

private:
  std::vector<int32_t> counts;
  std::vector<int32_t> unused; ///< a stack: what was used last is warm
};

/// The pages of one sequence in order of position; gives them back when it goes.
/// Behind a window the first pages go before the others: together with what is
/// appended they make up a ring of the pool's pages.
class PageList {
public:
  /// The entry of a page that was given back.
  static constexpr int32_t released = -1;

  explicit PageList(PagePool &pool) : pool(&pool) {}
  ~PageList() { clear(); }
  PageList(PageList &&other) noexcept;
  PageList &operator=(PageList &&other) noexcept;

  /// Another reference to each page, or to the first `count` of them, for a
  /// sequence with the same past.
  PageList fork(size_t count = SIZE_MAX) const;
  /// Of an empty list: begins with `count` entries as if their pages had been given back.
  void skip(size_t count);
  /// Appends pages until there are `count`. On error nothing has changed.
  Status grow(size_t count);
  /// Gives back the pages of the first `count` entries; the entries stay.
  void release(size_t count);
  /// Gives back the pages from entry `count` on, and the entries.
  void shrink(size_t count);
  /// Makes entry `index`, which was not given back, this list's alone: a shared
  /// page is copied and the copy takes its place.
  Status makeWritable(size_t index, const PageCopy &copy);
  void clear();

  const std::vector<int32_t> &pages() const { return list; }
  size_t size() const { return list.size(); }
  /// Pages that it holds.
  size_t held() const { return list.size() - first; }

private:
  PagePool *pool;
  std::vector<int32_t> list;
  size_t first = 0; ///< entries before it were given back
};

} // namespace plait

#endif // PLAIT_RUNTIME_CORE_PAGEPOOL_H
