//===- Algorithms.cpp - Chain, tree and star --------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/comm/Algorithms.h"

#include "runtime/comm/Reduce.h"
#include "runtime/comm/RingSum.h"

#include <algorithm>
#include <bit>
#include <optional>

using namespace plait;

namespace {

std::span<const uint8_t> bytesOf(const void *data, size_t bytes) { return {static_cast<const uint8_t *>(data), bytes}; }
std::span<uint8_t> bytesOf(void *data, size_t bytes) { return {static_cast<uint8_t *>(data), bytes}; }

template <typename T> T *memoryOf(std::vector<uint8_t> &memory, size_t count) {
  memory.resize(std::max(memory.size(), count * sizeof(T)));
  return reinterpret_cast<T *>(memory.data()); // aligned for any number, as new gives it
}

Status send(const Courier &courier, int to, std::span<const uint8_t> data) {
  Parcel parcel = {to, data, {}, true, false};
  return courier.exchange({&parcel, 1});
}
Status receive(const Courier &courier, int from, std::span<uint8_t> data) {
  Parcel parcel = {from, {}, data, false, true};
  return courier.exchange({&parcel, 1});
}

//===----------------------------------------------------------------------===//
// Chain
//===----------------------------------------------------------------------===//

/// Piece by piece the sum goes from rank 0 to the
/// last, each adding what it has, and then on from there through 0 to all others. A piece
/// is with rank r in step piece + r; many are under way at once.
template <typename T> class Chain {
public:
  Chain(const Courier &courier, std::span<float> data, ReduceKind kind, std::vector<uint8_t> &memory)
      : courier(courier), data(data), kind(kind), me(courier.rank), last(courier.size - 1) {
    // At least what goes at once in any case; few, as each costs a round.
    constexpr size_t kLeast = (size_t(64) << 10) / sizeof(T), kMost = 8;
    length = std::max(kLeast, (data.size() + kMost - 1) / kMost);
    pieces = std::max<int64_t>(1, int64_t((data.size() + length - 1) / length));
    sums = memoryOf<T>(memory, data.size());
  }

  Status run() {
    for (int64_t step = 0; step < pieces + 2 * last - 1; ++step) {
      PLAIT_RETURN_IF_ERROR(reduce(step));
      PLAIT_RETURN_IF_ERROR(spread(step - last));
    }
    return Status::success();
  }

private:
  std::optional<std::pair<size_t, size_t>> rangeOf(int64_t piece) const {
    if (piece < 0 || piece >= pieces)
      return std::nullopt;
    size_t begin = size_t(piece) * length;
    return std::pair(begin, std::min(length, data.size() - begin));
  }

  /// Piece `step - r` goes from rank r to the next one.
  Status reduce(int64_t step) {
    std::vector<Parcel> parcels;
    auto coming = me > 0 ? rangeOf(step - (me - 1)) : std::nullopt;
    if (auto going = me < last ? rangeOf(step - me) : std::nullopt) {
      auto [begin, count] = *going;
      if (me == 0)
        std::copy_n(data.data() + begin, count, sums + begin);
      parcels.push_back({me + 1, bytesOf(sums + begin, count * sizeof(T)), {}, true, false});
    }
    if (coming)
      parcels.push_back(
          {me - 1, {}, bytesOf(static_cast<void *>(sums + coming->first), coming->second * sizeof(T)), false, true});
    PLAIT_RETURN_IF_ERROR(courier.exchange(parcels));
    if (!coming)
      return Status::success();
    auto [begin, count] = *coming;
    for (size_t i = begin; i < begin + count; ++i) {
      T own = T(data[i]);
      sums[i] = kind == ReduceKind::sum ? sums[i] + own : sums[i] > own ? sums[i] : own;
    }
    if (me == last)
      std::copy_n(sums + begin, count, data.data() + begin);
    return Status::success();
  }

  /// Piece `step` goes from the last rank to 0, piece `step - 1` from there to 1, and so on.
  Status spread(int64_t step) {
    int place = me == last ? 0 : me + 1; // in the order in which they get it
    auto going = place < last ? rangeOf(step - place) : std::nullopt;
    auto coming = place > 0 ? rangeOf(step - (place - 1)) : std::nullopt;
    std::vector<Parcel> parcels;
    auto floats = [&](auto range) { return data.data() + range->first; };
    if (going)
      parcels.push_back({(me + 1) % courier.size,
                         bytesOf(static_cast<const void *>(floats(going)), going->second * sizeof(float)),
                         {},
                         true,
                         false});
    if (coming)
      parcels.push_back({(me + last) % courier.size,
                         {},
                         bytesOf(static_cast<void *>(floats(coming)), coming->second * sizeof(float)),
                         false,
                         true});
    return courier.exchange(parcels);
  }

  const Courier &courier;
  const std::span<float> data;
  const ReduceKind kind;
  const int me, last;
  size_t length;
  int64_t pieces;
  T *sums;
};

//===----------------------------------------------------------------------===//
// Tree
//===----------------------------------------------------------------------===//

/// Rank r has those from r up to the next multiple of its lowest bit below it.
int subtreeOf(int rank, int size) {
  int span = rank ? rank & -rank : int(std::bit_ceil(unsigned(size)));
  return std::min(span, size - rank);
}

/// From the root down: each gets the result and gives it to those below it, the largest
/// subtree first.
Status spreadDown(const Courier &courier, std::span<float> data) {
  int me = courier.rank;
  if (me)
    PLAIT_RETURN_IF_ERROR(
        receive(courier, me & (me - 1), bytesOf(static_cast<void *>(data.data()), data.size_bytes())));
  int span = subtreeOf(me, courier.size);
  for (int child = span > 1 ? int(std::bit_floor(unsigned(span - 1))) : 0; child; child /= 2)
    PLAIT_RETURN_IF_ERROR(
        send(courier, me + child, bytesOf(static_cast<const void *>(data.data()), data.size_bytes())));
  return Status::success();
}

/// Sums go up, where the order is that of the tree.
template <typename T> Status sumUp(const Courier &courier, std::span<float> data, std::vector<uint8_t> &memory) {
  int me = courier.rank, span = subtreeOf(me, courier.size);
  size_t count = data.size();
  T *sums = memoryOf<T>(memory, 2 * count), *other = sums + count;
  std::copy_n(data.data(), count, sums);
  for (int child = 1; child < span; child *= 2) {
    PLAIT_RETURN_IF_ERROR(receive(courier, me + child, bytesOf(static_cast<void *>(other), count * sizeof(T))));
    for (size_t i = 0; i < count; ++i)
      sums[i] += other[i];
  }
  if (me)
    return send(courier, me & (me - 1), bytesOf(static_cast<const void *>(sums), count * sizeof(T)));
  std::copy_n(sums, count, data.data());
  return Status::success();
}

/// Everything goes up, where the order is another one; the root adds it up.
Status gatherUp(const Courier &courier, std::span<float> data, const Reduction &how, std::vector<uint8_t> &memory) {
  int me = courier.rank, span = subtreeOf(me, courier.size);
  size_t count = data.size();
  float *all = memoryOf<float>(memory, size_t(span) * count);
  std::copy_n(data.data(), count, all);
  for (int child = 1; child < span; child *= 2)
    PLAIT_RETURN_IF_ERROR(receive(courier, me + child,
                                  bytesOf(static_cast<void *>(all + size_t(child) * count),
                                          size_t(subtreeOf(me + child, courier.size)) * count * sizeof(float))));
  if (me)
    return send(courier, me & (me - 1), bytesOf(static_cast<const void *>(all), size_t(span) * count * sizeof(float)));
  std::vector<const float *> parts;
  for (int rank = 0; rank < courier.size; ++rank)
    parts.push_back(all + size_t(rank) * count);
  reduceParts(data.data(), parts, count, how);
  return Status::success();
}

Status allReduceTree(const Courier &courier, std::span<float> data, const Reduction &how,
                     std::vector<uint8_t> &memory) {
  if (how.kind != ReduceKind::sum || how.order != SumOrder::tree)
    PLAIT_RETURN_IF_ERROR(gatherUp(courier, data, how, memory));
  else
    PLAIT_RETURN_IF_ERROR(how.wide ? sumUp<double>(courier, data, memory) : sumUp<float>(courier, data, memory));
  return spreadDown(courier, data);
}

//===----------------------------------------------------------------------===//
// Star
//===----------------------------------------------------------------------===//

Status allReduceStar(const Courier &courier, std::span<float> data, const Reduction &how,
                     std::vector<uint8_t> &memory) {
  auto own = bytesOf(static_cast<void *>(data.data()), data.size_bytes());
  if (courier.rank) {
    PLAIT_RETURN_IF_ERROR(send(courier, 0, own));
    return receive(courier, 0, own);
  }
  size_t count = data.size();
  float *all = memoryOf<float>(memory, size_t(courier.size) * count);
  std::vector<Parcel> parcels;
  std::vector<const float *> parts = {data.data()};
  for (int rank = 1; rank < courier.size; ++rank) {
    parts.push_back(all + size_t(rank) * count);
    parcels.push_back(
        {rank, {}, bytesOf(static_cast<void *>(all + size_t(rank) * count), data.size_bytes()), false, true});
  }
  PLAIT_RETURN_IF_ERROR(courier.exchange(parcels));
  reduceParts(data.data(), parts, count, how);
  for (Parcel &parcel : parcels)
    parcel = {parcel.peer, own, {}, true, false};
  return courier.exchange(parcels);
}

} // namespace

Status plait::allReduceBy(Algorithm algorithm, const Courier &courier, std::span<float> data, const Reduction &how,
                          std::vector<uint8_t> &memory) {
  if (courier.size == 1 || data.empty())
    return Status::success();
  switch (algorithm) {
  case Algorithm::chain:
    return how.kind == ReduceKind::sum && how.wide ? Chain<double>(courier, data, how.kind, memory).run()
                                                   : Chain<float>(courier, data, how.kind, memory).run();
  case Algorithm::ring:
    return allReduceAround(courier, data, how.columns, memory);
  case Algorithm::star:
    return allReduceStar(courier, data, how, memory);
  default:
    return allReduceTree(courier, data, how, memory);
  }
}
