//===- LocalPairs.cpp - Messages between ranks in shared memory -----------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each direction between two ranks has room for a chunk, which one writes and the other
// takes.
//
//===----------------------------------------------------------------------===//

#include "runtime/comm/Copies.h"
#include "runtime/comm/Futex.h"
#include "runtime/comm/LocalCommunicator.h"
#include "runtime/comm/LocalWait.h"

#include <algorithm>

using namespace plait;

namespace {
/// What is left of a parcel.
struct Progress {
  size_t out = 0, in = 0; ///< bytes done
  int64_t arrival = 0;

  bool gives(const Parcel &parcel) const { return parcel.sends && out < parcel.out.size(); }
  bool takes(const Parcel &parcel) const { return parcel.receives && in < parcel.in.size(); }
};

void wake(Channel &channel, std::atomic<uint32_t> &word) {
  delayHere();
  word.store(word.load(std::memory_order_relaxed) + 1, std::memory_order_seq_cst);
  delayHere();
  if (channel.sleepers.load(std::memory_order_seq_cst))
    wakeAll(word);
}
bool isFree(const Channel &channel) {
  return channel.taken.load(std::memory_order_acquire) == channel.sent.load(std::memory_order_relaxed);
}
bool isFull(const Channel &channel) {
  return channel.sent.load(std::memory_order_acquire) != channel.taken.load(std::memory_order_relaxed);
}
} // namespace

Status LocalCommunicator::exchange(std::span<const Parcel> parcels, const char *name, const char *op) {
  std::vector<Progress> progress(parcels.size());
  while (true) {
    bool moved = false;
    const Parcel *going = nullptr, *coming = nullptr;
    for (size_t i = 0; i < parcels.size(); ++i) {
      const Parcel &parcel = parcels[i];
      Progress &done = progress[i];
      if (Channel &channel = region.channel(me, parcel.peer); done.gives(parcel) && isFree(channel)) {
        size_t size = std::min(SharedRegion::kChannelBytes, parcel.out.size() - done.out);
        delayHere();
        channel.bytes = parcel.out.size();
        copyOut(region.channelData(me, parcel.peer), parcel.out.data() + done.out, size);
        channel.arrival = port.give(size);
        wake(channel, channel.sent);
        done.out += size;
        moved = true;
      }
      if (Channel &channel = region.channel(parcel.peer, me); done.takes(parcel) && isFull(channel)) {
        delayHere();
        if (channel.bytes != parcel.in.size())
          return fail(strayMessage(nameOf(parcel.peer), channel.bytes, parcel.in.size(), op), nameOf(parcel.peer));
        size_t size = std::min(SharedRegion::kChannelBytes, parcel.in.size() - done.in);
        copyIn(parcel.in.data() + done.in, region.channelData(parcel.peer, me), size);
        done.arrival = channel.arrival;
        wake(channel, channel.taken);
        done.in += size;
        moved = true;
      }
      delayHere();
      going = done.gives(parcel) ? &parcel : going;
      coming = done.takes(parcel) ? &parcel : coming;
    }
    if (!going && !coming)
      break;
    if (moved)
      continue;
    auto ready = [&] {
      for (size_t i = 0; i < parcels.size(); ++i)
        if ((progress[i].gives(parcels[i]) && isFree(region.channel(me, parcels[i].peer))) ||
            (progress[i].takes(parcels[i]) && isFull(region.channel(parcels[i].peer, me))))
          return true;
      return false;
    };
    bool isPair = std::string_view(name) == collectiveName(CollectiveKind::sendRecv);
    Channel &channel = coming ? region.channel(coming->peer, me) : region.channel(me, going->peer);
    const char *verb = !isPair ? "reached" : coming ? "sent for" : "taken what was sent by";
    PLAIT_RETURN_IF_ERROR(waitFor(coming ? channel.sent : channel.taken, channel.sleepers,
                                  {coming ? coming->peer : going->peer, verb, name, op}, ready));
  }
  for (size_t i = 0; i < parcels.size(); ++i)
    port.take(progress[i].arrival, parcels[i].in.size());
  return Status::success();
}

Status LocalCommunicator::send(std::span<const uint8_t> data, int to, const char *op) {
  record(CollectiveKind::sendRecv, data.size());
  if (!failure)
    return failure;
  Parcel parcel = {to, data, {}, true, false};
  return exchange({&parcel, 1}, collectiveName(CollectiveKind::sendRecv), op);
}

Status LocalCommunicator::recv(std::span<uint8_t> data, int from, const char *op) {
  record(CollectiveKind::sendRecv, data.size());
  if (!failure)
    return failure;
  Parcel parcel = {from, {}, data, false, true};
  return exchange({&parcel, 1}, collectiveName(CollectiveKind::sendRecv), op);
}
