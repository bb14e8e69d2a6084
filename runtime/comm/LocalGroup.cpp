//===- LocalGroup.cpp - Ranks of one machine over shared memory ---------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/comm/LocalGroup.h"

#include "runtime/comm/Faults.h"
#include "runtime/comm/Futex.h"
#include "runtime/comm/LocalCommunicator.h"

#include <cstdio>

using namespace plait;

static Status checkSize(int size) {
  if (size >= 1 && size <= kMaxLocalRanks)
    return Status::success();
  return invalidArgument("ranks: found " + std::to_string(size) + "; expected 1 to " + std::to_string(kMaxLocalRanks) +
                         " on one machine");
}

static RegionHeader headerOf(const LocalGroupOptions &options) {
  RegionHeader header;
  header.size = options.size;
  header.stagingBytes = (options.stagingBytes + 4095) & ~size_t(4095);
  header.algorithm = int32_t(options.algorithm);
  header.latencySeconds = options.link.latencySeconds;
  header.bytesPerSecond = options.link.bytesPerSecond;
  std::snprintf(header.identity.data(), header.identity.size(), "%s", options.identity.c_str());
  return header;
}

Expected<int> LocalGroup::create(const LocalGroupOptions &options) {
  PLAIT_RETURN_IF_ERROR(checkSize(options.size));
  PLAIT_ASSIGN_OR_RETURN(Algorithm wanted, algorithmOfEnvironment());
  RegionHeader header = headerOf(options);
  if (wanted != Algorithm::automatic)
    header.algorithm = int32_t(wanted);
  return SharedRegion::create(header);
}

size_t LocalGroup::sharedBytes(const LocalGroupOptions &options) { return SharedRegion::totalBytes(headerOf(options)); }

Expected<std::unique_ptr<Communicator>> LocalGroup::join(int fd, int rank, const LocalGroupOptions &options) {
  PLAIT_ASSIGN_OR_RETURN(SharedRegion region, SharedRegion::map(fd));
  return join(std::make_shared<const SharedRegion>(std::move(region)), rank, options);
}

Expected<std::unique_ptr<Communicator>> LocalGroup::join(std::shared_ptr<const SharedRegion> region, int rank,
                                                         const LocalGroupOptions &options) {
  PLAIT_RETURN_IF_ERROR(checkSize(options.size));
  RegionHeader wanted = headerOf(options);
  const RegionHeader &found = region->header();
  std::string who = "rank " + std::to_string(rank) + ": ";
  if (rank < 0 || rank >= found.size || found.size != wanted.size)
    return invalidArgument(who + "found a group of " + std::to_string(found.size) + " ranks; expected " +
                           std::to_string(wanted.size));
  if (found.identity != wanted.identity)
    return identityError(rank, wanted.identity.data(), found.identity.data());
  if (region->place(rank).state.load() != kRankAbsent)
    return invalidArgument(who + "has joined before; give every rank a number of its own");
  PLAIT_RETURN_IF_ERROR(region->reserve(rank));
  try {
    auto communicator = std::make_unique<LocalCommunicator>(std::move(region), rank, options);
    PLAIT_RETURN_IF_ERROR(communicator->joinAll());
    return std::unique_ptr<Communicator>(std::move(communicator));
  } catch (const std::exception &error) {
    return resourceError(who + "cannot start its heartbeat: " + error.what());
  }
}

void LocalGroup::markLost(int fd, int rank) {
  Expected<SharedRegion> region = SharedRegion::map(fd);
  if (!region || rank < 0 || rank >= region->header().size)
    return;
  RankPlace &place = region->place(rank);
  // One that has left in order is not lost.
  for (uint32_t state : {kRankAbsent, kRankJoined})
    place.state.compare_exchange_strong(state, kRankFailed);
  wakeAll(place.phase);
}
