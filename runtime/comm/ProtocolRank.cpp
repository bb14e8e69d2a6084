//===- ProtocolRank.cpp - Runs compiled protocols -------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/comm/ProtocolRank.h"

#include "runtime/comm/Delay.h"

#include <algorithm>
#include <barrier>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

using namespace plait;

namespace {

class ProtocolRank {
public:
  ProtocolRank(const plait_protocol_v1_t &protocol, const plait_team_v1_t &team, std::atomic<uint32_t> &stop,
               const std::function<void *const *(uint32_t)> &buffersOf, const ProtocolOptions &options)
      : protocol(protocol), team(team), stop(stop), buffersOf(buffersOf), options(options) {}

  Status run(uint32_t first, uint32_t count) {
    int64_t workers = 1;
    for (int32_t i = 0; i < protocol.part_count; ++i)
      workers = std::max(workers, protocol.parts[i].workers);
    size_t bytes = (size_t(protocol.scratch_bytes) + 127) / 64 * 64, all = bytes * size_t(workers);
    std::unique_ptr<uint8_t, decltype(&std::free)> scratch(static_cast<uint8_t *>(std::aligned_alloc(64, all)),
                                                           &std::free);
    if (!scratch) {
      stop.store(1, std::memory_order_relaxed);
      return resourceError("protocol: found no memory of " + std::to_string(all) + " bytes; expected as much for " +
                           std::to_string(workers) + " workers");
    }
    // All leave after the same part.
    auto look = [this]() noexcept { isOver = stop.load(std::memory_order_relaxed) != 0; };
    std::barrier together(std::ptrdiff_t(workers), look);
    std::vector<std::thread> threads;
    try {
      for (int64_t worker = 0; worker < workers; ++worker)
        threads.emplace_back(
            [&, worker] { work(uint32_t(worker), scratch.get() + size_t(worker) * bytes, first, count, together); });
    } catch (const std::exception &error) { // a thread cannot be had
      giveUp("found only " + std::to_string(threads.size()) + " threads (" + error.what() + "); expected " +
             std::to_string(workers) + ", which wait for each other");
      for (size_t missing = threads.size(); missing < size_t(workers); ++missing)
        together.arrive_and_drop();
    }
    for (std::thread &thread : threads)
      thread.join();
    if (!failure.empty())
      return Status::error(StatusCode::cancelled, failure);
    if (stop.load(std::memory_order_relaxed))
      return Status::error(StatusCode::cancelled,
                           "protocol: rank " + std::to_string(team.rank) + " was stopped; another one has failed");
    return Status::success();
  }

private:
  using Clock = std::chrono::steady_clock;
  struct Worker {
    ProtocolRank &rank;
    uint32_t epoch;
    Clock::time_point since; ///< that it waits
  };

  void work(uint32_t number, uint8_t *scratch, uint32_t first, uint32_t count, auto &together) {
    seedDelays(options.delaySeed + number);
    Worker worker{*this, first, {}};
    plait_protocol_call_v1_t call = {};
    call.team = &team;
    call.scratch = scratch;
    call.worker = number;
    call.wait = [](void *runtime, uint32_t turns) {
      auto &own = *static_cast<Worker *>(runtime);
      return int32_t(own.rank.isInVain(own, turns));
    };
    call.delay = [](void *) { delayHere(); };
    call.runtime = &worker;
    for (uint32_t i = 0; i < count; ++i) {
      call.epoch = worker.epoch = first + i;
      call.buffers = buffersOf(call.epoch);
      for (int32_t part = 0; part < protocol.part_count; ++part) {
        if (number < protocol.parts[part].workers)
          protocol.parts[part].run(&call);
        together.arrive_and_wait();
        if (isOver)
          return;
      }
    }
  }

  bool isInVain(Worker &worker, uint32_t turns) {
    if (turns == 0)
      worker.since = Clock::now();
    delayHere();
    if (stop.load(std::memory_order_relaxed))
      return true;
    if (turns > 16) // there may be more workers than cores
      std::this_thread::yield();
    if (turns % 64 != 63 || Clock::now() - worker.since < options.deadline)
      return false;
    giveUp("found nothing of what it waits for in epoch " + std::to_string(worker.epoch) + " within " +
           std::to_string(options.deadline.count()) + " ms; expected all ranks to take part");
    return true;
  }

  /// Ends all ranks, unless somebody has before.
  void giveUp(const std::string &why) {
    std::lock_guard<std::mutex> lock(mutex);
    if (stop.exchange(1, std::memory_order_relaxed) == 0)
      failure = "protocol: rank " + std::to_string(team.rank) + " " + why;
  }

  const plait_protocol_v1_t &protocol;
  const plait_team_v1_t &team;
  std::atomic<uint32_t> &stop;
  const std::function<void *const *(uint32_t)> &buffersOf;
  const ProtocolOptions &options;
  std::mutex mutex;
  std::string failure;
  bool isOver = false;
};

} // namespace

Status plait::runProtocol(const plait_protocol_v1_t &protocol, const plait_team_v1_t &team, std::atomic<uint32_t> &stop,
                          uint32_t first, uint32_t count, const std::function<void *const *(uint32_t)> &buffersOf,
                          const ProtocolOptions &options) {
  if (protocol.struct_size < sizeof(protocol) || team.ranks != uint32_t(protocol.ranks) || team.rank >= team.ranks)
    return Status::error(StatusCode::invalidArgument, "protocol: found rank " + std::to_string(team.rank) + " of " +
                                                          std::to_string(team.ranks) + "; expected one of the " +
                                                          std::to_string(protocol.ranks) + " it was compiled for");
  return ProtocolRank(protocol, team, stop, buffersOf, options).run(first, count);
}
