//===- InstanceHandover.cpp - Pages that go to and from an instance -------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Instance.h"

#include "runtime/core/Ranks.h"

#include <cstring>
#include <exception>

using namespace plait;

Status Instance::beginHandover(const HandoverMessage &message) {
  if (!shared->handover())
    return invalidArgument("handover: found a model without phases; expected one with prefill and decode");
  handover = message;
  return Status::success();
}

Expected<uint64_t> Instance::finishHandover() {
  try {
    std::unique_lock<std::mutex> lock(mutex);
    finishSteps(lock);
    std::unique_lock<std::mutex> order;
    if (group) {
      order = std::unique_lock<std::mutex>(group->order());
      RankCommand command = role() == ReplicaRole::prefill ? RankCommand::sendPages : RankCommand::receivePages;
      PLAIT_RETURN_IF_ERROR(tell(uint32_t(command), handover.serialize()));
    }
    return movePagesOfRank(handover);
  } catch (const std::exception &error) {
    return resourceError(std::string("handover: ") + error.what());
  }
}

Expected<std::vector<uint8_t>> Instance::serveHandover(std::span<const uint8_t> message) {
  PLAIT_ASSIGN_OR_RETURN(HandoverMessage handover, HandoverMessage::read(message, stepLimits));
  PLAIT_RETURN_IF_ERROR(beginHandover(handover));
  PLAIT_ASSIGN_OR_RETURN(uint64_t bytes, finishHandover());
  std::vector<uint8_t> result(sizeof(bytes));
  std::memcpy(result.data(), &bytes, sizeof(bytes));
  return result;
}

Expected<uint64_t> Instance::movePagesOfRank(const HandoverMessage &message) {
  const Model &m = *shared;
  if (!m.handover())
    return internalError("ranks: found pages to hand over in a model without phases");
  std::vector<StatePages> pages;
  for (int32_t i = 0; i < m.tables().state_count; ++i) {
    const plait_state_v3_t &state = m.tables().states[i];
    uint8_t *base = device->statePages(size_t(i));
    if (!base)
      return unsupported("handover: found pages on a GPU; expected a model with phases on CPUs");
    pages.push_back({base, state.page_bytes, stepLimits.tables[size_t(state.table)].capacityPages});
  }
  PLAIT_ASSIGN_OR_RETURN(
      uint64_t bytes, movePages(m.manifest().handover, *m.handover(), m.manifest().mesh(), m.place(), pages, message));
  if (!group)
    return bytes;
  std::vector<uint64_t> all(m.ranks());
  std::vector<size_t> sizes(all.size(), sizeof(uint64_t));
  Status counted = group->communicator().allGather(
      {reinterpret_cast<const uint8_t *>(&bytes), sizeof(bytes)},
      {reinterpret_cast<uint8_t *>(all.data()), all.size() * sizeof(bytes)}, sizes, "bytes of a handover");
  PLAIT_RETURN_IF_ERROR(group->explain(std::move(counted)));
  bytes = 0;
  for (uint64_t part : all)
    bytes += part;
  return bytes;
}
