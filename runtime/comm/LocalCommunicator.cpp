//===- LocalCommunicator.cpp - Ranks that meet in shared memory ---------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How ranks wait for each other and find out who is lost. LocalCollectives.cpp has
// what they do when they meet.
//
//===----------------------------------------------------------------------===//

#include "runtime/comm/LocalCommunicator.h"

#include "runtime/comm/Copies.h"
#include "runtime/comm/Futex.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <thread>

#include <sched.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

using namespace plait;

using Clock = std::chrono::steady_clock;

static void pauseCpu() {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

LocalCommunicator::LocalCommunicator(std::shared_ptr<const SharedRegion> mapped, int rank,
                                     const LocalGroupOptions &options)
    : shared(std::move(mapped)), region(*shared), me(rank), ranks(region.header().size),
      staging(region.header().stagingBytes), options(options), parts(size_t(ranks)), heart(region.place(rank).beats) {
  cpu_set_t set;
  bool crowded = ::sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) < ranks;
  // With more ranks than CPUs a spinning rank holds up the one it waits for.
  spins = crowded ? 16 : 20000;
}

LocalCommunicator::~LocalCommunicator() {
  mine().state.store(failure ? kRankLeft : kRankFailed, std::memory_order_release);
  wakeAll(mine().phase);
}

Status LocalCommunicator::joinAll() {
  mine().state.store(kRankJoined, std::memory_order_release);
  auto deadline = Clock::now() + options.joinDeadline;
  for (int other = 0; other < ranks; ++other)
    while (region.place(other).state.load(std::memory_order_acquire) == kRankAbsent) {
      if (options.whileJoining)
        PLAIT_RETURN_IF_ERROR(options.whileJoining());
      if (Clock::now() > deadline)
        return fail(lostError({other, "reached", "join", "start"},
                              "it has not come within " + std::to_string(options.joinDeadline.count()) + " ms"),
                    other);
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  return Status::success();
}

//===----------------------------------------------------------------------===//
// Waiting
//===----------------------------------------------------------------------===//

/// Ends this rank's part in the group, and says why to the others.
Status LocalCommunicator::fail(Status status, int lost) {
  failure = status;
  culprit = lost;
  RankPlace &place = mine();
  std::snprintf(place.why, sizeof(place.why), "%s", status.message().c_str());
  place.whyCode = uint32_t(status.code());
  place.culprit = lost;
  place.state.store(kRankFailed, std::memory_order_release);
  wakeAll(place.phase);
  return status;
}

/// Another rank has failed: for its reason, if it could say one.
Status LocalCommunicator::failAs(int other, const Waiting &waiting) {
  const RankPlace &place = region.place(other);
  std::string why(place.why, strnlen(place.why, sizeof(place.why)));
  if (!why.empty())
    return fail(Status::error(StatusCode(place.whyCode), why), place.culprit);
  return fail(lostError({other, waiting.verb, waiting.name, waiting.op}, "it has failed"), other);
}

/// Returns when `ready()`; `word` changes when it may have become so.
template <typename Ready>
Status LocalCommunicator::waitFor(std::atomic<uint32_t> &word, std::atomic<uint32_t> &sleepers, const Waiting &waiting,
                                  Ready ready) {
  for (unsigned i = 0; i < spins; ++i) {
    if (ready())
      return Status::success();
    pauseCpu();
  }
  const RankPlace &place = region.place(waiting.peer);
  uint32_t beats = place.beats.load(std::memory_order_relaxed), own = mine().beats.load(std::memory_order_relaxed);
  while (!ready()) {
    uint32_t old = word.load(std::memory_order_seq_cst);
    sleepers.fetch_add(1, std::memory_order_seq_cst);
    if (!ready())
      sleepOn(word, old);
    sleepers.fetch_sub(1, std::memory_order_relaxed);
    if (ready())
      break;
    // Whoever has failed, this group is of no further use.
    for (int other = 0; other < ranks; ++other)
      if (other != me && region.place(other).state.load(std::memory_order_acquire) == kRankFailed && !ready())
        return failAs(other, waiting);
    if (place.state.load(std::memory_order_acquire) == kRankLeft) {
      if (ready()) // it left after it had done its part
        break;
      return fail(lostError(waiting, "it has left the group"), waiting.peer);
    }
    // Silence is counted in own beats, so a machine that stands still blames nobody.
    if (uint32_t now = place.beats.load(std::memory_order_relaxed); now != beats) {
      beats = now;
      own = mine().beats.load(std::memory_order_relaxed);
    } else if (uint32_t silent = mine().beats.load(std::memory_order_relaxed) - own;
               silent * Heart::kBeat >= options.deadline) {
      return fail(lostError(waiting, silenceText(silent * Heart::kBeat)), waiting.peer);
    }
  }
  return Status::success();
}

/// Names are compared by this; it reads eight bytes at a time.
static uint64_t digestOfName(const char *text, size_t length) {
  uint64_t digest = length * 0x9E3779B97F4A7C15u;
  for (size_t at = 0; at < length; at += 8) {
    uint64_t word = 0;
    std::memcpy(&word, text + at, std::min<size_t>(8, length - at));
    digest = (digest ^ word) * 0x9FB21C651E98DF25u;
    digest ^= digest >> 32;
  }
  return digest;
}

/// A point that all ranks reach: what was written before it is seen after it.
Status LocalCommunicator::agree(CollectiveKind kind, uint64_t bytes, const char *op) {
  const char *name = collectiveName(kind);
  if (!failure)
    return failure;
  uint32_t next = phase + 1;
  RankPlace &place = mine();
  RankPlace::Call &call = place.calls[next & 1];
  auto &text = place.ops[next & 1];
  size_t length = strnlen(op, text.size() - 1);
  call.signature = signatureOf(kind, bytes);
  call.op = digestOfName(op, length);
  std::memcpy(text.data(), op, length);
  text[length] = 0;
  place.phase.store(next, std::memory_order_seq_cst);
  if (place.sleepers.load(std::memory_order_seq_cst))
    wakeAll(place.phase);
  for (int i = 1; i < ranks; ++i) {
    int other = (me + i) % ranks;
    RankPlace &theirs = region.place(other);
    PLAIT_RETURN_IF_ERROR(waitFor(theirs.phase, theirs.sleepers, {other, "reached", name, op},
                                  [&] { return int32_t(theirs.phase.load(std::memory_order_acquire) - next) >= 0; }));
    const RankPlace::Call &their = theirs.calls[next & 1];
    if (their.signature != call.signature || their.op != call.op)
      return fail(strayError(other, their.signature, theirs.ops[next & 1].data(), call.signature, op), other);
  }
  phase = next;
  return Status::success();
}

//===----------------------------------------------------------------------===//
// Between two ranks
//===----------------------------------------------------------------------===//

Status LocalCommunicator::send(std::span<const uint8_t> data, int to, const char *op) {
  record(CollectiveKind::sendRecv, data.size());
  if (!failure)
    return failure;
  Channel &channel = region.channel(me, to);
  for (size_t first = 0; first < data.size(); first += SharedRegion::kChannelBytes) {
    uint32_t sent = channel.sent.load(std::memory_order_relaxed);
    PLAIT_RETURN_IF_ERROR(waitFor(channel.taken, channel.sleepers, {to, "taken what was sent by", "send_recv", op},
                                  [&] { return channel.taken.load(std::memory_order_acquire) == sent; }));
    size_t size = std::min(SharedRegion::kChannelBytes, data.size() - first);
    channel.bytes = data.size();
    copyOut(region.channelData(me, to), data.data() + first, size);
    holdUp(options.link, size);
    channel.sent.store(sent + 1, std::memory_order_seq_cst);
    if (channel.sleepers.load(std::memory_order_seq_cst))
      wakeAll(channel.sent);
  }
  return Status::success();
}

Status LocalCommunicator::recv(std::span<uint8_t> data, int from, const char *op) {
  record(CollectiveKind::sendRecv, data.size());
  if (!failure)
    return failure;
  Channel &channel = region.channel(from, me);
  for (size_t first = 0; first < data.size(); first += SharedRegion::kChannelBytes) {
    uint32_t taken = channel.taken.load(std::memory_order_relaxed);
    PLAIT_RETURN_IF_ERROR(waitFor(channel.sent, channel.sleepers, {from, "sent for", "send_recv", op},
                                  [&] { return channel.sent.load(std::memory_order_acquire) != taken; }));
    if (channel.bytes != data.size())
      return fail(strayMessage(from, channel.bytes, data.size(), op), from);
    copyIn(data.data() + first, region.channelData(from, me),
           std::min(SharedRegion::kChannelBytes, data.size() - first));
    channel.taken.store(taken + 1, std::memory_order_seq_cst);
    if (channel.sleepers.load(std::memory_order_seq_cst))
      wakeAll(channel.taken);
  }
  return Status::success();
}
