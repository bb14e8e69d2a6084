//===- PagePool.cpp - Pages of the key/value cache ------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/core/PagePool.h"

#include <algorithm>
#include <cassert>
#include <string>
#include <utility>

using namespace plait;

PagePool::PagePool(int32_t capacity) : counts(size_t(capacity), 0) {
  unused.reserve(counts.size());
  for (int32_t page = capacity; page-- > 0;)
    unused.push_back(page); // page 0 is handed out first
}

Expected<int32_t> PagePool::allocate() {
  if (unused.empty())
    return resourceError("pages: all " + std::to_string(capacity()) +
                         " pages of the cache are in use; use fewer or shorter sequences");
  int32_t page = unused.back();
  unused.pop_back();
  counts[size_t(page)] = 1;
  return page;
}

void PagePool::retain(int32_t page) {
  assert(counts[size_t(page)] > 0 && "a page that nobody holds");
  ++counts[size_t(page)];
}

void PagePool::release(int32_t page) {
  assert(counts[size_t(page)] > 0 && "a page that nobody holds");
  if (--counts[size_t(page)] == 0)
    unused.push_back(page);
}

PageList::PageList(PageList &&other) noexcept
    : pool(other.pool), list(std::exchange(other.list, {})), first(std::exchange(other.first, 0)) {}

PageList &PageList::operator=(PageList &&other) noexcept {
  std::swap(pool, other.pool);
  std::swap(list, other.list);
  std::swap(first, other.first);
  return *this;
}

PageList PageList::fork(size_t count) const {
  PageList copy(*pool);
  copy.list.assign(list.begin(), list.begin() + ptrdiff_t(std::min(count, list.size())));
  copy.first = std::min(first, copy.list.size());
  for (size_t i = copy.first; i < copy.list.size(); ++i)
    pool->retain(list[i]);
  return copy;
}

void PageList::skip(size_t count) {
  assert(list.empty() && "entries that follow others");
  list.assign(count, released);
  first = count;
}

Status PageList::grow(size_t count) {
  size_t before = list.size();
  while (list.size() < count) {
    Expected<int32_t> page = pool->allocate();
    if (!page) {
      for (; list.size() > before; list.pop_back())
        pool->release(list.back());
      return page.status();
    }
    list.push_back(*page);
  }
  return Status::success();
}

void PageList::release(size_t count) {
  for (count = std::min(count, list.size()); first < count; ++first)
    pool->release(std::exchange(list[first], released));
}

Status PageList::makeWritable(size_t index, const PageCopy &copy) {
  assert(index >= first && "a page that was given back");
  int32_t shared = list[index];
  if (pool->references(shared) == 1)
    return Status::success();
  PLAIT_ASSIGN_OR_RETURN(int32_t own, pool->allocate());
  if (Status status = copy(shared, own); !status) {
    pool->release(own);
    return status;
  }
  list[index] = own;
  pool->release(shared);
  return Status::success();
}

void PageList::shrink(size_t count) {
  for (; list.size() > count; list.pop_back())
    if (list.size() > first)
      pool->release(list.back());
  first = std::min(first, count);
}

void PageList::clear() { shrink(0); }
