//===- Memory.h - How much memory there is, and what ranks need -*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_CORE_MEMORY_H
#define PLAIT_RUNTIME_CORE_MEMORY_H

#include "plait-abi/Model.h"
#include "runtime/base/Mesh.h"
#include "runtime/base/Status.h"
#include "runtime/core/StepInputs.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace plait {

struct InstanceOptions;
class Model;

/// How many bytes may still be taken, and what sets the limit.
struct AvailableMemory {
  int64_t bytes = 0;
  std::string limit; ///< "MemAvailable", "the cgroup", "PLAIT_MEMORY_LIMIT"
};
/// Of all processes of a model together: what is free, and what the control groups of
/// this process and $PLAIT_MEMORY_LIMIT leave. The latter counts from a process without
/// a model on; INT64_MAX where nothing is known.
AvailableMemory availableMemory();
/// What RLIMIT_AS leaves this process; INT64_MAX without one.
int64_t availableAddresses();

/// "16G", "512M" or a number of bytes: with K, M, G and T for powers of 1024. -1 if it is none.
int64_t parseBytes(const std::string &text);

/// What an instance of some options asks of a rank's memory; `plans` of `model` are those that it runs.
struct Reservation {
  StepLimits limits;
  int64_t arena = 0;
  std::vector<uint64_t> states; ///< bytes of each; UINT64_MAX: more than there can be
  StepDims largest{};           ///< extents of the largest step
  int64_t collective = 0;       ///< the largest that one sends

  double stateBytes() const;
};
Expected<Reservation> reservationOf(const Model &model, std::span<const plait_plan_v2_t *const> plans,
                                    const InstanceOptions &options);

/// Bytes of memory that a rank holds at most, once everything has been used.
struct RankMemory {
  double program = 0; ///< what a process has without a model
  double weights = 0, state = 0, arena = 0;
  double communication = 0; ///< shared with other ranks, and to send pages from
  int64_t copies = 1;       ///< replicas that have such a rank

  double total() const { return program + weights + state + arena + communication; }
};

/// Of all ranks of a model.
struct ModelLedger {
  Mesh mesh;
  std::vector<RankMemory> ranks;     ///< of each program
  bool sharesWeights = true;         ///< whether the replicas map the same pack
  double communication = 0;          ///< of all groups, once
  int64_t pages = 0, pageTokens = 1; ///< of the first page table of a replica

  /// Bytes of all ranks of all replicas together.
  double total() const;
};

/// What an instance of `options` on every replica of `model` will hold, before it is
/// made. The other ranks' tables are read for it.
Expected<ModelLedger> ledgerOf(const Model &model, const InstanceOptions &options);

/// Of the memory that ranks share for their collectives: of each group of a mesh, and of
/// each group of a model's ranks.
size_t communicationBytes(const Mesh &mesh, const plait_model_v4_t &tables);

/// "weights 1.20 GiB, keys and values 12.00 MiB, ..."
std::string ledgerText(const RankMemory &rank);
/// "1.20 GiB"
std::string memoryText(double bytes);

/// The most memory that process `pid` has held at once, of what is counted in
/// RankMemory; -1 if it cannot be known.
int64_t peakMemory(int pid);

} // namespace plait

#endif // PLAIT_RUNTIME_CORE_MEMORY_H
