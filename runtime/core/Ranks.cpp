//===- Ranks.cpp - A model that several ranks run together ----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Ranks.h"

#include "runtime/core/CellMoves.h"
#include "runtime/core/DraftModels.h"
#include "runtime/core/Handover.h"
#include "runtime/core/Instance.h"
#include "runtime/core/WorldGroups.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <numeric>

using namespace plait;

namespace {

/// A message goes in one broadcast of this size, and a second one if it is longer:
/// that of a step that decodes a few short sequences is not.
struct Envelope {
  uint32_t command = 0, instance = 0;
  uint64_t bytes = 0; ///< of the whole payload
  uint8_t payload[1008] = {};
};
static_assert(sizeof(Envelope) == 1024);

std::span<uint8_t> bytesOf(Envelope &envelope) { return {reinterpret_cast<uint8_t *>(&envelope), sizeof(envelope)}; }

/// No step is as large; a larger number is damage.
constexpr uint64_t kMostBytes = uint64_t(1) << 34;

struct PackedOptions {
  int64_t maxTokens, maxRows, maxLeaves, maxStops, maxTopLogprobs, capacityPages;
  uint32_t threads, pin;
  char variant[64];
};

} // namespace

Expected<PageCopyMessage> PageCopyMessage::read(std::span<const uint8_t> bytes) {
  PageCopyMessage message;
  if (bytes.size() != sizeof(message))
    return internalError("ranks: found a page to copy of another size than expected");
  std::memcpy(&message, bytes.data(), sizeof(message));
  return message;
}

std::string RankNames::of(int rank) const {
  if (size_t(rank) < each.size())
    return each[size_t(rank)];
  if (isLink)
    return rank ? replica : "rank 0";
  return (replica.empty() ? "" : replica + ": ") + "rank " + std::to_string(rank);
}

RankGroup::RankGroup(std::unique_ptr<Communicator> communicator, std::shared_ptr<Processes> processes, RankNames names)
    : processes(std::move(processes)), comm(std::move(communicator)), names(std::move(names)) {}

Status RankGroup::split(const plait_model_v4_t &model) {
  std::vector<std::vector<int>> groups;
  for (int32_t i = 0; i < model.group_count; ++i)
    groups.emplace_back(model.groups[i].members, model.groups[i].members + model.groups[i].count);
  if (groups.empty())
    return Status::success();
  auto made = comm->split(groups);
  if (!made)
    return explain(made.status());
  parts = made.take();
  return Status::success();
}

RankCommunicators RankGroup::communicators() const {
  RankCommunicators all = {comm.get(), {}};
  for (const std::unique_ptr<Communicator> &part : parts)
    all.groups.push_back(part.get());
  return all;
}

Status RankGroup::splitFirst(int count) {
  if (firsts.contains(count))
    return Status::success();
  std::vector<int> members(static_cast<size_t>(count));
  std::iota(members.begin(), members.end(), 0);
  auto made = comm->split(std::array{members});
  if (!made)
    return explain(made.status());
  firsts[count] = std::move(made->front());
  return Status::success();
}

Communicator *RankGroup::first(int count) const {
  auto found = firsts.find(count);
  return found == firsts.end() ? nullptr : found->second.get();
}

RankGroup::~RankGroup() {
  if (leads() && !broken)
    (void)tell(RankCommand::stop, 0); // who does not hear it misses its leader soon
}

Status RankGroup::tell(RankCommand command, uint32_t instance, std::span<const uint8_t> payload) {
  Envelope envelope;
  envelope.command = uint32_t(command);
  envelope.instance = instance;
  envelope.bytes = payload.size();
  size_t inside = std::min(payload.size(), sizeof(envelope.payload));
  if (inside)
    std::memcpy(envelope.payload, payload.data(), inside);
  Status status = comm->broadcast(bytesOf(envelope), 0, "next step");
  if (status && inside < payload.size()) {
    std::vector<uint8_t> rest(payload.begin() + ptrdiff_t(inside), payload.end());
    status = comm->broadcast(rest, 0, "inputs of a step");
  }
  return explain(std::move(status));
}

Expected<RankMessage> RankGroup::listen() {
  Envelope envelope;
  PLAIT_RETURN_IF_ERROR(comm->broadcast(bytesOf(envelope), 0, "next step"));
  if (envelope.command > uint32_t(RankCommand::open) || envelope.bytes > kMostBytes)
    return internalError("ranks: found a message that is none; expected one of rank 0");
  RankMessage message;
  message.command = RankCommand(envelope.command);
  message.instance = envelope.instance;
  message.payload.resize(size_t(envelope.bytes));
  size_t inside = std::min(message.payload.size(), sizeof(envelope.payload));
  std::copy_n(envelope.payload, inside, message.payload.begin());
  if (inside < message.payload.size())
    PLAIT_RETURN_IF_ERROR(comm->broadcast(std::span(message.payload).subspan(inside), 0, "inputs of a step"));
  return message;
}

Status RankGroup::reply(const Expected<std::vector<uint8_t>> &outcome) {
  Envelope envelope; // `command` is the code of an error
  std::span<const uint8_t> payload;
  if (outcome)
    payload = *outcome;
  else
    payload = {reinterpret_cast<const uint8_t *>(outcome.status().message().data()), outcome.status().message().size()};
  envelope.command = uint32_t(outcome.status().code());
  envelope.bytes = payload.size();
  size_t inside = std::min(payload.size(), sizeof(envelope.payload));
  if (inside)
    std::memcpy(envelope.payload, payload.data(), inside);
  PLAIT_RETURN_IF_ERROR(comm->send(bytesOf(envelope), 0, "outcome of a step"));
  return inside < payload.size() ? comm->send(payload.subspan(inside), 0, "outputs of a step") : Status::success();
}

Expected<std::vector<uint8_t>> RankGroup::hear() {
  Envelope envelope;
  if (Status status = comm->recv(bytesOf(envelope), 1, "outcome of a step"); !status)
    return explain(std::move(status));
  if (envelope.bytes > kMostBytes)
    return internalError("ranks: found an outcome that is none; expected that of a step");
  std::vector<uint8_t> payload(size_t(envelope.bytes));
  size_t inside = std::min(payload.size(), sizeof(envelope.payload));
  std::copy_n(envelope.payload, inside, payload.begin());
  if (inside < payload.size())
    if (Status status = comm->recv(std::span(payload).subspan(inside), 1, "outputs of a step"); !status)
      return explain(std::move(status));
  if (!envelope.command)
    return payload;
  // What of a rank of that replica is known here, its leader does not know.
  std::string ended = processes ? processes->whatEnded() : "";
  return Status::error(StatusCode(envelope.command), (ended.empty() ? "" : ended + "; ") + names.of(1) + ": " +
                                                         std::string(payload.begin(), payload.end()));
}

Status RankGroup::agree(const Status &own, const char *what) {
  bool heard = true;
  Status status = agreeOn(*comm, own, what, names, &heard);
  return heard ? status : explain(std::move(status));
}

Status plait::agreeOn(Communicator &comm, const Status &own, const char *what, const RankNames &names, bool *heard) {
  constexpr size_t size = 1024; // of a rank's message, cut there; byte 0 is the code
  std::vector<uint8_t> mine(size), all(size * size_t(comm.size()));
  std::vector<size_t> sizes(size_t(comm.size()), size);
  mine[0] = uint8_t(own.code());
  std::copy_n(own.message().begin(), std::min(own.message().size(), size - 2), mine.begin() + 1);
  Status gathered = comm.allGather(mine, all, sizes, what);
  if (!own)
    return own;
  if (!gathered) {
    if (heard)
      *heard = false;
    return gathered;
  }
  for (int rank = 0; rank < comm.size(); ++rank)
    if (const uint8_t *theirs = all.data() + size_t(rank) * size; theirs[0])
      return Status::error(StatusCode(theirs[0]), names.of(rank) + ": " + reinterpret_cast<const char *>(theirs + 1));
  return Status::success();
}

Status RankGroup::explain(Status status) {
  broken |= !status;
  return explainLoss(std::move(status), names, processes.get());
}

Status plait::explainLoss(Status status, const RankNames &names, RankGroup::Processes *processes) {
  if (status || status.code() == StatusCode::cancelled)
    return status;
  // A communicator knows the ranks by their numbers in it.
  if (std::string_view text = status.message(); text.starts_with("rank ")) {
    size_t end = std::min(text.find_first_not_of("0123456789", 5), text.size());
    int rank = std::atoi(status.message().c_str() + 5);
    status = Status::error(status.code(), names.of(rank) + std::string(text.substr(end)));
  }
  std::string ended = processes ? processes->whatEnded() : "";
  // A rank that ends with an error because another is lost is not what went wrong.
  size_t exit = ended.find(" ended with exit code");
  if (exit != std::string::npos && status.message().find("rank ") != std::string::npos &&
      !status.message().starts_with(ended.substr(0, exit)))
    return status;
  if (status.message().starts_with(ended)) // known already, or nothing to say
    return status;
  return Status::error(status.code(), ended + "; " + status.message());
}

std::vector<uint8_t> plait::packOptions(const InstanceOptions &options, const std::string &draft) {
  PackedOptions packed{options.maxTokens,
                       options.maxRows,
                       options.maxLeaves,
                       options.maxStops,
                       options.maxTopLogprobs,
                       options.capacityPages,
                       options.threads,
                       options.pin,
                       {}};
  options.variant.copy(packed.variant, sizeof(packed.variant) - 1);
  auto *begin = reinterpret_cast<const uint8_t *>(&packed);
  std::vector<uint8_t> bytes(begin, begin + sizeof(packed));
  bytes.insert(bytes.end(), draft.begin(), draft.end());
  return bytes;
}

Expected<InstanceOptions> plait::unpackOptions(std::span<const uint8_t> bytes, std::string *draft) {
  PackedOptions packed;
  if (bytes.size() < sizeof(packed))
    return internalError("ranks: found options of " + std::to_string(bytes.size()) + " bytes; expected at least " +
                         std::to_string(sizeof(packed)));
  if (draft)
    draft->assign(bytes.begin() + sizeof(packed), bytes.end());
  std::memcpy(&packed, bytes.data(), sizeof(packed));
  packed.variant[sizeof(packed.variant) - 1] = 0;
  InstanceOptions options;
  options.threads = packed.threads;
  options.pin = packed.pin != 0;
  options.maxTokens = packed.maxTokens;
  options.maxRows = packed.maxRows;
  options.maxLeaves = packed.maxLeaves;
  options.maxStops = packed.maxStops;
  options.maxTopLogprobs = packed.maxTopLogprobs;
  options.capacityPages = packed.capacityPages;
  options.variant = packed.variant;
  return options;
}

/// Null for one of a model that other ranks run.
using Instances = std::map<uint32_t, std::unique_ptr<Instance>>;

/// The threads of an instance of `model`, for one of a model that drafts on the same ranks: one of the two waits
/// while the other computes.
static std::shared_ptr<ThreadPool> teamOf(const Instances &instances, const Model &model) {
  for (const auto &[number, instance] : instances)
    if (instance && &instance->model() == &model)
      return instance->team();
  return nullptr;
}

/// Makes the rank's part of an instance of `model`, or of one of `drafts`. All ranks hear of an error, and rank 0
/// decides what to do.
static Expected<std::unique_ptr<Instance>> createPart(const std::shared_ptr<const Model> &model,
                                                      const DraftModels &drafts, const Instances &instances,
                                                      const RankMessage &message) {
  std::string draft;
  PLAIT_ASSIGN_OR_RETURN(InstanceOptions options, unpackOptions(message.payload, &draft));
  if (draft.empty())
    return Instance::create(model, options);
  auto own = drafts.find(draft);
  if (own == drafts.end() || !own->second) {
    PLAIT_RETURN_IF_ERROR(model->group()->agree(Status::success(), "create an instance"));
    return std::unique_ptr<Instance>();
  }
  if (own->second->ranks() == model->ranks())
    options.team = teamOf(instances, *model);
  return Instance::create(own->second, options);
}

static Status serve(const std::shared_ptr<const Model> &model) {
  // A leader hears rank 0, and its group hears the leader.
  bool leads = !model->links().empty();
  RankGroup &from = leads ? *model->links().front() : *model->group();
  DraftModels drafts;
  Instances instances;
  while (true) {
    PLAIT_ASSIGN_OR_RETURN(RankMessage message, from.listen());
    auto found = instances.find(message.instance);
    switch (message.command) {
    case RankCommand::stop:
      return Status::success();
    case RankCommand::open:
      PLAIT_RETURN_IF_ERROR(followDraftModel(*model, message.payload, drafts));
      break;
    case RankCommand::create: {
      auto created = createPart(model, drafts, instances, message);
      if (leads)
        (void)from.agree(created.status(), "create an instance");
      if (created)
        instances[message.instance] = created.take();
      break;
    }
    case RankCommand::destroy:
      instances.erase(message.instance);
      break;
    case RankCommand::step:
    case RankCommand::copyPage:
    case RankCommand::sendPages:
    case RankCommand::receivePages:
    case RankCommand::moveCells:
      if (found == instances.end())
        return internalError("ranks: found a step of instance " + std::to_string(message.instance) +
                             "; expected one that was made");
      if (!found->second)
        break;
      if (!leads) {
        PLAIT_RETURN_IF_ERROR(found->second->follow(message));
      } else if (message.command == RankCommand::step) {
        PLAIT_RETURN_IF_ERROR(from.reply(found->second->serve(message.payload)));
      } else if (message.command == RankCommand::moveCells) {
        PLAIT_ASSIGN_OR_RETURN(std::vector<CellMove> moves, readMoves(message.payload, found->second->limits()));
        (void)found->second->moveCells(moves); // as of a page to copy, below
      } else if (message.command != RankCommand::copyPage) {
        PLAIT_RETURN_IF_ERROR(from.reply(found->second->serveHandover(message.payload)));
      } else {
        PLAIT_ASSIGN_OR_RETURN(PageCopyMessage copy, PageCopyMessage::read(message.payload));
        // Of a group that has failed the next step tells.
        (void)found->second->copyPage(size_t(copy.table), int32_t(copy.from), int32_t(copy.to));
      }
      break;
    }
  }
}

/// `status` with the name that the rank it begins with has among all ranks.
static Status withWorldName(const Model &model, const Status &status) {
  std::string_view text = status.message();
  if (!text.starts_with("rank "))
    return status;
  size_t end = std::min(text.find_first_not_of("0123456789", 5), text.size());
  // A leader listens to rank 0, others to their leader.
  int64_t first = model.links().empty() ? model.mesh().leaderOf(int64_t(model.replica())) : 0;
  int64_t worldRank = first + std::atoi(status.message().c_str() + 5);
  return Status::error(status.code(), rankName(model.mesh(), int(worldRank)) + std::string(text.substr(end)));
}

Status plait::serveRank(const std::shared_ptr<const Model> &model) {
  Status status = serve(model);
  if (status)
    return status;
  // In each of its groups a rank would seem to have left; the others are to hear why.
  Status why = withWorldName(*model, status);
  if (model->group())
    model->group()->communicator().abandon(why);
  for (const std::shared_ptr<RankGroup> &link : model->links())
    link->communicator().abandon(why);
  if (model->handover())
    model->handover()->communicator().abandon(why);
  return status;
}
