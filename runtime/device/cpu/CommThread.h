//===- CommThread.h - Collectives beside computation -----------*- C++ -*--===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// While the team computes one half of a step's tokens, this thread exchanges the sums of the
// other half. It belongs to no CPU, as it mostly waits for other ranks.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_DEVICE_CPU_COMMTHREAD_H
#define PLAIT_RUNTIME_DEVICE_CPU_COMMTHREAD_H

#include "runtime/base/Status.h"

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

namespace plait {

/// Does what it is given one after the other, in order.
class CommThread {
public:
  static Expected<std::unique_ptr<CommThread>> create();
  /// Finishes what it has been given.
  ~CommThread();
  CommThread(const CommThread &) = delete;
  CommThread &operator=(const CommThread &) = delete;

  /// Returns the number to wait for. `work` must not throw. One thread calls this and `wait`.
  uint64_t post(std::function<void()> work);
  /// Returns when the work of that number is done, and with it all before.
  void wait(uint64_t number);

private:
  CommThread() = default;
  void loop();

  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::function<void()>> queue;
  uint64_t posted = 0, finished = 0;
  bool stopping = false;
  std::thread thread;
};

} // namespace plait

#endif // PLAIT_RUNTIME_DEVICE_CPU_COMMTHREAD_H
