//===- ProtocolRank.h - Runs compiled protocols -----------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_COMM_PROTOCOLRANK_H
#define PLAIT_RUNTIME_COMM_PROTOCOLRANK_H

#include "plait-abi/Protocol.h"
#include "runtime/base/Status.h"

#include <atomic>
#include <chrono>
#include <functional>

namespace plait {

struct ProtocolOptions {
  std::chrono::milliseconds deadline{30'000}; ///< of one wait
  uint64_t delaySeed = 0;                     ///< where ranks are held up (runtime/comm/Delay.h)
};

/// Runs epochs first .. first + count - 1 of one rank, with a thread for each worker. `buffersOf` gives an epoch's
/// buffers (plait_protocol_call_v1_t), and is called by all threads. Ranks may be threads or processes; who calls for
/// them does so at the same time, with the same memory and the same `stop`, of which ranks take notice while they wait:
/// anybody may set it to end them, and a rank that waits for longer than the deadline does.
/// Then all fail, and their memory is of no further use.
Status runProtocol(const plait_protocol_v1_t &protocol, const plait_team_v1_t &team, std::atomic<uint32_t> &stop,
                   uint32_t first, uint32_t count, const std::function<void *const *(uint32_t epoch)> &buffersOf,
                   const ProtocolOptions &options = {});

} // namespace plait

#endif // PLAIT_RUNTIME_COMM_PROTOCOLRANK_H
