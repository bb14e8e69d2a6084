//===- ThreadPool.h - Threads that walk a plan together --------*- C++ -*--===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_DEVICE_CPU_THREADPOOL_H
#define PLAIT_RUNTIME_DEVICE_CPU_THREADPOOL_H

#include "runtime/base/Status.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

namespace plait {

/// A fixed team: the caller of `run` is thread 0, the rest are workers of the
/// pool. Waiting threads spin, then sleep, so a step of many short launches costs
/// no system call and an idle pool costs no CPU time.
class ThreadPool {
public:
  /// With `pin`, worker i stays on CPU firstCpu + i of `spreadCpus`; the caller's thread
  /// is the caller's own and goes where the system puts it.
  static Expected<std::unique_ptr<ThreadPool>> create(unsigned threads, bool pin = false, unsigned firstCpu = 0);
  ~ThreadPool();
  ThreadPool(const ThreadPool &) = delete;
  ThreadPool &operator=(const ThreadPool &) = delete;

  unsigned size() const { return threadCount; }

  /// Calls `task(thread)` once on every thread of the team and returns when all
  /// have returned. One caller at a time; the task must not throw.
  template <typename Task> void run(Task &&task) {
    runTask([](void *context, unsigned thread) { (*static_cast<Task *>(context))(thread); },
            const_cast<void *>(static_cast<const void *>(&task)));
  }

  /// Within a task, called with the task's own number: returns when every thread
  /// of the team has called it.
  void barrier(unsigned thread);

private:
  using TaskFn = void (*)(void *context, unsigned thread);

  ThreadPool() = default;
  void runTask(TaskFn fn, void *context);
  void workerLoop(unsigned thread, int cpu);
  void waitWhileEqual(std::atomic<uint32_t> &value, uint32_t old, unsigned thread);
  void noteCpu(unsigned thread);
  bool sharesCpu(unsigned thread);
  void publish(std::atomic<uint32_t> &value, uint32_t next);

  alignas(64) std::atomic<uint32_t> epoch{0}; // of tasks
  alignas(64) std::atomic<uint32_t> sleepers{0};

  static constexpr unsigned maxThreads = 1024, maxRounds = 10;
  /// A barrier's signal to one thread in one round: the number of the last barrier
  /// that the sender has reached, which is on a cache line of its own.
  struct alignas(64) Signal {
    std::atomic<uint32_t> barrier{0};
  };
  struct alignas(64) Place {
    std::atomic<int> cpu{-1}; ///< the CPU that the thread was last seen on
    uint32_t barriers = 0;    ///< that it has reached
    Signal signals[maxRounds];
  };
  std::unique_ptr<Place[]> places;

  TaskFn taskFn = nullptr;
  void *taskContext = nullptr;
  bool stopping = false;
  unsigned threadCount = 1;
  unsigned spinLimit = 0;
  std::vector<std::thread> workers;
};

} // namespace plait

#endif // PLAIT_RUNTIME_DEVICE_CPU_THREADPOOL_H
