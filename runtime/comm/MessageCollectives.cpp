//===- MessageCollectives.cpp - Collectives of messages -------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/SumSteps.h"
#include "runtime/comm/MessageState.h"
#include "runtime/comm/Reduce.h"

#include <algorithm>
#include <numeric>

using namespace plait;

namespace {

std::span<const uint8_t> bytesOf(std::span<const float> values) {
  return {reinterpret_cast<const uint8_t *>(values.data()), values.size_bytes()};
}
std::span<uint8_t> bytesOf(std::span<float> values) {
  return {reinterpret_cast<uint8_t *>(values.data()), values.size_bytes()};
}

/// Where each part begins, and where the last ends.
std::vector<size_t> beginsOf(std::span<const size_t> counts) {
  std::vector<size_t> begins(counts.size() + 1, 0);
  std::partial_sum(counts.begin(), counts.end(), begins.begin() + 1);
  return begins;
}

} // namespace

/// One parcel, still empty, from and to each other rank, nearest first.
std::vector<Parcel> MessageCommunicator::words() const {
  std::vector<Parcel> parcels;
  for (int i = 1; i < size(); ++i)
    parcels.push_back({(me + i) % size()});
  return parcels;
}

Status MessageCommunicator::allReduce(std::span<float> data, const Reduction &how, const char *op) {
  record(CollectiveKind::allReduce, data.size_bytes());
  size_t ranks = members.size(), count = data.size();
  uint64_t signature = signatureOf(CollectiveKind::allReduce, data.size_bytes(), how.algorithm);
  Algorithm algorithm = how.algorithm;
  if (algorithm == Algorithm::automatic)
    algorithm = chooseAllReduce(wanted, {}, data.size_bytes(), kOneStepMessageBytes, size(), how);
  if (isOfPairs(algorithm) && !data.empty()) {
    auto carry = [&](std::span<const Parcel> parcels) { return exchange(signature, op, parcels); };
    return allReduceBy(algorithm, {me, size(), carry}, data, how, partial);
  }
  // A message tells by itself that it is there.
  bool oneShot = algorithm == Algorithm::oneShot || algorithm == Algorithm::lamport || data.empty();
  std::vector<size_t> begins(ranks + 1, 0);
  for (size_t rank = 1; rank <= ranks; ++rank)
    begins[rank] = std::min(count, (count + ranks - 1) / ranks * rank);
  auto share = [&](int rank) {
    return oneShot ? data : data.subspan(begins[size_t(rank)], begins[size_t(rank) + 1] - begins[size_t(rank)]);
  };
  size_t own = share(me).size();
  scratch.resize(own * ranks);
  std::vector<Parcel> parcels = words();
  std::vector<const float *> parts(ranks, share(me).data());
  for (Parcel &parcel : parcels) {
    std::span<float> part(scratch.data() + size_t(parcel.peer) * own, own);
    parts[size_t(parcel.peer)] = part.data();
    parcel.out = bytesOf(std::span<const float>(share(parcel.peer)));
    parcel.in = bytesOf(part);
  }
  PLAIT_RETURN_IF_ERROR(exchange(signature, op, parcels));
  reduceParts(share(me).data(), parts, own, how);
  if (oneShot)
    return Status::success();
  for (Parcel &parcel : parcels) {
    parcel.out = bytesOf(std::span<const float>(share(me)));
    parcel.in = bytesOf(share(parcel.peer));
  }
  return exchange(signature, op, parcels);
}

Status MessageCommunicator::reduceGather(const RowExchange &rows, const Reduction &how, const RowEpilogue &epilogue,
                                         const char *op) {
  if (how.algorithm != Algorithm::ring)
    return Communicator::reduceGather(rows, how, epilogue, op);
  record(CollectiveKind::reduceGather, rows.in.size_bytes());
  uint64_t signature = signatureOf(CollectiveKind::reduceGather, rows.in.size_bytes(), how.algorithm);
  auto carry = [&](std::span<const Parcel> parcels) { return exchange(signature, op, parcels); };
  return reduceGatherAround({me, size(), carry}, rows, epilogue, partial);
}

Status MessageCommunicator::reduceScatter(std::span<const float> in, std::span<float> out,
                                          std::span<const size_t> counts, const Reduction &how, const char *op) {
  record(CollectiveKind::reduceScatter, in.size_bytes());
  std::vector<size_t> begins = beginsOf(counts);
  scratch.resize(out.size() * members.size());
  std::vector<const float *> parts(members.size(), in.data() + begins[size_t(me)]);
  std::vector<Parcel> parcels = words();
  for (Parcel &parcel : parcels) {
    std::span<float> part(scratch.data() + size_t(parcel.peer) * out.size(), out.size());
    parts[size_t(parcel.peer)] = part.data();
    parcel.out = bytesOf(in.subspan(begins[size_t(parcel.peer)], counts[size_t(parcel.peer)]));
    parcel.in = bytesOf(part);
  }
  PLAIT_RETURN_IF_ERROR(exchange(signatureOf(CollectiveKind::reduceScatter, in.size_bytes()), op, parcels));
  reduceParts(out.data(), parts, out.size(), how);
  return Status::success();
}

Status MessageCommunicator::allGather(std::span<const uint8_t> in, std::span<uint8_t> out,
                                      std::span<const size_t> bytes, const char *op) {
  record(CollectiveKind::allGather, out.size());
  std::vector<size_t> begins = beginsOf(bytes);
  std::copy(in.begin(), in.end(), out.begin() + ptrdiff_t(begins[size_t(me)]));
  std::vector<Parcel> parcels = words();
  for (Parcel &parcel : parcels) {
    parcel.out = in;
    parcel.in = out.subspan(begins[size_t(parcel.peer)], bytes[size_t(parcel.peer)]);
  }
  return exchange(signatureOf(CollectiveKind::allGather, out.size()), op, parcels);
}

Status MessageCommunicator::allToAll(std::span<const uint8_t> in, std::span<uint8_t> out, std::span<const size_t> bytes,
                                     const char *op) {
  record(CollectiveKind::allToAll, in.size());
  size_t n = members.size(), largest = *std::max_element(bytes.begin(), bytes.end());
  std::vector<size_t> coming(n);
  for (size_t from = 0; from < n; ++from)
    coming[from] = bytes[from * n + size_t(me)];
  std::vector<size_t> outBegins = beginsOf(bytes.subspan(size_t(me) * n, n)), inBegins = beginsOf(coming);
  auto gives = [&](int to) { return in.subspan(outBegins[size_t(to)], bytes[size_t(me) * n + size_t(to)]); };
  auto gets = [&](int from) { return out.subspan(inBegins[size_t(from)], coming[size_t(from)]); };
  std::ranges::copy(gives(me), gets(me).begin());
  std::vector<Parcel> parcels = words();
  for (Parcel &parcel : parcels) {
    parcel.out = gives(parcel.peer);
    parcel.in = gets(parcel.peer);
  }
  return exchange(signatureOf(CollectiveKind::allToAll, largest), op, parcels);
}

Status MessageCommunicator::broadcast(std::span<uint8_t> data, int root, const char *op) {
  record(CollectiveKind::broadcast, data.size());
  if (data.empty())
    return Status::success();
  std::vector<Parcel> parcels;
  if (me == root) {
    parcels = words();
    for (Parcel &parcel : parcels) {
      parcel.out = data;
      parcel.receives = false;
    }
  } else {
    parcels.push_back({root, {}, data, /*sends=*/false});
  }
  return exchange(signatureOf(CollectiveKind::broadcast, data.size()), op, parcels);
}

Status MessageCommunicator::barrier(const char *op) {
  record(CollectiveKind::barrier, 0);
  return exchange(signatureOf(CollectiveKind::barrier, 0), op, words());
}
