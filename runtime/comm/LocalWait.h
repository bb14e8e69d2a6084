//===- LocalWait.h - How ranks wait in shared memory ------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_COMM_LOCALWAIT_H
#define PLAIT_RUNTIME_COMM_LOCALWAIT_H

#include "runtime/comm/Futex.h"
#include "runtime/comm/LocalCommunicator.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace plait {

inline void pauseCpu() {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

/// Whether somebody has failed, here or where this is a part: then so has this rank. Not if
/// what is waited for came in the meantime.
template <typename Ready> Status LocalCommunicator::look(const Waiting &waiting, Ready ready) {
  for (int other = 0; other < ranks; ++other)
    if (other != me && region.place(other).state.load(std::memory_order_acquire) == kRankFailed && !ready())
      return failAs(other, waiting);
  if (!parent)
    return Status::success();
  for (int other = 0; other < parent->ranks; ++other)
    if (other != parent->me && parent->region.place(other).state.load(std::memory_order_acquire) == kRankFailed &&
        !ready()) {
      // The whole group knows it by the same name.
      Status status = parent->failAs(other, waiting);
      return failure ? fail(status, parent->culprit) : failure;
    }
  return Status::success();
}

/// Returns when `ready()`; `word` changes when it may have become so.
template <typename Ready>
Status LocalCommunicator::waitFor(std::atomic<uint32_t> &word, std::atomic<uint32_t> &sleepers, const Waiting &waiting,
                                  Ready ready) {
  for (unsigned i = 0; i < spins; ++i) {
    if (ready())
      return Status::success();
    pauseCpu();
  }
  const RankPlace &place = region.place(waiting.peer);
  Silence silence(place.beats.load(std::memory_order_relaxed), mine().beats.load(std::memory_order_relaxed));
  while (!ready()) {
    uint32_t old = word.load(std::memory_order_seq_cst);
    delayHere();
    sleepers.fetch_add(1, std::memory_order_seq_cst);
    delayHere();
    if (!ready()) {
      delayHere();
      sleepOn(word, old);
    }
    delayHere();
    sleepers.fetch_sub(1, std::memory_order_relaxed);
    if (ready())
      break;
    // Whoever has failed, this group is of no further use.
    PLAIT_RETURN_IF_ERROR(look(waiting, ready));
    if (place.state.load(std::memory_order_acquire) == kRankLeft) {
      if (ready()) // it left after it had done its part
        break;
      return lose(waiting, "it has left the group");
    }
    if (std::string why = lossOf(place, silence); !why.empty())
      return lose(waiting, why);
  }
  return Status::success();
}

} // namespace plait

#endif // PLAIT_RUNTIME_COMM_LOCALWAIT_H
