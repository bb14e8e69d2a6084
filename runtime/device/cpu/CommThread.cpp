//===- CommThread.cpp - Collectives beside computation --------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/device/cpu/CommThread.h"

#include "runtime/device/cpu/FloatMode.h"

#include <exception>

using namespace plait;

Expected<std::unique_ptr<CommThread>> CommThread::create() {
  std::unique_ptr<CommThread> result(new CommThread);
  try {
    result->thread = std::thread(&CommThread::loop, result.get());
  } catch (const std::exception &error) {
    return resourceError(std::string("threads: the system started none for collectives (") + error.what() +
                         "); raise the limit (ulimit -u), or compile with --overlap off");
  }
  return result;
}

CommThread::~CommThread() {
  {
    std::lock_guard<std::mutex> lock(mutex);
    stopping = true;
  }
  changed.notify_all();
  if (thread.joinable())
    thread.join();
}

uint64_t CommThread::post(std::function<void()> work) {
  std::lock_guard<std::mutex> lock(mutex);
  queue.push_back(std::move(work));
  changed.notify_all();
  return ++posted;
}

void CommThread::wait(uint64_t number) {
  std::unique_lock<std::mutex> lock(mutex);
  changed.wait(lock, [&] { return finished >= number; });
}

void CommThread::loop() {
  DefaultFloatMode mode;
  std::unique_lock<std::mutex> lock(mutex);
  while (true) {
    changed.wait(lock, [&] { return stopping || !queue.empty(); });
    if (queue.empty())
      return;
    std::function<void()> work = std::move(queue.front());
    queue.pop_front();
    lock.unlock();
    work();
    lock.lock();
    ++finished;
    changed.notify_all();
  }
}
