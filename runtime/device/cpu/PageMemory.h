//===- PageMemory.h - Large memory from the kernel --------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_DEVICE_CPU_PAGEMEMORY_H
#define PLAIT_RUNTIME_DEVICE_CPU_PAGEMEMORY_H

#include "runtime/base/Status.h"

#include <cstdint>
#include <string>
#include <vector>

namespace plait {

/// Memory from the kernel: zeroed, page aligned, backed when first touched.
class PageMemory {
public:
  /// Asks for huge pages where `bytes` is large enough for them to pay.
  static Expected<PageMemory> allocate(uint64_t bytes, const std::string &what);
  PageMemory() = default;
  ~PageMemory();
  PageMemory(PageMemory &&other) noexcept;
  PageMemory &operator=(PageMemory &&other) noexcept;

  /// Spreads pages that have not been touched over memory nodes: what all threads read is read at the speed of
  /// all nodes together. A wish: where the system does not grant it, nothing changes.
  void interleave(const std::vector<int> &nodes);

  uint8_t *data() const { return base; }
  uint64_t size() const { return length; }

private:
  uint8_t *base = nullptr;
  uint64_t length = 0;
};

} // namespace plait

#endif // PLAIT_RUNTIME_DEVICE_CPU_PAGEMEMORY_H
