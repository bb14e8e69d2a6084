//===- PlanCollectives.cpp - The collectives of a launch plan -------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/device/cpu/PlanCollectives.h"

#include "runtime/comm/NarrowSum.h"
#include "runtime/device/cpu/CollectiveMatrix.h"

#include <algorithm>

using namespace plait;

/// Between rows [begin, end) of a matrix of all columns and the ranks' parts of them, one
/// part after another.
static void copyColumns(const CollectiveMatrix &matrix, size_t begin, size_t end, float *cells, float *parts,
                        bool toParts) {
  for (size_t rank = 0; rank < matrix.ranks(); ++rank) {
    size_t first = matrix.firstColumn(rank), width = matrix.firstColumn(rank + 1) - first;
    for (size_t row = begin; row < end; ++row, parts += width) {
      float *own = cells + (row - begin) * matrix.columns + first;
      toParts ? std::copy_n(own, width, parts) : std::copy_n(parts, width, own);
    }
  }
}

/// What the plan says of so many rows.
static Algorithm algorithmOf(const plait_collective_v4_t &c, size_t rows) {
  static constexpr Algorithm kOwn[PLAIT_SUM_ALGORITHM_COUNT] = {Algorithm::oneShot, Algorithm::twoShot, Algorithm::ring,
                                                                Algorithm::automatic, Algorithm::lamport};
  const plait_sum_range_v1_t *end = c.algorithms + c.algorithm_count;
  const plait_sum_range_v1_t *next =
      std::find_if(c.algorithms, end, [&](const plait_sum_range_v1_t &range) { return range.rows > int64_t(rows); });
  return next == c.algorithms ? Algorithm::automatic : kOwn[(next - 1)->algorithm];
}

static Reduction reductionOf(const plait_collective_v4_t &c, size_t rows) {
  Reduction how(ReduceKind::sum, SumOrder(c.order), c.precision == PLAIT_SUM_F64);
  how.algorithm = algorithmOf(c, rows);
  how.columns = size_t(c.columns);
  return how;
}

static std::span<uint8_t> bytesOf(float *data, size_t count) {
  return {reinterpret_cast<uint8_t *>(data), count * sizeof(float)};
}

PlanCollectives::PlanCollectives(const plait_model_v4_t &model, const plait_plan_v2_t &plan,
                                 RankCommunicators communicators)
    : model(model), plan(plan), communicators(std::move(communicators)) {
  for (int32_t i = 0; i < plan.collective_count; ++i) {
    const plait_collective_v4_t &c = plan.collectives[i];
    trees.emplace_back();
    if (c.nodes)
      trees.back().emplace(std::span(c.node_ends, size_t(c.nodes)),
                           std::span(c.node_bounds, size_t(placeIn(model, c.group).size) + 1));
  }
}

Status PlanCollectives::run(int32_t index, const StepDims &dims, float *source, float *target, const char *op) const {
  const plait_collective_v4_t &c = plan.collectives[index];
  CollectiveMatrix matrix = {c, size_t(dims[size_t(c.rows)]), size_t(c.columns), placeIn(model, c.group)};
  size_t rows = matrix.rows, columns = matrix.columns;
  if (rows == 0)
    return Status::success();
  if (!hasParts && matrix.hasRowParts())
    return runOnAllRows(matrix, index, source, target, op);
  Communicator &communicator = communicatorOf(c);
  if (c.nodes && c.kind != PLAIT_COLLECTIVE_ALL_REDUCE)
    return trees[size_t(index)]->reduceScatter(communicator, source, target, matrix.firstRows(), columns, op);
  switch (c.kind) {
  case PLAIT_COLLECTIVE_ALL_REDUCE:
    return sum(matrix, index, source, target, op);
  case PLAIT_COLLECTIVE_BROADCAST:
    return communicator.broadcast(bytesOf(target, rows * columns), c.other, op);
  case PLAIT_COLLECTIVE_SEND:
    return communicator.send(bytesOf(source, rows * columns), c.other, op);
  case PLAIT_COLLECTIVE_RECV:
    return communicator.recv(bytesOf(target, rows * columns), c.other, op);
  case PLAIT_COLLECTIVE_ALL_TO_ALL:
    return swapParts(matrix, communicator, source, target, op);
  default:
    return exchangeParts(matrix, c.kind, c.dim, source, target, op);
  }
}

Status PlanCollectives::runFused(int32_t index, const StepDims &dims, void *const *buffers, const RowEpilogue &epilogue,
                                 const char *op) const {
  const plait_collective_v4_t &c = plan.collectives[index];
  CollectiveMatrix matrix = {c, size_t(dims[size_t(c.rows)]), size_t(c.columns), placeIn(model, c.group)};
  if (matrix.rows == 0)
    return Status::success();
  std::vector<size_t> first = matrix.firstRows();
  auto *source = static_cast<float *>(buffers[0]), *target = static_cast<float *>(buffers[1]);
  auto *rowSums = static_cast<float *>(buffers[2]), *part = static_cast<float *>(buffers[3]);
  size_t elements = matrix.rows * matrix.columns;
  if (!hasParts) {
    PLAIT_RETURN_IF_ERROR(sum(matrix, index, source, rowSums, op));
    epilogue(0, matrix.rows);
    std::copy_n(part, elements, target);
    return Status::success();
  }
  RowExchange rows = {{source, elements}, rowSums, part, {target, elements}, first, matrix.columns};
  Communicator &communicator = communicatorOf(c);
  if (c.precision == PLAIT_SUM_BF16)
    return NarrowSum(communicator, SumOrder(c.order)).reduceGather(rows, epilogue, op);
  if (!c.nodes) {
    Reduction how = reductionOf(c, matrix.rows);
    if (how.algorithm == Algorithm::oneShot || how.algorithm == Algorithm::lamport) // `share_tokens` is not the plan's
      return corrupt(std::string("reduce_gather @") + op + ": found " +
                     (how.algorithm == Algorithm::oneShot ? "one_shot" : "lamport") +
                     " of rows that ranks share out; expected two_shot or ring; compile the model again");
    return communicator.reduceGather(rows, how, epilogue, op);
  }
  PLAIT_RETURN_IF_ERROR(trees[size_t(index)]->reduceScatter(communicator, source, rowSums, first, matrix.columns, op));
  size_t own = rows.rowsOf(matrix.place.index);
  if (own)
    epilogue(0, own);
  std::vector<size_t> bytes;
  for (size_t rank = 0; rank < matrix.ranks(); ++rank)
    bytes.push_back(matrix.partSize(rank, 0) * sizeof(float));
  return communicator.allGather(bytesOf(part, own * matrix.columns), bytesOf(target, elements), bytes, op);
}

/// target = the sums of all rows
Status PlanCollectives::sum(const CollectiveMatrix &matrix, int32_t index, float *source, float *target,
                            const char *op) const {
  const plait_collective_v4_t &c = matrix.c;
  if (c.nodes)
    return trees[size_t(index)]->allReduce(communicatorOf(c), source, target, matrix.rows, matrix.columns, op);
  size_t elements = matrix.rows * matrix.columns;
  if (source != target)
    std::copy_n(source, elements, target);
  if (c.precision == PLAIT_SUM_BF16)
    return NarrowSum(communicatorOf(c), SumOrder(c.order)).allReduce({target, elements}, op);
  return communicatorOf(c).allReduce({target, elements}, reductionOf(c, matrix.rows), op);
}

/// What a collective of parts of rows comes to where each rank has all rows.
Status PlanCollectives::runOnAllRows(const CollectiveMatrix &matrix, int32_t index, float *source, float *target,
                                     const char *op) const {
  const plait_collective_v4_t &c = matrix.c;
  if (c.kind == PLAIT_COLLECTIVE_REDUCE_SCATTER)
    return sum(matrix, index, source, target, op);
  if (c.kind != PLAIT_COLLECTIVE_ALL_TO_ALL) {
    std::copy_n(source, matrix.rows * matrix.columns, target);
    return Status::success();
  }
  if (c.dim == 0)
    return exchangeParts(matrix, PLAIT_COLLECTIVE_ALL_GATHER, /*dim=*/1, source, target, op);
  return exchangeParts(matrix, PLAIT_COLLECTIVE_PART, /*dim=*/1, source, target, op);
}

/// A collective `kind` of parts of `dim`.
Status PlanCollectives::exchangeParts(const CollectiveMatrix &matrix, int32_t kind, int32_t dim, float *source,
                                      float *target, const char *op) const {
  const plait_collective_v4_t &c = matrix.c;
  Communicator &communicator = communicatorOf(c);
  size_t rows = matrix.rows, columns = matrix.columns, me = size_t(matrix.place.index);
  // Elements of each rank's part.
  std::vector<size_t> counts(matrix.ranks()), bytes(matrix.ranks());
  for (size_t rank = 0; rank < matrix.ranks(); ++rank) {
    counts[rank] = matrix.partSize(rank, dim);
    bytes[rank] = counts[rank] * sizeof(float);
  }
  // Parts lie one after another as ranks see them: those of rows do in the matrix, those
  // of columns where it is one row.
  thread_local std::vector<float> staging;
  bool byColumns = dim == 1 && rows > 1, gathers = kind == PLAIT_COLLECTIVE_ALL_GATHER;
  float *parts = gathers ? target : source;
  if (byColumns) {
    staging.resize(rows * columns);
    parts = staging.data();
    if (!gathers)
      copyColumns(matrix, 0, rows, source, parts, /*toParts=*/true);
  }
  size_t own = counts[me], before = 0;
  for (size_t rank = 0; rank < me; ++rank)
    before += counts[rank];
  if (kind == PLAIT_COLLECTIVE_PART) {
    std::copy_n(parts + before, own, target);
    return Status::success();
  }
  if (kind == PLAIT_COLLECTIVE_REDUCE_SCATTER && c.precision == PLAIT_SUM_BF16)
    return NarrowSum(communicator, SumOrder(c.order)).reduceScatter({parts, rows * columns}, {target, own}, counts, op);
  if (kind == PLAIT_COLLECTIVE_REDUCE_SCATTER)
    return communicator.reduceScatter({parts, rows * columns}, {target, own}, counts, reductionOf(c, rows), op);
  PLAIT_RETURN_IF_ERROR(communicator.allGather(bytesOf(source, own), bytesOf(parts, rows * columns), bytes, op));
  if (byColumns)
    copyColumns(matrix, 0, rows, target, parts, /*toParts=*/false);
  return Status::success();
}

/// Each pair of ranks exchanges the rows of one that are in the columns of the other.
Status PlanCollectives::swapParts(const CollectiveMatrix &matrix, Communicator &communicator, float *source,
                                  float *target, const char *op) const {
  bool toColumns = matrix.c.dim == 1;
  size_t ranks = matrix.ranks(), me = size_t(matrix.place.index);
  std::vector<size_t> bytes(ranks * ranks);
  for (size_t from = 0; from < ranks; ++from)
    for (size_t to = 0; to < ranks; ++to)
      bytes[from * ranks + to] = matrix.blockSize(toColumns ? from : to, toColumns ? to : from) * sizeof(float);
  // A part of columns is, rank by rank, the rows of each; a part of rows has the columns of
  // each side by side.
  thread_local std::vector<float> staging;
  size_t begin = matrix.firstRow(me), end = matrix.firstRow(me + 1);
  staging.resize((end - begin) * matrix.columns);
  size_t rowsPart = matrix.partSize(me, 0), columnsPart = matrix.partSize(me, 1);
  if (toColumns) {
    copyColumns(matrix, begin, end, source, staging.data(), /*toParts=*/true);
    return communicator.allToAll(bytesOf(staging.data(), rowsPart), bytesOf(target, columnsPart), bytes, op);
  }
  PLAIT_RETURN_IF_ERROR(
      communicator.allToAll(bytesOf(source, columnsPart), bytesOf(staging.data(), rowsPart), bytes, op));
  copyColumns(matrix, begin, end, target, staging.data(), /*toParts=*/false);
  return Status::success();
}
