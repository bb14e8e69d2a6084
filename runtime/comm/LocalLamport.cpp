//===- LocalLamport.cpp - Sums of data that tells that it is there --------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One shot, but what a rank publishes tells by itself that it is there, so that nobody waits for data and for a word
// that says that it has come: a word of two numbers, as complements, is zero until it is. Publishing is a release and
// polling an acquire, so a rank that has all words of another one has all that this one did before
// (`overlap.publish` and `overlap.poll`, docs/overlap.md). As memory is shared, one copy is for all.
//
// There are four slots, used in turn. Who is in epoch e has had the words of all of e - 1, so all others have read
// those of e - 2: it clears that slot, that of e + 2, beside its waiting. Others poll it once they have had the words
// of e + 1, which are published behind that.
//
// Each epoch counts as a point of agreement, for those of other collectives: its signature is the first word, so that
// one that has strayed is found, and `phase` follows the data.
//
//===----------------------------------------------------------------------===//

#include "runtime/comm/LocalCommunicator.h"
#include "runtime/comm/LocalWait.h"
#include "runtime/comm/Reduce.h"

#include <algorithm>
#include <cstring>

using namespace plait;

namespace {

constexpr size_t kMostNumbers = 2 * (SharedRegion::kMarkedWords - 1);

void store(uint64_t &word, uint64_t value) {
  std::atomic_ref<uint64_t>(word).store(value, std::memory_order_release);
  delayHere();
}
uint64_t load(uint64_t &word) { return std::atomic_ref<uint64_t>(word).load(std::memory_order_acquire); }

/// Never zero.
uint64_t wordOf(const RankPlace::Call &call) { return (call.signature * 0x9E3779B97F4A7C15u ^ call.op) | 1; }
/// Of two NaNs with all bits set the first becomes another one.
uint64_t wordOf(const float *numbers, size_t count) {
  uint64_t bits = 0;
  std::memcpy(&bits, numbers, count * sizeof(float));
  return ~bits ? ~bits : 1;
}

} // namespace

void LocalCommunicator::publish(std::span<const float> data, uint32_t next) {
  size_t slot = epoch % SharedRegion::kMarkedSlots;
  uint64_t *words = region.marked(me, slot);
  store(words[0], wordOf(mine().calls[next & 1]));
  for (size_t i = 0; i < data.size(); i += 2)
    store(words[1 + i / 2], wordOf(data.data() + i, std::min<size_t>(2, data.size() - i)));
  published[slot] = 1 + (data.size() + 1) / 2;
  arrive(next);
  slot = (epoch + 2) % SharedRegion::kMarkedSlots;
  words = region.marked(me, slot);
  for (; published[slot]; --published[slot])
    store(words[published[slot] - 1], 0);
}

/// target[i] = what `other` has published.
Status LocalCommunicator::poll(int other, float *target, size_t count, uint32_t next, const char *op) {
  uint64_t *words = region.marked(other, epoch % SharedRegion::kMarkedSlots);
  RankPlace &theirs = region.place(other);
  const RankPlace::Call &call = mine().calls[next & 1];
  size_t got = 0, wanted = 1 + (count + 1) / 2;
  bool isStray = false;
  auto ready = [&] {
    for (; got < wanted; ++got) {
      uint64_t word = load(words[got]);
      if (!word) {
        // Somebody who has come to this point by another way publishes nothing.
        bool isHere = int32_t(theirs.phase.load(std::memory_order_acquire) - next) >= 0;
        isStray = got == 0 && isHere && !load(words[0]);
        return isStray;
      }
      if (got == 0 && word != wordOf(call))
        return isStray = true;
      delayHere();
      uint64_t bits = ~word;
      if (got)
        std::memcpy(target + 2 * (got - 1), &bits, std::min<size_t>(2, count - 2 * (got - 1)) * sizeof(float));
    }
    return true;
  };
  PLAIT_RETURN_IF_ERROR(
      waitFor(theirs.phase, theirs.sleepers, {other, "reached", collectiveName(CollectiveKind::allReduce), op}, ready));
  if (!isStray)
    return Status::success();
  return fail(
      strayError(nameOf(other), theirs.calls[next & 1].signature, theirs.ops[next & 1].data(), call.signature, op),
      nameOf(other));
}

Status LocalCommunicator::lamport(std::span<float> data, const Reduction &how, const char *op) {
  size_t bytes = data.size_bytes();
  while (!data.empty()) {
    std::span<float> piece = data.first(std::min(data.size(), kMostNumbers));
    data = data.subspan(piece.size());
    if (!failure)
      return failure;
    uint32_t next = sign(CollectiveKind::allReduce, bytes, op, how.algorithm);
    publish(piece, next);
    scratch.resize(std::max(scratch.size(), size_t(ranks) * piece.size_bytes()));
    auto *all = reinterpret_cast<float *>(scratch.data()); // aligned for any number
    auto began = std::chrono::steady_clock::now();
    for (int i = 1; i < ranks; ++i) {
      int other = (me + i) % ranks;
      PLAIT_RETURN_IF_ERROR(poll(other, all + size_t(other) * piece.size(), piece.size(), next, op));
    }
    countWait(began);
    for (int rank = 0; rank < ranks; ++rank)
      parts[size_t(rank)] = rank == me ? piece.data() : all + size_t(rank) * piece.size();
    reduceParts(piece.data(), parts, piece.size(), how);
    holdUp(link, piece.size_bytes() * size_t(ranks - 1));
    phase = next;
    ++epoch;
  }
  return Status::success();
}
