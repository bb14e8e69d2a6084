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
// Sums are taken in f32 and in the order of the ranks, ((x0 + x1) + x2) + ..., unless
// `Reduction` asks for another order or for f64. So all ranks hold the same bits, and the
// same from run to run, whatever the algorithm; but for a ring, which a program may ask for.
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
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace plait {

enum class CollectiveKind { allReduce, reduceScatter, allGather, allToAll, broadcast, sendRecv, barrier, reduceGather };
inline constexpr size_t kCollectiveKinds = 8;

/// "all_reduce", ...
const char *collectiveName(CollectiveKind kind);

enum class ReduceKind { sum, max };

/// In which order summands of ranks are added: one after another, or [b, e) as [b, m) plus
/// [m, e), where m - b is the largest power of two below e - b (runtime/base/SumTree.h).
enum class SumOrder : int32_t { rank, tree };

/// How an all-reduce is carried out (Algorithms.h).
enum class Algorithm : int32_t {
  automatic, ///< the one that takes least
  oneShot,   ///< each sends all it has to all, and adds up all
  twoShot,   ///< each adds up its share, then all get that
  chain,     ///< along the ranks in pieces, each of which goes on as a sum; then around to all
  tree,      ///< up a binomial tree to rank 0 and down again
  star,      ///< to rank 0 and back
  ring,      ///< each share around to its rank, as a sum in an order of its own; then around to all
  lamport    ///< oneShot, of data that tells by itself that it is there
};
inline constexpr int32_t kAlgorithms = 8;

struct Reduction {
  Reduction(ReduceKind kind = ReduceKind::sum, SumOrder order = SumOrder::rank, bool wide = false)
      : kind(kind), order(order), wide(wide) {}
  ReduceKind kind;
  SumOrder order;
  bool wide; ///< summands are added in f64, and the sum is rounded once
  /// What a program asks for, the same on all ranks: of allReduce oneShot, twoShot, ring or lamport, of reduceGather
  /// twoShot or ring. Without it the communicator chooses. A ring has neither an order nor a width: the share of rank
  /// p of n is x(p + 1) + x(p + 2) + ... + x(p), modulo n.
  Algorithm algorithm = Algorithm::automatic;
  size_t columns = 1; ///< of allReduce by a ring: elements of a row; rank p has rows [rows * p / n, rows * (p + 1) / n)
};

/// Of `reduceGather`. Rank r has rows [firstRow[r], firstRow[r + 1]), and as many in `sum` and `part`; a
/// row has `columns` elements.
struct RowExchange {
  std::span<const float> in; ///< summands, all rows
  float *sum;                ///< gets the sum of the rank's rows
  const float *part;         ///< what the epilogue makes of them
  std::span<float> out;      ///< gets that of all rows
  std::span<const size_t> firstRow;
  size_t columns;

  size_t rowsOf(int rank) const { return firstRow[size_t(rank) + 1] - firstRow[size_t(rank)]; }
};

/// Makes rows [begin, end) of the rank's own `part` of those of `sum`, and of nothing else that the exchange
/// changes. It is called for all rows, in order.
using RowEpilogue = std::function<void(size_t begin, size_t end)>;

class Communicator {
public:
  virtual ~Communicator() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;

  /// data[i] becomes the reduction of all ranks' data[i].
  virtual Status allReduce(std::span<float> data, const Reduction &how, const char *op) = 0;
  /// Rank r gets the reduction of the counts[r] elements that follow those of the
  /// ranks before it. `in` holds all of them, `out` counts[rank()].
  virtual Status reduceScatter(std::span<const float> in, std::span<float> out, std::span<const size_t> counts,
                               const Reduction &how, const char *op) = 0;
  /// `out` holds the ranks' parts one after another; rank r's has bytes[r].
  virtual Status allGather(std::span<const uint8_t> in, std::span<uint8_t> out, std::span<const size_t> bytes,
                           const char *op) = 0;
  /// reduceScatter, epilogue and allGather of rows as one, with the same bits: rows may be computed piece by piece, as
  /// they come. One after the other, unless a communicator knows better.
  virtual Status reduceGather(const RowExchange &rows, const Reduction &how, const RowEpilogue &epilogue,
                              const char *op);
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

  /// Communicators of some of the ranks each, which differ; null for those that this rank is
  /// not in. All ranks call it with the same groups, and not of what it has returned. They end
  /// before this one does, count as this one, and an error of theirs is one of this one too, and
  /// names its ranks.
  virtual Expected<std::vector<std::unique_ptr<Communicator>>> split(std::span<const std::vector<int>> groups) = 0;

  /// Ends this rank's part, if it has not ended, as the rank has failed elsewhere: `why` is what the
  /// others are told. Without it they would find that it has left.
  virtual void abandon(const Status &why) { (void)why; }

  /// Why another rank is lost, if one is known to be. Waits for nobody; from one thread at a time, which
  /// need not be the one that communicates. Who cannot tell without asking finds none.
  virtual Status lookAround() { return Status::success(); }

  /// Whether ranks may exchange past it, from GPU to GPU: it tells of lost ranks by `lookAround`, and emulates no link.
  virtual bool canBePassed() const { return false; }

  /// For how many seconds each rank has waited for others in sums, of it and of parts of it: a rank that
  /// others wait for waits least. Empty if it is not known.
  virtual std::vector<double> waited() const { return {}; }

  /// What this rank has asked for since the group began, of it and of parts of it. Bytes are those of the
  /// full buffer: of `data`, of reduceScatter's and reduceGather's `in`, of allGather's `out`.
  struct Count {
    uint64_t calls = 0, bytes = 0;
  };
  const Count &count(CollectiveKind kind) const { return counts[size_t(kind)]; }
  /// Counts a call: one of this, or one that went past it.
  void record(CollectiveKind kind, size_t bytes) {
    ++counts[size_t(kind)].calls;
    counts[size_t(kind)].bytes += bytes;
    if (whole)
      whole->record(kind, bytes);
  }

  /// After an error: the rank that caused it, or -1 if none did.
  int lostRank() const { return culprit; }

protected:
  int culprit = -1; ///< `lostRank`

  // Of one that `split` has made: the communicator of all, and the numbers of the ranks there.
  Communicator *whole = nullptr;
  std::vector<int> labels;
  /// What a rank is called.
  int nameOf(int rank) const { return labels.empty() ? rank : labels[size_t(rank)]; }

private:
  std::array<Count, kCollectiveKinds> counts{};

protected:
  Status failure; ///< of the first call that failed
};

} // namespace plait

#endif // PLAIT_RUNTIME_COMM_COMMUNICATOR_H
