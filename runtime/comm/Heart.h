//===- Heart.h - Signs of life of a rank --------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_COMM_HEART_H
#define PLAIT_RUNTIME_COMM_HEART_H

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

namespace plait {

/// Tells the others that this rank lives, and itself whether it has run: the
/// time in which a whole machine stands still counts against nobody.
class Heart {
public:
  static constexpr std::chrono::milliseconds kBeat{50};

  explicit Heart(std::atomic<uint32_t> &beats) : beats(beats), thread([this] { loop(); }) {}
  ~Heart() {
    {
      std::lock_guard<std::mutex> lock(mutex);
      stopping = true;
    }
    changed.notify_all();
    thread.join();
  }

private:
  void loop() {
    std::unique_lock<std::mutex> lock(mutex);
    while (!changed.wait_for(lock, kBeat, [&] { return stopping; }))
      beats.fetch_add(1, std::memory_order_relaxed);
  }
  std::atomic<uint32_t> &beats;
  std::mutex mutex;
  std::condition_variable changed;
  bool stopping = false;
  std::thread thread;
};

/// For how long another rank has given no sign of life. Counted in own beats, so a machine
/// that stands still blames nobody.
class Silence {
public:
  Silence() = default;
  Silence(uint32_t theirs, uint32_t own) : theirs(theirs), since(own) {}

  std::chrono::milliseconds lasts(uint32_t theirsNow, uint32_t ownNow) {
    if (theirsNow != theirs)
      *this = {theirsNow, ownNow};
    return (ownNow - since) * Heart::kBeat;
  }

private:
  uint32_t theirs = 0, since = 0; ///< the beats last seen, and when
};

} // namespace plait

#endif // PLAIT_RUNTIME_COMM_HEART_H
