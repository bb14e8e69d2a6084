//===- ReduceTree.cpp - Sums over ranks along a tree ----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/comm/ReduceTree.h"

#include "runtime/base/SumTree.h"

using namespace plait;

/// Elements that are summed up at once: what waits stays in the cache.
static constexpr size_t kChunk = 1024;
/// Above, ranks share the sums out and tell each other; below, each takes all of them.
static constexpr size_t kSharedBytes = size_t(256) << 10;

ReduceTree::ReduceTree(std::span<const int64_t> ends, std::span<const int64_t> bounds)
    : bounds(bounds.begin(), bounds.end()) {
  std::vector<int64_t> begins; // of the nodes that wait
  int64_t begin = 0;
  for (int64_t end : ends) {
    uint32_t count = 0;
    begins.push_back(begin);
    depth = std::max(depth, begins.size());
    for (; begins.size() > 1 && isSumTreeNode(begins[begins.size() - 2], end, ends.back()); ++count)
      begins.pop_back();
    joins.push_back(count);
    begin = end;
  }
}

void ReduceTree::sum(std::span<const float *const> nodes, std::span<float> target) const {
  thread_local std::vector<float> memory;
  thread_local std::vector<const float *> waiting;
  memory.resize(depth * kChunk);
  waiting.resize(depth);
  for (size_t begin = 0; begin < target.size(); begin += kChunk) {
    size_t count = std::min(kChunk, target.size() - begin), top = 0;
    for (size_t node = 0; node < nodes.size(); ++node) {
      waiting[top++] = nodes[node] + begin;
      for (uint32_t i = 0; i < joins[node]; ++i) {
        --top;
        const float *left = waiting[top - 1], *right = waiting[top];
        float *out = memory.data() + (top - 1) * kChunk;
        for (size_t k = 0; k < count; ++k)
          out[k] = left[k] + right[k];
        waiting[top - 1] = out;
      }
    }
    std::copy_n(waiting[0], count, target.data() + begin);
  }
}

void ReduceTree::sumRows(const float *nodes, float *target, size_t rows, size_t columns) const {
  std::vector<const float *> row(joins.size());
  for (size_t i = 0; i < rows; ++i) {
    const float *first = nodes;
    for (size_t rank = 0, node = 0; rank + 1 < bounds.size(); ++rank) {
      for (size_t own = 0; own < nodesOf(rank); ++own)
        row[node++] = first + (i * nodesOf(rank) + own) * columns;
      first += rows * nodesOf(rank) * columns;
    }
    sum(row, {target + i * columns, columns});
  }
}

template <typename T> static std::span<T> bytesOf(auto *data, size_t count) {
  return {reinterpret_cast<T *>(data), count * sizeof(float)};
}

Status ReduceTree::allReduce(Communicator &communicator, const float *source, float *target, size_t rows,
                             size_t columns, const char *op) const {
  size_t ranks = bounds.size() - 1, own = size_t(communicator.rank());
  std::vector<size_t> bytes(ranks);
  if (rows >= ranks && rows * columns * joins.size() * sizeof(float) > kSharedBytes) {
    std::vector<size_t> firstRow(ranks + 1);
    for (size_t rank = 0; rank <= ranks; ++rank)
      firstRow[rank] = rows * rank / ranks;
    for (size_t rank = 0; rank < ranks; ++rank)
      bytes[rank] = (firstRow[rank + 1] - firstRow[rank]) * columns * sizeof(float);
    std::vector<float> part(bytes[own] / sizeof(float));
    PLAIT_RETURN_IF_ERROR(reduceScatter(communicator, source, part.data(), firstRow, columns, op));
    return communicator.allGather(bytesOf<const uint8_t>(part.data(), part.size()),
                                  bytesOf<uint8_t>(target, rows * columns), bytes, op);
  }
  for (size_t rank = 0; rank < ranks; ++rank)
    bytes[rank] = rows * nodesOf(rank) * columns * sizeof(float);
  thread_local std::vector<float> nodes;
  nodes.resize(rows * joins.size() * columns);
  PLAIT_RETURN_IF_ERROR(communicator.allGather(bytesOf<const uint8_t>(source, rows * nodesOf(own) * columns),
                                               bytesOf<uint8_t>(nodes.data(), nodes.size()), bytes, op));
  sumRows(nodes.data(), target, rows, columns);
  return Status::success();
}

Status ReduceTree::reduceScatter(Communicator &communicator, const float *source, float *target,
                                 std::span<const size_t> firstRow, size_t columns, const char *op) const {
  size_t ranks = bounds.size() - 1, own = size_t(communicator.rank());
  auto rowsOf = [&](size_t rank) { return firstRow[rank + 1] - firstRow[rank]; };
  std::vector<size_t> bytes(ranks * ranks);
  for (size_t from = 0; from < ranks; ++from)
    for (size_t to = 0; to < ranks; ++to)
      bytes[from * ranks + to] = rowsOf(to) * nodesOf(from) * columns * sizeof(float);
  thread_local std::vector<float> nodes;
  nodes.resize(rowsOf(own) * joins.size() * columns);
  PLAIT_RETURN_IF_ERROR(communicator.allToAll(bytesOf<const uint8_t>(source, firstRow[ranks] * nodesOf(own) * columns),
                                              bytesOf<uint8_t>(nodes.data(), nodes.size()), bytes, op));
  sumRows(nodes.data(), target, rowsOf(own), columns);
  return Status::success();
}
