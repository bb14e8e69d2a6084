//===- PageMemory.cpp - Large memory from the kernel ----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/device/cpu/PageMemory.h"

#include <algorithm>
#include <utility>

#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace plait;

static constexpr uint64_t kHugePage = uint64_t(2) << 20;

Expected<PageMemory> PageMemory::allocate(uint64_t bytes, const std::string &what) {
  PageMemory memory;
  if (!bytes)
    return memory;
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  void *base = bytes > uint64_t(INT64_MAX) ? MAP_FAILED : mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (base == MAP_FAILED)
    return resourceError(what + ": the system gives no " + std::to_string(bytes) +
                         " bytes of memory; use a smaller batch, context or model");
  if (bytes >= 4 * kHugePage)
    madvise(base, bytes, MADV_HUGEPAGE); // advice; its failure changes nothing
  memory.base = static_cast<uint8_t *>(base);
  memory.length = bytes;
  return memory;
}

void PageMemory::interleave(const std::vector<int> &nodes) {
  constexpr size_t bits = 8 * sizeof(unsigned long);
  std::vector<unsigned long> mask;
  for (int node : nodes) {
    mask.resize(std::max(mask.size(), size_t(node) / bits + 1));
    mask[size_t(node) / bits] |= 1UL << (size_t(node) % bits);
  }
  // The last bit of the mask is not looked at.
  if (base && !mask.empty())
    (void)syscall(SYS_mbind, base, length, MPOL_INTERLEAVE, mask.data(), mask.size() * bits + 1, 0);
}

PageMemory::~PageMemory() {
  if (base)
    munmap(base, length);
}

PageMemory::PageMemory(PageMemory &&other) noexcept
    : base(std::exchange(other.base, nullptr)), length(std::exchange(other.length, 0)) {}

PageMemory &PageMemory::operator=(PageMemory &&other) noexcept {
  std::swap(base, other.base);
  std::swap(length, other.length);
  return *this;
}
