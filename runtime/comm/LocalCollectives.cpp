//===- LocalCollectives.cpp - Collectives in shared memory --------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/SumSteps.h"
#include "runtime/comm/Copies.h"
#include "runtime/comm/LocalCommunicator.h"
#include "runtime/comm/Reduce.h"

#include <algorithm>

using namespace plait;

/// target[i] = the ranks' values [offset + i] reduced in their order: its own from `own`,
/// the others' from their buffers.
void LocalCommunicator::reduceInto(float *target, const float *own, size_t offset, size_t count, const Reduction &how) {
  for (int rank = 0; rank < ranks; ++rank)
    parts[size_t(rank)] = (rank == me ? own : reinterpret_cast<const float *>(inbox(rank))) + offset;
  reduceParts(target, parts, count, how);
}

Status LocalCommunicator::allReduce(std::span<float> data, const Reduction &how, const char *op) {
  record(CollectiveKind::allReduce, data.size_bytes());
  Algorithm algorithm = how.algorithm;
  if (algorithm == Algorithm::automatic)
    algorithm = chooseAllReduce(wanted, link, data.size_bytes(), getOneStepBytes(size_t(ranks)), ranks, how);
  if (algorithm == Algorithm::lamport && ranks > 1 && !data.empty())
    return lamport(data, how, op);
  if (algorithm == Algorithm::oneShot || algorithm == Algorithm::lamport)
    return oneShot(data, how, op);
  if (isOfPairs(algorithm)) {
    // A rank that has strayed is found here, and not by waiting for it.
    PLAIT_RETURN_IF_ERROR(agree(CollectiveKind::allReduce, data.size_bytes(), op, how.algorithm));
    auto carry = [&](std::span<const Parcel> parcels) { return exchange(parcels, "all_reduce", op); };
    return allReduceBy(algorithm, {me, ranks, carry}, data, how, scratch);
  }
  // Over a link each piece costs its latency twice.
  bool isSlow = link.latencySeconds > 0 || link.bytesPerSecond > 0;
  size_t piece = (isSlow ? staging : std::min(staging, kSumPieceBytes)) / sizeof(float);
  for (size_t first = 0; first < data.size(); first += piece)
    PLAIT_RETURN_IF_ERROR(
        twoShot(data.subspan(first, std::min(piece, data.size() - first)), data.size_bytes(), how, op));
  return Status::success();
}

/// Everyone reduces everything: one step for each piece that fits into a buffer.
Status LocalCommunicator::oneShot(std::span<float> data, const Reduction &how, const char *op) {
  size_t bytes = data.size_bytes();
  do {
    std::span<float> piece = data.first(std::min(data.size(), staging / sizeof(float)));
    data = data.subspan(piece.size());
    if (!piece.empty() && ranks > 1)
      copyOut(outbox(), piece.data(), piece.size_bytes());
    PLAIT_RETURN_IF_ERROR(agree(CollectiveKind::allReduce, bytes, op, how.algorithm));
    if (ranks == 1 || piece.empty())
      return Status::success();
    reduceInto(piece.data(), piece.data(), 0, piece.size(), how);
    holdUp(link, piece.size_bytes() * size_t(ranks - 1));
  } while (!data.empty());
  return Status::success();
}

/// Everyone reduces its share and then takes the others': two steps, in which a rank
/// reads each number of the others twice at most instead of once per rank. `bytes` are those
/// of the whole call.
Status LocalCommunicator::twoShot(std::span<float> data, size_t bytes, const Reduction &how, const char *op) {
  size_t n = size_t(ranks), count = data.size();
  // Shares are multiples of a cache line.
  size_t share = ((count + n - 1) / n + 15) & ~size_t(15);
  auto begin = [&](int rank) { return std::min(count, share * size_t(rank)); };
  auto size = [&](int rank) { return begin(rank + 1) - begin(rank); };
  // Nobody reads what this rank gives to its own share.
  for (int rank = 0; rank < ranks; ++rank)
    if (rank != me)
      copyOut(outbox() + begin(rank) * sizeof(float), data.data() + begin(rank), size(rank) * sizeof(float));
  PLAIT_RETURN_IF_ERROR(agree(CollectiveKind::allReduce, bytes, op, how.algorithm));
  float *own = data.data() + begin(me);
  reduceInto(own, data.data(), begin(me), size(me), how);
  copyOut(outbox(), own, size(me) * sizeof(float));
  holdUp(link, data.size_bytes() * (n - 1) / n);
  PLAIT_RETURN_IF_ERROR(agree(CollectiveKind::allReduce, bytes, op, how.algorithm));
  for (int i = 1; i < ranks; ++i)
    if (int rank = (me + i) % ranks; size(rank))
      copyIn(data.data() + begin(rank), inbox(rank), size(rank) * sizeof(float));
  holdUp(link, data.size_bytes() * (n - 1) / n);
  return Status::success();
}

Status LocalCommunicator::reduceScatter(std::span<const float> in, std::span<float> out, std::span<const size_t> counts,
                                        const Reduction &how, const char *op) {
  record(CollectiveKind::reduceScatter, in.size_bytes());
  size_t begin = 0, chunk = staging / sizeof(float);
  for (int rank = 0; rank < me; ++rank)
    begin += counts[size_t(rank)];
  for (size_t first = 0; first < in.size(); first += chunk) {
    size_t count = std::min(chunk, in.size() - first);
    copyOut(outbox(), in.data() + first, count * sizeof(float));
    PLAIT_RETURN_IF_ERROR(agree(CollectiveKind::reduceScatter, count * sizeof(float), op));
    // The part of this chunk that is this rank's.
    size_t low = std::max(first, begin), high = std::min(first + count, begin + out.size());
    if (low < high)
      reduceInto(out.data() + (low - begin), in.data() + first, low - first, high - low, how);
    holdUp(link, count * sizeof(float) * size_t(ranks - 1) / size_t(ranks));
  }
  return Status::success();
}

Status LocalCommunicator::allGather(std::span<const uint8_t> in, std::span<uint8_t> out, std::span<const size_t> bytes,
                                    const char *op) {
  record(CollectiveKind::allGather, out.size());
  size_t most = *std::max_element(bytes.begin(), bytes.end());
  for (size_t first = 0; first < most; first += staging) {
    auto part = [&](size_t size) { return size > first ? std::min(staging, size - first) : 0; };
    if (size_t size = part(in.size()))
      copyOut(outbox(), in.data() + first, size);
    PLAIT_RETURN_IF_ERROR(agree(CollectiveKind::allGather, out.size(), op));
    size_t begin = 0;
    for (int rank = 0; rank < ranks; ++rank) {
      if (size_t size = part(bytes[size_t(rank)]))
        copyIn(out.data() + begin + first, inbox(rank), size);
      begin += bytes[size_t(rank)];
    }
    holdUp(link, std::min(staging, most - first) * size_t(ranks - 1));
  }
  return Status::success();
}

Status LocalCommunicator::allToAll(std::span<const uint8_t> in, std::span<uint8_t> out, std::span<const size_t> bytes,
                                   const char *op) {
  record(CollectiveKind::allToAll, in.size());
  // Each pair of ranks has its slice of the staging buffer.
  size_t n = size_t(ranks), slice = staging / n & ~size_t(63), most = *std::max_element(bytes.begin(), bytes.end());
  for (size_t first = 0; first < most; first += slice) {
    auto part = [&](size_t size) { return size > first ? std::min(slice, size - first) : 0; };
    size_t begin = 0;
    for (size_t to = 0; to < n; begin += bytes[size_t(me) * n + to], ++to)
      if (size_t size = part(bytes[size_t(me) * n + to]))
        copyOut(outbox() + to * slice, in.data() + begin + first, size);
    PLAIT_RETURN_IF_ERROR(agree(CollectiveKind::allToAll, most, op));
    begin = 0;
    for (size_t from = 0; from < n; begin += bytes[from * n + size_t(me)], ++from)
      if (size_t size = part(bytes[from * n + size_t(me)]))
        copyIn(out.data() + begin + first, inbox(int(from)) + size_t(me) * slice, size);
    holdUp(link, std::min(slice, most - first) * (n - 1));
  }
  return Status::success();
}

Status LocalCommunicator::broadcast(std::span<uint8_t> data, int root, const char *op) {
  record(CollectiveKind::broadcast, data.size());
  for (size_t first = 0; first < data.size(); first += staging) {
    size_t size = std::min(staging, data.size() - first);
    if (me == root)
      copyOut(outbox(), data.data() + first, size);
    PLAIT_RETURN_IF_ERROR(agree(CollectiveKind::broadcast, size, op));
    if (me != root)
      copyIn(data.data() + first, inbox(root), size);
    holdUp(link, size);
  }
  return Status::success();
}

Status LocalCommunicator::barrier(const char *op) {
  record(CollectiveKind::barrier, 0);
  PLAIT_RETURN_IF_ERROR(agree(CollectiveKind::barrier, 0, op));
  holdUp(link, 0);
  return Status::success();
}
