//===- Ranks.h - A model that several ranks run together --------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rank 0 leads: it alone has requests and output. Before each thing that its
// instances do it tells the other ranks, who then do the same with their parts of
// the weights and of the state; in a step all meet in the plan's collectives.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_CORE_RANKS_H
#define PLAIT_RUNTIME_CORE_RANKS_H

#include "runtime/base/Status.h"
#include "runtime/comm/Communicator.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

namespace plait {

class Model;
struct InstanceOptions;

enum class RankCommand : uint32_t { stop, create, destroy, step, copyPage };

/// What rank 0 tells the others.
struct RankMessage {
  RankCommand command = RankCommand::stop;
  uint32_t instance = 0;
  std::vector<uint8_t> payload;
};

class RankGroup {
public:
  /// What rank 0 knows beyond its communicator, if the ranks are its processes.
  struct Processes {
    virtual ~Processes() = default; ///< called last: waits for them
    /// "rank 1 was killed by signal 9" if a rank has ended before its time.
    virtual std::string whatEnded() = 0;
  };

  explicit RankGroup(std::unique_ptr<Communicator> communicator, std::shared_ptr<Processes> processes = nullptr);
  /// Of rank 0: tells the others to stop.
  ~RankGroup();
  RankGroup(const RankGroup &) = delete;

  Communicator &communicator() const { return *comm; }
  bool leads() const { return comm->rank() == 0; }

  /// Rank 0 holds it from what it tells until all have done that.
  std::mutex &order() { return orderMutex; }
  uint32_t nextInstance() { return ++instances; }
  Status tell(RankCommand command, uint32_t instance, std::span<const uint8_t> payload = {});
  /// The next message, of a rank other than 0.
  Expected<RankMessage> listen();
  /// Success if all ranks call it with that, else the error of the first that does not.
  Status agree(const Status &own, const char *what);
  /// The error of a collective, with what is known of the rank that caused it.
  Status explain(Status status);

private:
  std::shared_ptr<Processes> processes; // goes after the communicator
  std::unique_ptr<Communicator> comm;
  std::mutex orderMutex;
  uint32_t instances = 0;
  bool broken = false;
};

/// How an instance is made, as `RankCommand::create` carries it.
std::vector<uint8_t> packOptions(const InstanceOptions &options);
Expected<InstanceOptions> unpackOptions(std::span<const uint8_t> bytes);

/// Does what rank 0 tells, until it tells to stop: the whole life of another rank.
/// `model` was opened with a group.
Status serveRank(const std::shared_ptr<const Model> &model);

} // namespace plait

#endif // PLAIT_RUNTIME_CORE_RANKS_H
