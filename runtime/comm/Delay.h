//===- Delay.h - Where tests hold ranks up ------------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A protocol between ranks is right whatever happens between two of its memory operations.
// There `delayHere` stands. It does nothing, but in sources that are compiled with
// PLAIT_COMM_DELAYS, as those of plait-delay-tests, where it holds the thread up at random.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_COMM_DELAY_H
#define PLAIT_RUNTIME_COMM_DELAY_H

#include <cstdint>

#ifdef PLAIT_COMM_DELAYS
#include <atomic>
#include <chrono>
#include <thread>
#endif

namespace plait {

#ifdef PLAIT_COMM_DELAYS

/// Random delays of one thread, which follow one another closely for a while and then do not: so that
/// one rank is slow where others are fast.
class Delays {
public:
  void seed(uint64_t seed) { state = seed * 2 + 1; }
  void here() {
    if (until-- == 0)
      now();
  }

private:
  uint32_t draw(uint32_t count) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return uint32_t((state >> 32) * count >> 32);
  }
  void now() {
    if (draw(512) < gap) // as many calls with each
      gap = 1u << draw(12);
    until = draw(2 * gap);
    uint32_t kind = draw(64);
    if (kind == 0)
      std::this_thread::sleep_for(std::chrono::microseconds(10 + draw(50)));
    else if (kind < 20)
      std::this_thread::yield();
    else
      for (uint32_t i = draw(400); i; --i)
        asm volatile("" ::: "memory");
  }

  uint64_t state = 1;
  uint32_t until = 0, gap = 16; ///< calls until the next delay; half the most that are between two
};
inline thread_local Delays delays;
inline void delayHere() { delays.here(); }
/// Of this thread.
inline void seedDelays(uint64_t seed) { delays.seed(seed); }

/// A fault that tests have to find: ranks have one staging buffer, and write it while others read.
inline std::atomic<bool> hasOneBuffer{false};
inline uint32_t bufferAt(uint32_t phase) { return hasOneBuffer.load(std::memory_order_relaxed) ? 0 : phase & 1; }

#else

inline void delayHere() {}
inline void seedDelays(uint64_t) {}

/// Which of a rank's two staging buffers is that of a phase.
inline uint32_t bufferAt(uint32_t phase) { return phase & 1; }

#endif

} // namespace plait

#endif // PLAIT_RUNTIME_COMM_DELAY_H
