//===- NarrowSum.cpp - Sums that are sent as bf16 -------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/comm/NarrowSum.h"

#include "runtime/base/Bf16.h"
#include "runtime/comm/Reduce.h"

#include <algorithm>
#include <utility>

using namespace plait;

namespace {

/// Up to so many bytes of all ranks it is faster to send everything to everybody than to meet twice.
constexpr size_t kOneShotBytes = size_t(64) << 10;
/// Elements that are widened at once, and stay in a core's cache.
constexpr size_t kPiece = 2048;

void narrow(const float *from, size_t count, uint16_t *to) {
  for (size_t i = 0; i < count; ++i)
    to[i] = roundToBf16(from[i]);
}
void widen(const uint16_t *from, size_t count, float *to) {
  for (size_t i = 0; i < count; ++i)
    to[i] = bf16ToFloat(from[i]);
}

std::span<const uint8_t> bytesOf(const std::vector<uint16_t> &values) {
  return {reinterpret_cast<const uint8_t *>(values.data()), values.size() * sizeof(uint16_t)};
}
std::span<uint8_t> bytesOf(std::vector<uint16_t> &values) {
  return {reinterpret_cast<uint8_t *>(values.data()), values.size() * sizeof(uint16_t)};
}

} // namespace

void NarrowSum::addUp(const uint16_t *rows, size_t count, uint16_t *sum) const {
  size_t ranks = size_t(communicator.size());
  std::vector<float> wide(ranks * kPiece), piece(kPiece);
  std::vector<const float *> parts;
  for (size_t rank = 0; rank < ranks; ++rank)
    parts.push_back(wide.data() + rank * kPiece);
  for (size_t first = 0; first < count; first += kPiece) {
    size_t some = std::min(kPiece, count - first);
    for (size_t rank = 0; rank < ranks; ++rank)
      widen(rows + rank * count + first, some, wide.data() + rank * kPiece);
    reduceParts(piece.data(), parts, some, {ReduceKind::sum, order});
    narrow(piece.data(), some, sum + first);
  }
}

Status NarrowSum::scatter(std::span<const float> in, std::span<const size_t> counts, std::vector<uint16_t> &own,
                          const char *op) {
  size_t ranks = size_t(communicator.size()), me = size_t(communicator.rank()), count = counts[me];
  std::vector<uint16_t> given(in.size()), got(ranks * count);
  narrow(in.data(), in.size(), given.data());
  std::vector<size_t> bytes;
  for (size_t from = 0; from < ranks; ++from)
    for (size_t to = 0; to < ranks; ++to)
      bytes.push_back(counts[to] * sizeof(uint16_t));
  PLAIT_RETURN_IF_ERROR(communicator.allToAll(bytesOf(given), bytesOf(got), bytes, op));
  own.resize(count);
  addUp(got.data(), count, own.data());
  return Status::success();
}

Status NarrowSum::allReduce(std::span<float> data, const char *op) {
  size_t ranks = size_t(communicator.size());
  std::vector<uint16_t> own, all;
  if (ranks * data.size() * sizeof(uint16_t) <= kOneShotBytes) {
    own.resize(data.size());
    narrow(data.data(), data.size(), own.data());
    all.resize(ranks * data.size());
    std::vector<size_t> bytes(ranks, data.size() * sizeof(uint16_t));
    PLAIT_RETURN_IF_ERROR(communicator.allGather(bytesOf(std::as_const(own)), bytesOf(all), bytes, op));
    addUp(all.data(), data.size(), own.data());
    widen(own.data(), data.size(), data.data());
    return Status::success();
  }
  std::vector<size_t> counts, bytes;
  for (size_t rank = 0; rank < ranks; ++rank) {
    counts.push_back(data.size() * (rank + 1) / ranks - data.size() * rank / ranks);
    bytes.push_back(counts.back() * sizeof(uint16_t));
  }
  PLAIT_RETURN_IF_ERROR(scatter(data, counts, own, op));
  all.resize(data.size());
  PLAIT_RETURN_IF_ERROR(communicator.allGather(bytesOf(std::as_const(own)), bytesOf(all), bytes, op));
  widen(all.data(), all.size(), data.data());
  return Status::success();
}

Status NarrowSum::reduceScatter(std::span<const float> in, std::span<float> out, std::span<const size_t> counts,
                                const char *op) {
  std::vector<uint16_t> own;
  PLAIT_RETURN_IF_ERROR(scatter(in, counts, own, op));
  widen(own.data(), own.size(), out.data());
  return Status::success();
}

Status NarrowSum::reduceGather(const RowExchange &rows, const RowEpilogue &epilogue, const char *op) {
  int me = communicator.rank();
  std::vector<size_t> counts, bytes;
  for (int rank = 0; rank < communicator.size(); ++rank) {
    counts.push_back(rows.rowsOf(rank) * rows.columns);
    bytes.push_back(counts.back() * sizeof(float));
  }
  size_t own = counts[size_t(me)];
  PLAIT_RETURN_IF_ERROR(reduceScatter(rows.in, {rows.sum, own}, counts, op));
  if (own)
    epilogue(0, rows.rowsOf(me));
  return communicator.allGather({reinterpret_cast<const uint8_t *>(rows.part), own * sizeof(float)},
                                {reinterpret_cast<uint8_t *>(rows.out.data()), rows.out.size_bytes()}, bytes, op);
}
