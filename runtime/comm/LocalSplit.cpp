//===- LocalSplit.cpp - Parts of a group in shared memory -----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Parts have regions of their own behind that of the whole group, in the same memory, so
// that no descriptor has to go from process to process.
//
//===----------------------------------------------------------------------===//

#include "runtime/comm/LocalCommunicator.h"

#include <algorithm>
#include <cstring>

using namespace plait;

namespace {

/// What rank 0 says of the memory that it was to make.
struct Outcome {
  uint32_t code = 0;
  char text[252] = {};
};

uint64_t digestOf(std::span<const std::vector<int>> groups) {
  uint64_t digest = groups.size();
  auto add = [&](uint64_t number) { digest = (digest ^ number) * 0x9FB21C651E98DF25u; };
  for (const std::vector<int> &members : groups) {
    add(members.size());
    for (int member : members)
      add(uint64_t(member));
  }
  return digest >> 16;
}

} // namespace

Expected<std::vector<std::unique_ptr<Communicator>>>
LocalCommunicator::split(std::span<const std::vector<int>> groups) {
  if (parent)
    return unsupported("ranks: found a part of a group; expected the whole one to be split");
  std::vector<RegionHeader> headers;
  std::vector<size_t> offsets;
  size_t next = partsEnd ? partsEnd : SharedRegion::totalBytes(region.header());
  for (const std::vector<int> &members : groups) {
    headers.push_back(region.header());
    headers.back().size = int32_t(members.size());
    offsets.push_back(next);
    next += SharedRegion::totalBytes(headers.back());
  }
  partsEnd = next;
  // Whoever has other groups than the others has strayed.
  PLAIT_RETURN_IF_ERROR(agree(CollectiveKind::barrier, digestOf(groups), "groups"));
  Outcome outcome;
  if (me == 0) {
    Status made;
    for (size_t i = 0; i < groups.size() && made; ++i)
      made = SharedRegion::createAt(region.descriptor(), offsets[i], headers[i]);
    outcome.code = uint32_t(made.code());
    std::snprintf(outcome.text, sizeof(outcome.text), "%s", made.message().c_str());
  }
  PLAIT_RETURN_IF_ERROR(broadcast({reinterpret_cast<uint8_t *>(&outcome), sizeof(outcome)}, 0, "groups"));
  if (outcome.code)
    return Status::error(StatusCode(outcome.code), outcome.text);
  std::vector<std::unique_ptr<Communicator>> parts(groups.size());
  for (size_t i = 0; i < groups.size(); ++i) {
    auto own = std::find(groups[i].begin(), groups[i].end(), me);
    if (own == groups[i].end())
      continue;
    int rank = int(own - groups[i].begin());
    Expected<SharedRegion> mapped = SharedRegion::map(region.descriptor(), offsets[i]);
    Status taken = mapped ? mapped->reserve(rank) : mapped.status();
    if (!taken)
      return fail(taken, me);
    auto place = std::make_shared<const SharedRegion>(mapped.take());
    auto part = std::make_unique<LocalCommunicator>(std::move(place), rank, options, this, groups[i]);
    part->stores = stores;
    part->mine().state.store(kRankJoined, std::memory_order_release);
    parts[i] = std::move(part);
  }
  // All have joined their groups. Whoever has not is lost, and missed here as anywhere.
  PLAIT_RETURN_IF_ERROR(agree(CollectiveKind::barrier, 0, "groups"));
  return parts;
}
