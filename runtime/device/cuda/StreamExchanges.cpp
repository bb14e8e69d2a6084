//===- StreamExchanges.cpp - What ranks exchange from GPU to GPU ----------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/device/cuda/StreamExchanges.h"

#include "runtime/device/cpu/CollectiveMatrix.h"

#include <chrono>
#include <thread>

using namespace plait;
using namespace plait::cuda;

using Clock = std::chrono::steady_clock;

/// For how long what is on its way may still come once a rank is known to be lost: it may have left after
/// it had done its part.
static constexpr std::chrono::milliseconds kGrace{500};
/// How often the host asks who is lost while it waits for its GPU.
static constexpr std::chrono::milliseconds kLook{2};

static constexpr uint64_t kElement = sizeof(float);

bool StreamExchanges::moves(const plait_collective_v4_t &c) {
  switch (c.kind) {
  case PLAIT_COLLECTIVE_ALL_GATHER:
  case PLAIT_COLLECTIVE_PART:
  case PLAIT_COLLECTIVE_ALL_TO_ALL:
  case PLAIT_COLLECTIVE_BROADCAST:
  case PLAIT_COLLECTIVE_SEND:
  case PLAIT_COLLECTIVE_RECV:
    return true;
  default:
    return false;
  }
}

uint64_t StreamExchanges::stagingBytes(const plait_collective_v4_t &c, int64_t rows) {
  bool byColumns = c.kind == PLAIT_COLLECTIVE_ALL_TO_ALL || (c.kind == PLAIT_COLLECTIVE_ALL_GATHER && c.dim == 1);
  return byColumns ? uint64_t(rows) * uint64_t(c.columns) * kElement : 0;
}

static CollectiveKind kindOf(const plait_collective_v4_t &c) {
  switch (c.kind) {
  case PLAIT_COLLECTIVE_ALL_GATHER:
    return CollectiveKind::allGather;
  case PLAIT_COLLECTIVE_ALL_TO_ALL:
    return CollectiveKind::allToAll;
  case PLAIT_COLLECTIVE_BROADCAST:
    return CollectiveKind::broadcast;
  default:
    return CollectiveKind::sendRecv;
  }
}

std::string StreamExchanges::kindName(const plait_collective_v4_t &c) { return collectiveName(kindOf(c)); }

Status StreamExchanges::run(const plait_collective_v4_t &c, const StepDims &dims, bool hasParts, Address source,
                            Address target, Address staging, Stream stream, const std::string &op) {
  CollectiveMatrix matrix = {c, size_t(dims[size_t(c.rows)]), size_t(c.columns), placeIn(model, c.group)};
  if (matrix.rows == 0)
    return Status::success();
  bool isLocal = c.kind == PLAIT_COLLECTIVE_PART || (!hasParts && c.kind == PLAIT_COLLECTIVE_ALL_GATHER && c.dim == 0);
  if (!isLocal) {
    Communicator *counts = c.group < 0 ? communicators.all : communicators.groups[size_t(c.group)];
    counts->record(kindOf(c), matrix.rows * matrix.columns * kElement);
  }
  Status status = move(matrix, hasParts, source, target, staging, stream, op);
  if (!status)
    fail(status);
  return status;
}

Status StreamExchanges::move(const CollectiveMatrix &matrix, bool hasParts, Address source, Address target,
                             Address staging, Stream stream, const std::string &op) {
  const plait_collective_v4_t &c = matrix.c;
  // Of parts of rows where each rank has all rows (plait_collective_v4_t).
  bool hasAllRows = !hasParts && matrix.hasRowParts();
  switch (c.kind) {
  case PLAIT_COLLECTIVE_ALL_GATHER:
  case PLAIT_COLLECTIVE_PART:
    if (hasAllRows)
      return copy(target, source, matrix.rows * matrix.columns * kElement, stream, op);
    return c.kind == PLAIT_COLLECTIVE_PART ? takePart(matrix, c.dim, source, target, stream, op)
                                           : gather(matrix, c.dim, source, target, staging, stream, op);
  case PLAIT_COLLECTIVE_ALL_TO_ALL:
    if (hasAllRows)
      return c.dim == 0 ? gather(matrix, 1, source, target, staging, stream, op)
                        : takePart(matrix, 1, source, target, stream, op);
    return swapParts(matrix, source, target, staging, stream, op);
  default:
    return sendWhole(matrix, source, stream, op);
  }
}

Status StreamExchanges::copy(Address to, Address from, uint64_t bytes, Stream stream, const std::string &op) const {
  if (!bytes || to == from)
    return Status::success();
  const Driver &cuda = gpu->driver();
  return cuda.check(cuda->copyOnDevice(to, from, bytes, stream), "cuMemcpyDtoDAsync", op.c_str());
}

/// Between a matrix of all columns and the ranks' parts of them, one part after another.
Status StreamExchanges::copyColumns(const CollectiveMatrix &matrix, uint64_t rows, Address cells, Address parts,
                                    bool toParts, Stream stream, const std::string &op) const {
  const Driver &cuda = gpu->driver();
  for (size_t rank = 0; rank < matrix.ranks() && rows; ++rank) {
    uint64_t first = matrix.firstColumn(rank) * kElement, width = matrix.firstColumn(rank + 1) * kElement - first;
    if (!width)
      continue;
    Copy2D piece;
    piece.width = width;
    piece.height = size_t(rows);
    piece.from = toParts ? cells + first : parts;
    piece.to = toParts ? parts : cells + first;
    piece.fromPitch = toParts ? matrix.columns * kElement : width;
    piece.toPitch = toParts ? width : matrix.columns * kElement;
    PLAIT_RETURN_IF_ERROR(cuda.check(cuda->copyRows(&piece, stream), "cuMemcpy2DAsync", op.c_str()));
    parts += width * rows;
  }
  return Status::success();
}

Status StreamExchanges::gather(const CollectiveMatrix &matrix, int dim, Address source, Address target, Address staging,
                               Stream stream, const std::string &op) {
  // Parts lie one after another as NCCL sees them: those of rows do in the matrix, those of columns where it
  // is one row.
  bool byColumns = dim == 1 && matrix.rows > 1, isEven = true;
  Address parts = byColumns ? staging : target;
  size_t ranks = matrix.ranks(), me = size_t(matrix.place.index);
  std::vector<uint64_t> bytes;
  for (size_t rank = 0; rank < ranks; ++rank) {
    bytes.push_back(matrix.partSize(rank, dim) * kElement);
    isEven &= bytes[rank] == bytes[0];
  }
  if (isEven) {
    if (bytes[0])
      PLAIT_RETURN_IF_ERROR(groupOf(matrix.c.group).allGather(source, parts, bytes[0], stream, op));
  } else {
    std::vector<GpuMessage> sends, receives;
    Address next = parts;
    for (size_t rank = 0; rank < ranks; next += bytes[rank], ++rank) {
      if (rank == me) {
        PLAIT_RETURN_IF_ERROR(copy(next, source, bytes[me], stream, op));
        continue;
      }
      if (bytes[me])
        sends.push_back({source, bytes[me], int(rank)});
      if (bytes[rank])
        receives.push_back({next, bytes[rank], int(rank)});
    }
    PLAIT_RETURN_IF_ERROR(groupOf(matrix.c.group).exchange(sends, receives, stream, op));
  }
  return byColumns ? copyColumns(matrix, matrix.rows, target, parts, /*toParts=*/false, stream, op) : Status::success();
}

Status StreamExchanges::takePart(const CollectiveMatrix &matrix, int dim, Address source, Address target, Stream stream,
                                 const std::string &op) {
  size_t me = size_t(matrix.place.index);
  if (dim == 0)
    return copy(target, source + matrix.firstRow(me) * matrix.columns * kElement, matrix.partSize(me, 0) * kElement,
                stream, op);
  Copy2D part;
  part.from = source + matrix.firstColumn(me) * kElement;
  part.to = target;
  part.fromPitch = matrix.columns * kElement;
  part.width = part.toPitch = (matrix.firstColumn(me + 1) - matrix.firstColumn(me)) * kElement;
  part.height = matrix.rows;
  const Driver &cuda = gpu->driver();
  return part.width ? cuda.check(cuda->copyRows(&part, stream), "cuMemcpy2DAsync", op.c_str()) : Status::success();
}

/// Each pair of ranks exchanges the rows of one that are in the columns of the other.
Status StreamExchanges::swapParts(const CollectiveMatrix &matrix, Address source, Address target, Address staging,
                                  Stream stream, const std::string &op) {
  bool toColumns = matrix.c.dim == 1;
  size_t ranks = matrix.ranks(), me = size_t(matrix.place.index);
  uint64_t ownRows = matrix.firstRow(me + 1) - matrix.firstRow(me);
  // A part of columns is, rank by rank, the rows of each; a part of rows has the columns of each side by side.
  Address from = toColumns ? staging : source, to = toColumns ? target : staging;
  if (toColumns)
    PLAIT_RETURN_IF_ERROR(copyColumns(matrix, ownRows, source, staging, /*toParts=*/true, stream, op));
  std::vector<GpuMessage> sends, receives;
  for (size_t rank = 0; rank < ranks; ++rank) {
    uint64_t sent = (toColumns ? matrix.blockSize(me, rank) : matrix.blockSize(rank, me)) * kElement;
    uint64_t received = (toColumns ? matrix.blockSize(rank, me) : matrix.blockSize(me, rank)) * kElement;
    if (rank == me)
      PLAIT_RETURN_IF_ERROR(copy(to, from, sent, stream, op));
    else if (sent)
      sends.push_back({from, sent, int(rank)});
    if (rank != me && received)
      receives.push_back({to, received, int(rank)});
    from += sent;
    to += received;
  }
  PLAIT_RETURN_IF_ERROR(groupOf(matrix.c.group).exchange(sends, receives, stream, op));
  return toColumns ? Status::success() : copyColumns(matrix, ownRows, target, staging, /*toParts=*/false, stream, op);
}

/// A broadcast, or one of the two of a pair.
Status StreamExchanges::sendWhole(const CollectiveMatrix &matrix, Address data, Stream stream, const std::string &op) {
  uint64_t bytes = matrix.rows * matrix.columns * kElement;
  int me = matrix.place.index, other = matrix.c.other;
  std::vector<GpuMessage> sends, receives;
  if (matrix.c.kind == PLAIT_COLLECTIVE_SEND) {
    sends.push_back({data, bytes, other});
  } else if (matrix.c.kind == PLAIT_COLLECTIVE_RECV || me != other) {
    receives.push_back({data, bytes, other});
  } else {
    for (int rank = 0; rank < matrix.place.size; ++rank)
      if (rank != me)
        sends.push_back({data, bytes, rank});
  }
  return groupOf(matrix.c.group).exchange(sends, receives, stream, op);
}

Status StreamExchanges::meet(const std::string &step) {
  Status met = communicators.all->barrier(step.c_str());
  if (!met)
    fail(met);
  return met;
}

Status StreamExchanges::wait(Stream stream, const std::string &what) {
  const Driver &cuda = gpu->driver();
  auto looked = Clock::now(), lostSince = Clock::time_point();
  while (true) {
    Result result = cuda->streamQuery(stream);
    if (result == kSuccess)
      return Status::success();
    if (result != kNotReady) {
      Status failed = cuda.error(result, "cuStreamQuery", what);
      fail(failed);
      return failed;
    }
    std::this_thread::yield();
    auto now = Clock::now();
    if (now - looked < kLook)
      continue;
    looked = now;
    Status known = all ? all->check(what) : Status::success();
    for (const std::unique_ptr<NcclGroup> &part : parts)
      if (known && part)
        known = part->check(what);
    if (known) {
      known = communicators.all->lookAround();
      if (known) {
        lostSince = Clock::time_point();
        continue;
      }
      if (lostSince == Clock::time_point())
        lostSince = now;
      if (now - lostSince < kGrace)
        continue;
      known = Status::error(known.code(), known.message() + "; found while rank " +
                                              std::to_string(communicators.all->rank()) + " waited for its GPU, for " +
                                              what);
    }
    fail(known);
    return known;
  }
}

void StreamExchanges::fail(const Status &why) {
  for (std::unique_ptr<NcclGroup> &part : parts)
    if (part)
      part->abort();
  if (all)
    all->abort();
  communicators.all->abandon(why);
}
