//===- LocalRows.cpp - Sums whose rows are computed on their way ----------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The two-shot all-reduce of LocalCollectives.cpp with an epilogue between its shots. A piece
// is some rows of each rank: their sum is still in the owner's cache when the epilogue reads
// it, and what that makes when it is copied out. `plait-outline-protocols` makes the same protocol
// as IR, which is proved; a phase stands for the counters of all rows of a piece.
//
//===----------------------------------------------------------------------===//

#include "runtime/base/SumSteps.h"
#include "runtime/comm/Copies.h"
#include "runtime/comm/LocalCommunicator.h"
#include "runtime/comm/Reduce.h"

#include <algorithm>

using namespace plait;

Status LocalCommunicator::reduceGather(const RowExchange &rows, const Reduction &how, const RowEpilogue &epilogue,
                                       const char *op) {
  if (how.algorithm == Algorithm::ring) {
    record(CollectiveKind::reduceGather, rows.in.size_bytes());
    PLAIT_RETURN_IF_ERROR(agree(CollectiveKind::reduceGather, rows.in.size_bytes(), op, how.algorithm));
    auto carry = [&](std::span<const Parcel> parcels) { return exchange(parcels, "reduce_gather", op); };
    return reduceGatherAround({me, ranks, carry}, rows, epilogue, scratch);
  }
  size_t n = size_t(ranks), rowBytes = rows.columns * sizeof(float);
  bool isSlow = link.latencySeconds > 0 || link.bytesPerSecond > 0;
  // Of all ranks together. Over a link each piece costs its latency twice.
  size_t most = (isSlow ? staging : std::min(staging, kSumPieceBytes)) / n / rowBytes;
  if (most == 0)
    most = staging / n / rowBytes;
  if (most == 0) // not a row of each rank fits
    return Communicator::reduceGather(rows, how, epilogue, op);
  record(CollectiveKind::reduceGather, rows.in.size_bytes());
  size_t longest = 0;
  for (int rank = 0; rank < ranks; ++rank)
    longest = std::max(longest, rows.rowsOf(rank));
  for (size_t first = 0; first < longest; first += most) {
    // Of each rank, and where its rows of the piece begin in the whole matrix.
    auto count = [&](int rank) { return std::min(most, std::max(rows.rowsOf(rank), first) - first); };
    auto begin = [&](int rank) { return (rows.firstRow[size_t(rank)] + first) * rows.columns; };
    size_t slice = most * rowBytes, own = count(me) * rows.columns, pieceBytes = 0;
    for (int rank = 0; rank < ranks; ++rank) {
      pieceBytes += count(rank) * rowBytes;
      if (rank != me && count(rank))
        copyOut(outbox() + size_t(rank) * slice, rows.in.data() + begin(rank), count(rank) * rowBytes);
    }
    PLAIT_RETURN_IF_ERROR(agree(CollectiveKind::reduceGather, rows.in.size_bytes(), op, how.algorithm));
    holdUp(link, pieceBytes * (n - 1) / n);
    if (own) {
      for (int rank = 0; rank < ranks; ++rank)
        parts[size_t(rank)] =
            rank == me ? rows.in.data() + begin(me) : reinterpret_cast<const float *>(inbox(rank) + size_t(me) * slice);
      reduceParts(rows.sum + first * rows.columns, parts, own, how);
      epilogue(first, first + count(me));
      copyOut(outbox(), rows.part + first * rows.columns, own * sizeof(float));
    }
    PLAIT_RETURN_IF_ERROR(agree(CollectiveKind::reduceGather, rows.in.size_bytes(), op, how.algorithm));
    for (int i = 0; i < ranks; ++i) {
      int rank = (me + i) % ranks;
      if (!count(rank))
        continue;
      const void *from = rank == me ? static_cast<const void *>(rows.part + first * rows.columns) : inbox(rank);
      copyIn(rows.out.data() + begin(rank), from, count(rank) * rowBytes);
    }
    holdUp(link, pieceBytes * (n - 1) / n);
  }
  return Status::success();
}
