//===- Futex.h - Sleeping until a word changes --------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_COMM_FUTEX_H
#define PLAIT_RUNTIME_COMM_FUTEX_H

#include <atomic>
#include <climits>
#include <cstdint>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

namespace plait {

/// Sleeps until `word` is not `old`, is woken, or some milliseconds have passed.
/// Words may be shared between processes.
inline void sleepOn(std::atomic<uint32_t> &word, uint32_t old) {
  timespec most{0, 20'000'000};
  ::syscall(SYS_futex, reinterpret_cast<uint32_t *>(&word), FUTEX_WAIT, old, &most, nullptr, 0);
}
inline void wakeAll(std::atomic<uint32_t> &word) {
  ::syscall(SYS_futex, reinterpret_cast<uint32_t *>(&word), FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

} // namespace plait

#endif // PLAIT_RUNTIME_COMM_FUTEX_H
