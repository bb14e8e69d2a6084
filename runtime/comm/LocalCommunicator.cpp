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

#include "runtime/comm/Futex.h"
#include "runtime/comm/LocalWait.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <thread>

#include <sched.h>
#include <unistd.h>

using namespace plait;

using Clock = std::chrono::steady_clock;

LocalCommunicator::LocalCommunicator(std::shared_ptr<const SharedRegion> mapped, int rank,
                                     const LocalGroupOptions &options, LocalCommunicator *of, std::vector<int> members)
    : shared(std::move(mapped)), region(*shared), me(rank), ranks(region.header().size),
      staging(region.header().stagingBytes), options(options),
      link{region.header().latencySeconds, region.header().bytesPerSecond},
      wanted(Algorithm(region.header().algorithm)), port(link), parts(size_t(ranks)), heart(region.place(rank).beats),
      silences(size_t(ranks)) {
  whole = parent = of;
  labels = std::move(members);
  mine().process.store(int32_t(::getpid()), std::memory_order_relaxed);
  cpu_set_t set;
  bool crowded = ::sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) < (parent ? parent->ranks : ranks);
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
        return lose({other, "reached", "join", "start"},
                    "it has not come within " + std::to_string(options.joinDeadline.count()) + " ms");
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  return tryStores();
}

/// Passes some KiB around with both kinds of stores, and keeps to those that took less.
Status LocalCommunicator::tryStores() {
  constexpr size_t kBytes = 16 << 10;
  constexpr int kRounds = 12;
  if (ranks == 1 || staging < kBytes)
    return Status::success();
  std::vector<uint8_t> memory(kBytes);
  double least[2] = {1e9, 1e9};
  for (int round = 0; round < kRounds; ++round) {
    stores = Stores(round % 2);
    auto start = Clock::now();
    copyOut(outbox(), memory.data(), kBytes);
    PLAIT_RETURN_IF_ERROR(agree(CollectiveKind::barrier, 0, "start"));
    copyIn(memory.data(), inbox((me + 1) % ranks), kBytes);
    double &best = least[round % 2];
    best = std::min(best, std::chrono::duration<double>(Clock::now() - start).count());
  }
  stores = least[1] < least[0] ? Stores::streaming : Stores::common;
  return Status::success();
}

//===----------------------------------------------------------------------===//
// Waiting
//===----------------------------------------------------------------------===//

/// Ends this rank's part in the group, and in that of which this is a part, and says why
/// to the others. `lost` is what the rank is called.
Status LocalCommunicator::fail(Status status, int lost) {
  failure = status;
  culprit = lost;
  RankPlace &place = mine();
  std::snprintf(place.why, sizeof(place.why), "%s", status.message().c_str());
  place.whyCode = uint32_t(status.code());
  place.culprit = lost;
  place.state.store(kRankFailed, std::memory_order_release);
  wakeAll(place.phase);
  if (parent && parent->failure)
    (void)parent->fail(status, lost);
  return status;
}

void LocalCommunicator::abandon(const Status &why) {
  if (failure)
    (void)fail(why, -1);
}

Status LocalCommunicator::lose(Waiting waiting, const std::string &why) {
  waiting.peer = nameOf(waiting.peer);
  return fail(lostError(waiting, why), waiting.peer);
}

/// Why a rank is lost that gives no sign of life; nothing if it is not.
std::string LocalCommunicator::lossOf(const RankPlace &place, Silence &silence) const {
  auto silent =
      silence.lasts(place.beats.load(std::memory_order_relaxed), mine().beats.load(std::memory_order_relaxed));
  if (silent >= options.deadline)
    return silenceText(silent);
  if (silent >= options.stoppedDeadline && isStopped(place.process.load(std::memory_order_relaxed)))
    return silenceText(silent, /*stopped=*/true);
  return "";
}

/// Another rank has failed: for its reason, if it could say one.
Status LocalCommunicator::failAs(int other, const Waiting &waiting) {
  const RankPlace &place = region.place(other);
  std::string why(place.why, strnlen(place.why, sizeof(place.why)));
  if (!why.empty())
    return fail(Status::error(StatusCode(place.whyCode), why), place.culprit);
  return lose({other, waiting.verb, waiting.name, waiting.op}, "it has failed");
}

Status LocalCommunicator::lookAround() {
  for (int other = 0; other < ranks; ++other) {
    RankPlace &place = region.place(other);
    uint32_t state = place.state.load(std::memory_order_acquire);
    if (other == me)
      continue;
    if (state == kRankFailed && place.why[0])
      return Status::error(StatusCode(place.whyCode), std::string(place.why, strnlen(place.why, sizeof(place.why))));
    if (state == kRankFailed)
      return lostError(nameOf(other), "it has failed");
    if (state == kRankLeft)
      return lostError(nameOf(other), "it has left the group");
    if (std::string why = lossOf(place, silences[size_t(other)]); !why.empty())
      return lostError(nameOf(other), why);
  }
  return Status::success();
}

std::vector<double> LocalCommunicator::waited() const {
  std::vector<double> seconds;
  for (int rank = 0; rank < ranks; ++rank)
    seconds.push_back(1e-9 * double(region.place(rank).waited.load(std::memory_order_relaxed)));
  return seconds;
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

/// Returns when all others have come to `next` as well, with the same call.
Status LocalCommunicator::meet(CollectiveKind kind, uint32_t next, const char *op) {
  const RankPlace::Call &call = mine().calls[next & 1];
  for (int i = 1; i < ranks; ++i) {
    int other = (me + i) % ranks;
    RankPlace &theirs = region.place(other);
    PLAIT_RETURN_IF_ERROR(waitFor(theirs.phase, theirs.sleepers, {other, "reached", collectiveName(kind), op},
                                  [&] { return int32_t(theirs.phase.load(std::memory_order_acquire) - next) >= 0; }));
    delayHere();
    const RankPlace::Call &their = theirs.calls[next & 1];
    if (their.signature != call.signature || their.op != call.op)
      return fail(strayError(nameOf(other), their.signature, theirs.ops[next & 1].data(), call.signature, op),
                  nameOf(other));
    delayHere();
  }
  return Status::success();
}

/// Writes down what this rank asks for at the next point of agreement.
uint32_t LocalCommunicator::sign(CollectiveKind kind, uint64_t bytes, const char *op, Algorithm algorithm) {
  uint32_t next = phase + 1;
  RankPlace &place = mine();
  RankPlace::Call &call = place.calls[next & 1];
  auto &text = place.ops[next & 1];
  size_t length = strnlen(op, text.size() - 1);
  delayHere();
  call.signature = signatureOf(kind, bytes, algorithm);
  delayHere();
  call.op = digestOfName(op, length);
  delayHere();
  std::memcpy(text.data(), op, length);
  text[length] = 0;
  delayHere();
  return next;
}

/// Says that this rank has come to a point.
void LocalCommunicator::arrive(uint32_t next) {
  RankPlace &place = mine();
  place.phase.store(next, std::memory_order_seq_cst);
  delayHere();
  if (place.sleepers.load(std::memory_order_seq_cst))
    wakeAll(place.phase);
}

void LocalCommunicator::countWait(Clock::time_point began) {
  (parent ? parent->mine() : mine())
      .waited.fetch_add(uint64_t(std::chrono::nanoseconds(Clock::now() - began).count()), std::memory_order_relaxed);
}

/// A point that all ranks reach: what was written before it is seen after it.
Status LocalCommunicator::agree(CollectiveKind kind, uint64_t bytes, const char *op, Algorithm algorithm) {
  if (!failure)
    return failure;
  uint32_t next = sign(kind, bytes, op, algorithm);
  arrive(next);
  bool isSum = kind == CollectiveKind::allReduce || kind == CollectiveKind::reduceScatter ||
               kind == CollectiveKind::reduceGather;
  auto began = isSum ? Clock::now() : Clock::time_point();
  PLAIT_RETURN_IF_ERROR(meet(kind, next, op));
  if (isSum)
    countWait(began);
  phase = next;
  return Status::success();
}
