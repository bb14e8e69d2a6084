//===- ThreadPool.cpp - Threads that walk a plan together -----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/device/cpu/ThreadPool.h"

#include "runtime/device/cpu/FloatMode.h"
#include "runtime/device/cpu/Topology.h"

#include <exception>

#include <pthread.h>
#include <sched.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

using namespace plait;

namespace {

// A pause takes 40 to 140 cycles, so this is a few hundred microseconds: longer
// than the gap between two decode steps, shorter than anyone would notice.
// After that the thread sleeps at once: yielding on a busy machine gives away
// whole time slices, while a sleeper that is woken runs soon.
constexpr unsigned kSpins = 8192;

void pauseCpu() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

} // namespace

Expected<std::unique_ptr<ThreadPool>> ThreadPool::create(unsigned threads, bool pin, unsigned firstCpu) {
  if (threads == 0 || threads > maxThreads)
    return invalidArgument("threads: found " + std::to_string(threads) + "; expected 1 to " +
                           std::to_string(maxThreads));
  std::unique_ptr<ThreadPool> pool(new ThreadPool);
  std::vector<int> cpus = spreadCpus();
  pool->threadCount = threads;
  // With more threads than CPUs a spinning thread holds up the one it waits for.
  pool->spinLimit = threads <= cpus.size() ? kSpins : 16;
  try {
    pool->places = std::make_unique<Place[]>(threads);
    pool->workers.reserve(threads - 1);
    for (unsigned i = 1; i < threads; ++i)
      pool->workers.emplace_back(&ThreadPool::workerLoop, pool.get(), i, pin ? cpus[(firstCpu + i) % cpus.size()] : -1);
  } catch (const std::exception &error) {
    std::string started = std::to_string(pool->workers.size() + 1);
    return resourceError("threads: the system started " + started + " of " + std::to_string(threads) + " (" +
                         error.what() + "); use fewer threads or raise the limit (ulimit -u)");
  }
  return pool;
}

ThreadPool::~ThreadPool() {
  stopping = true;
  publish(epoch, epoch.load(std::memory_order_relaxed) + 1);
  for (std::thread &worker : workers)
    worker.join();
}

void ThreadPool::noteCpu(unsigned thread) {
  int cpu = sched_getcpu(); // a read of thread-local memory, no system call
  if (places[thread].cpu.load(std::memory_order_relaxed) != cpu)
    places[thread].cpu.store(cpu, std::memory_order_relaxed);
}

/// Whether another thread of the team was last seen on this thread's CPU: then
/// spinning may hold up the very thread that is waited for.
bool ThreadPool::sharesCpu(unsigned thread) {
  noteCpu(thread);
  int cpu = places[thread].cpu.load(std::memory_order_relaxed);
  for (unsigned other = 0; other < threadCount; ++other)
    if (other != thread && places[other].cpu.load(std::memory_order_relaxed) == cpu)
      return true;
  return false;
}

void ThreadPool::waitWhileEqual(std::atomic<uint32_t> &value, uint32_t old, unsigned thread) {
  noteCpu(thread);
  for (unsigned i = 1; i <= spinLimit; ++i) {
    if (value.load(std::memory_order_acquire) != old)
      return;
    pauseCpu();
    if (i % 64 == 0 && sharesCpu(thread))
      break;
  }
  // `publish` looks at `sleepers` after its store, this thread at `value` after
  // its increment; both are sequentially consistent, so one sees the other.
  sleepers.fetch_add(1, std::memory_order_seq_cst);
  while (value.load(std::memory_order_seq_cst) == old)
    value.wait(old, std::memory_order_seq_cst);
  sleepers.fetch_sub(1, std::memory_order_relaxed);
  noteCpu(thread); // it may have woken up elsewhere
}

void ThreadPool::publish(std::atomic<uint32_t> &value, uint32_t next) {
  value.store(next, std::memory_order_seq_cst);
  if (sleepers.load(std::memory_order_seq_cst))
    value.notify_all();
}

void ThreadPool::barrier(unsigned thread) {
  if (threadCount == 1)
    return;
  // Dissemination (Hensgen, Finkel, Manber 1988): in round r each thread tells the
  // one 2^r further that it, and all that it has heard of, are here. Nobody writes
  // what two wait for, and two threads need a single round. A sender may be one
  // barrier ahead by the time its signal is read, never two.
  uint32_t number = ++places[thread].barriers;
  for (unsigned round = 0, distance = 1; distance < threadCount; ++round, distance *= 2) {
    publish(places[(thread + distance) % threadCount].signals[round].barrier, number);
    waitWhileEqual(places[thread].signals[round].barrier, number - 1, thread);
  }
}

void ThreadPool::runTask(TaskFn fn, void *context) {
  DefaultFloatMode mode;
  taskFn = fn;
  taskContext = context;
  noteCpu(0);
  if (threadCount > 1)
    publish(epoch, epoch.load(std::memory_order_relaxed) + 1);
  fn(context, 0);
  barrier(0);
}

void ThreadPool::workerLoop(unsigned thread, int cpu) {
  if (cpu >= 0) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    pthread_setaffinity_np(pthread_self(), sizeof(set), &set); // a wish, not a need
  }
  DefaultFloatMode mode;
  uint32_t seen = 0;
  while (true) {
    waitWhileEqual(epoch, seen, thread);
    seen = epoch.load(std::memory_order_acquire);
    if (stopping)
      return;
    taskFn(taskContext, thread);
    barrier(thread);
  }
}
