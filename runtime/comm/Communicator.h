//===- Communicator.h - What ranks say to each other ------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The collectives of a group of ranks, whatever carries them. Names and meaning
// are MPI's. Every rank calls the same collectives in the same order; `op` names
// the op of the program that asks, for people: "all_reduce @layers.mlp.down".
//
// Sums are taken in f32 and in the order of the ranks, ((x0 + x1) + x2) + ..., so
// that all ranks hold the same bits, and the same from run to run, whatever the
// algorithm.
//
// A rank that dies, stops or strays makes every call of the others fail within
// the group's deadline, with an error that names it and the op it failed to
// reach. After an error the group is of no further use: every call returns it again.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_COMM_COMMUNICATOR_H
#define PLAIT_RUNTIME_COMM_COMMUNICATOR_H

#include "runtime/base/Status.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace plait {

enum class CollectiveKind { allReduce, reduceScatter, allGather, allToAll, broadcast, sendRecv, barrier };
inline constexpr size_t kCollectiveKinds = 7;

/// "all_reduce", ...
const char *collectiveName(CollectiveKind kind);

enum class ReduceKind { sum, max };

class Communicator {
public:
  virtual ~Communicator() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;

  /// data[i] becomes the reduction of all ranks' data[i].
  virtual Status allReduce(std::span<float> data, ReduceKind kind, const char *op) = 0;
  /// Rank r gets the reduction of the counts[r] elements that follow those of the
  /// ranks before it. `in` holds all of them, `out` counts[rank()].
  virtual Status reduceScatter(std::span<const float> in, std::span<float> out, std::span<const size_t> counts,
                               const char *op) = 0;
  /// `out` holds the ranks' parts one after another; rank r's has bytes[r].
  virtual Status allGather(std::span<const uint8_t> in, std::span<uint8_t> out, std::span<const size_t> bytes,
                           const char *op) = 0;
  /// Rank r sends bytes[r * size() + q] to rank q. `in` holds what this rank sends
  /// and `out` what it gets, in the order of the ranks.
  virtual Status allToAll(std::span<const uint8_t> in, std::span<uint8_t> out, std::span<const size_t> bytes,
                          const char *op) = 0;
  virtual Status broadcast(std::span<uint8_t> data, int root, const char *op) = 0;
  /// Returns when the receiver may take the data; any number of sends to one rank
  /// arrive in order. The receiver gives the size that was sent.
  virtual Status send(std::span<const uint8_t> data, int to, const char *op) = 0;
  virtual Status recv(std::span<uint8_t> data, int from, const char *op) = 0;
  virtual Status barrier(const char *op) = 0;

  /// What this rank has asked for since the group began. Bytes are those of the
  /// full buffer: of `data`, of reduceScatter's `in`, of allGather's `out`.
  struct Count {
    uint64_t calls = 0, bytes = 0;
  };
  const Count &count(CollectiveKind kind) const { return counts[size_t(kind)]; }

  /// After an error: the rank that caused it, or -1 if none did.
  int lostRank() const { return culprit; }

protected:
  int culprit = -1; ///< `lostRank`

  void record(CollectiveKind kind, size_t bytes) {
    ++counts[size_t(kind)].calls;
    counts[size_t(kind)].bytes += bytes;
  }

private:
  std::array<Count, kCollectiveKinds> counts{};

protected:
  Status failure; ///< of the first call that failed
};

} // namespace plait

#endif // PLAIT_RUNTIME_COMM_COMMUNICATOR_H
