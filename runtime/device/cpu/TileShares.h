//===- TileShares.h - Which thread computes which tiles --------*- C++ -*--===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each thread has an equal run of a launch's tiles, by number, so that it reads what it
// read in the step before. Cores are not equally fast from one moment to the next: they
// share memory, heat and power, and on rented machines strangers' programs, too. So a
// thread keeps most of its run, and who has finished takes pieces of what is left
// (in the end in small ones, as guided self-scheduling has it: Polychronopoulos, Kuck
// 1987). Results do not depend on it: a tile is computed alike on every thread.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_DEVICE_CPU_TILESHARES_H
#define PLAIT_RUNTIME_DEVICE_CPU_TILESHARES_H

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>

namespace plait {

class TileShares {
public:
  /// Tiles of a thread, by number in its run.
  struct Run {
    unsigned owner;
    int64_t first, last; ///< [first, last)
  };
  /// Runs with fewer tiles are not shared: what a call and a claim cost would show.
  static constexpr int64_t leastShared = 8;

  /// Before a team of `threads` threads begins.
  void resize(unsigned threads) {
    if (threads != count)
      claims = std::make_unique<Claim[]>(count = threads);
  }
  /// Tiles of `thread`, of `tiles` in all.
  int64_t size(unsigned thread, int64_t tiles) const {
    return tiles / count + (int64_t(thread) < tiles % count ? 1 : 0);
  }
  /// The first of them, where runs follow each other.
  int64_t begin(unsigned thread, int64_t tiles) const {
    return thread * (tiles / count) + std::min<int64_t>(thread, tiles % count);
  }

  /// Calls `run` with a Run of `thread` and, if `shared`, with some of the runs of those
  /// who have begun, until nothing is left of them. All threads call it with the same
  /// arguments but for `thread`; `launch` differs from that of the calls before.
  template <typename Body> void forEach(unsigned thread, uint32_t launch, int64_t tiles, bool shared, Body run) {
    int64_t own = size(thread, tiles);
    if (count == 1 || !shared || tiles / count < leastShared || tiles > INT32_MAX) {
      if (own)
        run(Run{thread, 0, own});
      return;
    }
    int64_t kept = own - own / 4, piece = own / 8;
    claims[thread].next.store(tagged(launch, kept), std::memory_order_relaxed);
    run(Run{thread, 0, kept});
    for (unsigned i = 0; i < count; ++i) {
      unsigned owner = (thread + i) % count;
      for (Run taken = take(owner, launch, tiles, piece); taken.first < taken.last;
           taken = take(owner, launch, tiles, piece))
        run(taken);
    }
  }

private:
  /// The tiles of a run from `next` on are nobody's yet, in the launch that it is tagged with.
  struct alignas(64) Claim {
    std::atomic<uint64_t> next{UINT64_MAX}; ///< nothing left
  };

  static uint64_t tagged(uint32_t launch, int64_t tile) { return uint64_t(launch) << 32 | uint64_t(tile); }

  Run take(unsigned owner, uint32_t launch, int64_t tiles, int64_t piece) {
    std::atomic<uint64_t> &next = claims[owner].next;
    int64_t end = size(owner, tiles);
    uint64_t seen = next.load(std::memory_order_relaxed);
    while (uint32_t(seen >> 32) == launch && int64_t(uint32_t(seen)) < end) {
      int64_t first = int64_t(uint32_t(seen)), last = std::min(first + piece, end);
      if (next.compare_exchange_weak(seen, tagged(launch, last), std::memory_order_relaxed))
        return {owner, first, last};
    }
    return {owner, end, end};
  }

  std::unique_ptr<Claim[]> claims;
  unsigned count = 0;
};

} // namespace plait

#endif // PLAIT_RUNTIME_DEVICE_CPU_TILESHARES_H
