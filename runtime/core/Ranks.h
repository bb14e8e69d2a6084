//===- Ranks.h - A model that several ranks run together --------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A group's rank 0 leads. Before each thing that its instances do it tells the other
// ranks, who then do the same with their parts of the weights and of the state; in a
// step all meet in the plan's collectives.
//
// Of several replicas each is such a group with a leader of its own. That of replica 0
// is rank 0 of all: it alone has requests and output. With each other leader it has a
// group of two, over which it tells it what to do and gets the outputs of steps.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_CORE_RANKS_H
#define PLAIT_RUNTIME_CORE_RANKS_H

#include "runtime/base/Status.h"
#include "runtime/comm/Communicator.h"
#include "runtime/device/cpu/PlanCollectives.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

namespace plait {

class Model;
struct InstanceOptions;

/// `moveCells`: its payload is that of CellMoves.h. `sendPages` and `receivePages`: pages of a sequence that go to
/// another replica (Handover.h). `open`: a model that drafts (DraftModels.h).
enum class RankCommand : uint32_t { stop, create, destroy, step, copyPage, sendPages, receivePages, moveCells, open };

/// What a leader tells the others.
struct RankMessage {
  RankCommand command = RankCommand::stop;
  uint32_t instance = 0;
  std::vector<uint8_t> payload;
};

/// The payload of `RankCommand::copyPage`.
struct PageCopyMessage {
  int64_t table = 0, from = 0, to = 0;

  std::span<const uint8_t> bytes() const { return {reinterpret_cast<const uint8_t *>(this), sizeof(*this)}; }
  static Expected<PageCopyMessage> read(std::span<const uint8_t> bytes);
};

/// What the ranks of a group are called in messages.
struct RankNames {
  std::string replica = "";           ///< "replica 1", of a model that has several
  bool isLink = false;                ///< whether the other one leads that replica
  std::vector<std::string> each = {}; ///< by number, if this is not all that there is to say

  std::string of(int rank) const;
};

/// Success if all ranks call it with that, else the error of the first that does not.
/// `heard` becomes false if the ranks could not be asked, of which the error tells then.
Status agreeOn(Communicator &communicator, const Status &own, const char *what, const RankNames &names = {},
               bool *heard = nullptr);

class RankGroup {
public:
  /// What rank 0 knows beyond its communicator, if the ranks are its processes.
  struct Processes {
    virtual ~Processes() = default; ///< called last: waits for them
    /// "rank 1 was killed by signal 9" if a rank has ended before its time.
    virtual std::string whatEnded() = 0;
    /// The most memory that a rank of the world has held at once; -1 if it is not known.
    virtual int64_t peakMemory(int worldRank) = 0;
  };

  explicit RankGroup(std::unique_ptr<Communicator> communicator, std::shared_ptr<Processes> processes = nullptr,
                     RankNames names = {});
  /// Of rank 0: tells the others to stop.
  ~RankGroup();
  RankGroup(const RankGroup &) = delete;

  Communicator &communicator() const { return *comm; }
  /// Makes the communicators of a model's groups. All ranks call it.
  Status split(const plait_model_v4_t &model);
  RankCommunicators communicators() const;
  /// Makes the communicator of the first `count` ranks, for a model that they alone run; once. All ranks call it.
  Status splitFirst(int count);
  /// That communicator; null on other ranks.
  Communicator *first(int count) const;
  bool leads() const { return comm->rank() == 0; }
  /// As of `Processes`.
  int64_t peakMemory(int worldRank) const { return processes ? processes->peakMemory(worldRank) : -1; }

  /// The leader holds it from what it tells until all have done that.
  std::mutex &order() { return orderMutex; }
  uint32_t nextInstance() { return ++instances; }
  Status tell(RankCommand command, uint32_t instance, std::span<const uint8_t> payload = {});
  /// The next message, of a rank other than 0.
  Expected<RankMessage> listen();
  /// The outcome of a step, or of a handover, from rank 1 to rank 0, of a link.
  Status reply(const Expected<std::vector<uint8_t>> &outcome);
  Expected<std::vector<uint8_t>> hear();
  /// Success if all ranks call it with that, else the error of the first that does not.
  Status agree(const Status &own, const char *what);
  /// The error of a collective, with what is known of the rank that caused it.
  Status explain(Status status);

private:
  std::shared_ptr<Processes> processes; // goes after the communicator
  std::unique_ptr<Communicator> comm;
  std::vector<std::unique_ptr<Communicator>> parts;    ///< of each group of the model; they go before `comm`
  std::map<int, std::unique_ptr<Communicator>> firsts; ///< of so many ranks; they too
  const RankNames names;
  std::mutex orderMutex;
  uint32_t instances = 0;
  bool broken = false;
};

/// The error of a communicator whose ranks are called `names`, with what is known of the
/// rank that caused it. `processes` may be null.
Status explainLoss(Status status, const RankNames &names, RankGroup::Processes *processes);

/// How an instance is made, as `RankCommand::create` carries it; `draft` is that of Model::draft.
std::vector<uint8_t> packOptions(const InstanceOptions &options, const std::string &draft = "");
Expected<InstanceOptions> unpackOptions(std::span<const uint8_t> bytes, std::string *draft = nullptr);

/// Does what its leader tells, or rank 0 if it leads itself, until it is told to stop:
/// the whole life of a rank other than 0. `model` was opened with a group or a link.
Status serveRank(const std::shared_ptr<const Model> &model);

} // namespace plait

#endif // PLAIT_RUNTIME_CORE_RANKS_H
