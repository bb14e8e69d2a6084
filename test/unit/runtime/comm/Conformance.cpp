//===- Conformance.cpp - What every Communicator keeps ------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Conformance.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <span>
#include <thread>
#include <utility>

using namespace plait;

namespace {

/// Different on every rank; sums depend on the order.
std::vector<float> valuesOf(int rank, size_t count) {
  std::mt19937 random(unsigned(rank) * 1000 + unsigned(count));
  std::normal_distribution<float> normal(0, 1);
  std::vector<float> values(count);
  for (float &value : values)
    value = normal(random) * std::exp2(float(random() % 20));
  return values;
}

std::vector<float> sumInOrder(int size, size_t count) {
  std::vector<float> sum = valuesOf(0, count);
  for (int rank = 1; rank < size; ++rank) {
    std::vector<float> part = valuesOf(rank, count);
    for (size_t i = 0; i < count; ++i)
      sum[i] += part[i];
  }
  return sum;
}

std::span<const uint8_t> bytesOf(const std::vector<float> &values) {
  return {reinterpret_cast<const uint8_t *>(values.data()), values.size() * sizeof(float)};
}
std::span<uint8_t> bytesOf(std::vector<float> &values) {
  return {reinterpret_cast<uint8_t *>(values.data()), values.size() * sizeof(float)};
}

#define EXPECT_OR_RETURN(condition)                                                                                    \
  if (!(condition))                                                                                                    \
  return internalError("failed: " #condition)

Status allReduce(Communicator &c) {
  for (size_t count : {0, 1, 7, 1000, 4097, 16384, 70001}) {
    std::vector<float> values = valuesOf(c.rank(), count), expected = sumInOrder(c.size(), count);
    PLAIT_RETURN_IF_ERROR(c.allReduce(values, ReduceKind::sum, "sum"));
    EXPECT_OR_RETURN(values == expected); // bits
    values = valuesOf(c.rank(), count);
    PLAIT_RETURN_IF_ERROR(c.allReduce(values, ReduceKind::max, "max"));
    std::vector<float> most = valuesOf(0, count);
    for (int rank = 1; rank < c.size(); ++rank) {
      std::vector<float> other = valuesOf(rank, count);
      std::transform(most.begin(), most.end(), other.begin(), most.begin(),
                     [](float a, float b) { return std::max(a, b); });
    }
    EXPECT_OR_RETURN(values == most);
  }
  EXPECT_OR_RETURN(c.count(CollectiveKind::allReduce).calls == 14);
  EXPECT_OR_RETURN(c.count(CollectiveKind::allReduce).bytes == 2 * 4 * (1 + 7 + 1000 + 4097 + 16384 + 70001));
  return Status::success();
}

/// [begin, end) of the summands, written as it is defined.
template <typename T> T sumOf(const std::vector<float> &summands, size_t begin, size_t end, SumOrder order) {
  if (end - begin == 1)
    return T(summands[begin]);
  if (order == SumOrder::rank)
    return sumOf<T>(summands, begin, end - 1, order) + T(summands[end - 1]);
  size_t middle = 1;
  while (2 * middle < end - begin)
    middle *= 2;
  return sumOf<T>(summands, begin, begin + middle, order) + sumOf<T>(summands, begin + middle, end, order);
}

/// Whatever the algorithm, an all-reduce has the bits of a plain loop; in every order, in f32
/// and f64.
Status everyReduction(Communicator &c) {
  size_t n = size_t(c.size());
  for (size_t count : {0, 1, 7, 1001, 40001})
    for (SumOrder order : {SumOrder::rank, SumOrder::tree})
      for (bool wide : {false, true}) {
        std::vector<std::vector<float>> all;
        for (size_t rank = 0; rank < n; ++rank)
          all.push_back(valuesOf(int(rank), count));
        std::vector<float> expected(count), summands(n);
        for (size_t i = 0; i < count; ++i) {
          for (size_t rank = 0; rank < n; ++rank)
            summands[rank] = all[rank][i];
          expected[i] = wide ? float(sumOf<double>(summands, 0, n, order)) : sumOf<float>(summands, 0, n, order);
        }
        std::vector<float> values = all[size_t(c.rank())];
        PLAIT_RETURN_IF_ERROR(c.allReduce(values, {ReduceKind::sum, order, wide}, "sum"));
        EXPECT_OR_RETURN(values == expected);
        // A scattered sum has the same.
        std::vector<size_t> counts(n, count / n);
        counts.back() += count % n;
        size_t begin = count / n * size_t(c.rank());
        std::vector<float> part(counts[size_t(c.rank())]);
        PLAIT_RETURN_IF_ERROR(
            c.reduceScatter(all[size_t(c.rank())], part, counts, {ReduceKind::sum, order, wide}, "scatter"));
        EXPECT_OR_RETURN(std::equal(part.begin(), part.end(), expected.begin() + std::ptrdiff_t(begin)));
      }
  return Status::success();
}

Reduction saidBy(Algorithm algorithm, size_t columns) {
  Reduction how;
  how.algorithm = algorithm;
  how.columns = columns;
  return how;
}

/// The rank that has element `i` of rows of `columns` elements, `rows` of them.
size_t ownerOf(size_t i, size_t rows, size_t columns, size_t n) {
  size_t owner = 0;
  while (rows * (owner + 1) / n <= i / columns)
    ++owner;
  return owner;
}

/// Sums by an algorithm that the program says, between those of which the group decides: by all but a ring those of a
/// loop over the ranks, bit by bit. A ring's are those of the loop that begins behind the rank that has the row. And
/// all are near the sum in f64, and the same on all ranks.
Status saidAlgorithms(Communicator &c) {
  size_t n = size_t(c.size()), me = size_t(c.rank());
  for (Algorithm algorithm : {Algorithm::oneShot, Algorithm::twoShot, Algorithm::ring, Algorithm::lamport})
    for (auto [rows, columns] :
         {std::pair<size_t, size_t>{0, 4}, {1, 1}, {1, 7}, {2, 33}, {5, 60}, {13, 101}, {64, 129}, {33, 1031}}) {
      size_t count = rows * columns;
      std::vector<std::vector<float>> all;
      for (size_t rank = 0; rank < n; ++rank)
        all.push_back(valuesOf(int(rank), count));
      std::vector<float> expected(count), values = all[me], whole = all[me];
      for (size_t i = 0; i < count; ++i) {
        size_t first = algorithm == Algorithm::ring ? ownerOf(i, rows, columns, n) + 1 : 0;
        float sum = all[first % n][i];
        double exact = sum, size = std::abs(exact);
        for (size_t rank = 1; rank < n; ++rank) {
          sum += all[(first + rank) % n][i];
          exact += double(all[(first + rank) % n][i]);
          size += std::abs(double(all[(first + rank) % n][i]));
        }
        expected[i] = sum;
        EXPECT_OR_RETURN(std::abs(double(sum) - exact) <= double(n) * 0x1p-24 * size);
      }
      PLAIT_RETURN_IF_ERROR(c.allReduce(values, saidBy(algorithm, columns), "said"));
      EXPECT_OR_RETURN(values == expected); // bits
      PLAIT_RETURN_IF_ERROR(c.allReduce(whole, ReduceKind::sum, "left"));
      EXPECT_OR_RETURN(algorithm == Algorithm::ring || whole == expected);
      if (algorithm == Algorithm::oneShot || algorithm == Algorithm::lamport)
        continue;
      // The same with an epilogue on its way.
      std::vector<size_t> firstRow;
      for (size_t rank = 0; rank <= n; ++rank)
        firstRow.push_back(rows * rank / n);
      size_t own = (firstRow[me + 1] - firstRow[me]) * columns;
      std::vector<float> sum(own), part(own), out(count, -2);
      auto epilogue = [&](size_t begin, size_t end) {
        for (size_t i = begin * columns; i < end * columns; ++i)
          part[i] = 2 * sum[i];
      };
      PLAIT_RETURN_IF_ERROR(c.reduceGather({all[me], sum.data(), part.data(), out, firstRow, columns},
                                           saidBy(algorithm, 1), epilogue, "fused"));
      for (size_t i = 0; i < count; ++i)
        EXPECT_OR_RETURN(out[i] == 2 * expected[i]);
      for (size_t i = 0; i < own; ++i)
        EXPECT_OR_RETURN(sum[i] == expected[firstRow[me] * columns + i]);
    }
  return c.barrier("end");
}

/// Numbers whose bits matter: zeros of both signs, the smallest and the largest, infinities and NaNs arrive by every
/// algorithm as the ranks in their order make them.
Status saidBits(Communicator &c) {
  const float odd[] = {0.f,
                       -0.f,
                       0x1p-149f,
                       -0x1p-149f,
                       0x1.fffffep127f,
                       std::numeric_limits<float>::infinity(),
                       std::bit_cast<float>(0xFFFFFFFFu),
                       std::bit_cast<float>(0x7FC00000u)};
  for (Algorithm algorithm : {Algorithm::oneShot, Algorithm::twoShot, Algorithm::lamport})
    for (size_t who = 0; who < size_t(c.size()); ++who)
      for (float own : odd)
        for (float others : {0.f, -0.f}) {
          std::vector<float> values(3, size_t(c.rank()) == who ? own : others);
          PLAIT_RETURN_IF_ERROR(c.allReduce(values, saidBy(algorithm, 3), "bits"));
          float sum = who ? others : own;
          for (size_t rank = 1; rank < size_t(c.size()); ++rank)
            sum += rank == who ? own : others;
          for (float value : values)
            EXPECT_OR_RETURN(std::isnan(sum) ? std::isnan(value)
                                             : std::bit_cast<uint32_t>(value) == std::bit_cast<uint32_t>(sum));
        }
  return Status::success();
}

Status manyBySaidLamport(Communicator &c) {
  for (int i = 0; i < 2000; ++i) {
    std::vector<float> values(1 + size_t(i) % 60, float(c.rank() + i));
    bool isLeft = i % 7 == 3; // now and then another one between them
    PLAIT_RETURN_IF_ERROR(c.allReduce(values, isLeft ? Reduction() : saidBy(Algorithm::lamport, 1), "step"));
    EXPECT_OR_RETURN(values.back() == float(c.size() * (c.size() - 1) / 2 + c.size() * i));
  }
  return Status::success();
}

/// Ranks whose tables say different algorithms.
Status anotherAlgorithm(Communicator &c, Algorithm mine, Algorithm other) {
  std::vector<float> values(300, 1);
  return c.allReduce(values, saidBy(c.rank() == 0 ? mine : other, 1), "a");
}

/// Where data tells by itself that it is there, a stray rank is one of those two.
Status isStray(const Status &status) {
  EXPECT_OR_RETURN(!status.ok());
  EXPECT_OR_RETURN(status.message().find("has strayed: found all_reduce @") != std::string::npos);
  EXPECT_OR_RETURN(status.message().find(" by lamport") != std::string::npos);
  return Status::success();
}
Status lamportAmongOthers(Communicator &c) {
  return isStray(anotherAlgorithm(c, Algorithm::lamport, Algorithm::oneShot));
}
Status lamportAmongThoseLeft(Communicator &c) {
  return isStray(anotherAlgorithm(c, Algorithm::automatic, Algorithm::lamport));
}
Status lamportOfAnotherOp(Communicator &c) {
  std::vector<float> values(8);
  return isStray(c.allReduce(values, saidBy(Algorithm::lamport, 1), c.rank() ? "b" : "a"));
}
Status lamportOfAnotherSize(Communicator &c) {
  std::vector<float> values(c.rank() ? 8 : 4);
  return isStray(c.allReduce(values, saidBy(Algorithm::lamport, 1), "a"));
}
Status aRankLeavesLamport(Communicator &c) {
  std::vector<float> values(8);
  return c.rank() ? Status::success() : c.allReduce(values, saidBy(Algorithm::lamport, 1), "a");
}

/// What the epilogue of `fusedRows` makes of an element of the sum, and of one that the rank keeps.
float computeOf(float sum, float kept) { return (sum + kept) * 0.75f + 1; }

/// A sum whose rows are computed on their way: the same bits as a reduceScatter, a loop and an allGather, for rows
/// of every size, of which some ranks may have none, in every order and width, with ranks that lag behind.
Status fusedRows(Communicator &c) {
  size_t n = size_t(c.size()), me = size_t(c.rank()), calls = 0, bytes = 0;
  std::mt19937 random(unsigned(me) + 7);
  for (auto [rows, columns] : {std::pair<size_t, size_t>{0, 4}, {1, 5}, {2, 192}, {7, 100}, {33, 400}, {64, 24}})
    for (SumOrder order : {SumOrder::rank, SumOrder::tree})
      for (bool wide : {false, true}) {
        Reduction how(ReduceKind::sum, order, wide);
        std::vector<size_t> firstRow, counts, partBytes;
        for (size_t rank = 0; rank <= n; ++rank)
          firstRow.push_back(rows * rank / n);
        for (size_t rank = 0; rank < n; ++rank) {
          counts.push_back((firstRow[rank + 1] - firstRow[rank]) * columns);
          partBytes.push_back(counts.back() * sizeof(float));
        }
        std::vector<float> in = valuesOf(int(me), rows * columns), kept = valuesOf(100 + int(me), counts[me]);
        std::vector<float> expectedPart(counts[me]), expected(rows * columns, -1), expectedKept = kept;
        PLAIT_RETURN_IF_ERROR(c.reduceScatter(in, expectedPart, counts, how, "scatter"));
        for (size_t i = 0; i < counts[me]; ++i) {
          expectedKept[i] += expectedPart[i];
          expectedPart[i] = computeOf(expectedPart[i], expectedKept[i]);
        }
        PLAIT_RETURN_IF_ERROR(
            c.allGather(bytesOf(std::as_const(expectedPart)), bytesOf(expected), partBytes, "gather"));

        std::vector<float> sum(counts[me]), part(counts[me]), out(rows * columns, -2);
        size_t next = 0;
        auto epilogue = [&](size_t begin, size_t end) {
          // Each row once, in order.
          if (begin != next || end <= begin || end > firstRow[me + 1] - firstRow[me])
            next = SIZE_MAX;
          next = next == SIZE_MAX ? next : end;
          if (random() % 4 == 0)
            std::this_thread::sleep_for(std::chrono::microseconds(random() % 300));
          for (size_t i = begin * columns; i < end * columns; ++i) {
            kept[i] += sum[i];
            part[i] = computeOf(sum[i], kept[i]);
          }
        };
        if (random() % 4 == 0)
          std::this_thread::sleep_for(std::chrono::microseconds(random() % 300));
        RowExchange exchange = {in, sum.data(), part.data(), out, firstRow, columns};
        PLAIT_RETURN_IF_ERROR(c.reduceGather(exchange, how, epilogue, "fused"));
        EXPECT_OR_RETURN(next == firstRow[me + 1] - firstRow[me]);
        EXPECT_OR_RETURN(out == expected);
        EXPECT_OR_RETURN(kept == expectedKept);
        ++calls, bytes += in.size() * sizeof(float);
      }
  // Each as one, or, where a row does not fit between ranks, as the two that it is made of.
  const Communicator::Count &fused = c.count(CollectiveKind::reduceGather);
  EXPECT_OR_RETURN(fused.calls <= calls && fused.bytes <= bytes);
  EXPECT_OR_RETURN(c.count(CollectiveKind::reduceScatter).calls == 2 * calls - fused.calls);
  return Status::success();
}

/// Rank 1 goes between the sum and what is made of it.
Status aRankIsLostInARow(Communicator &c) {
  std::vector<float> in(8, 1), out(8), sum(4), part(4);
  std::vector<size_t> firstRow = {0, 1, 2};
  RowExchange exchange = {in, sum.data(), part.data(), out, firstRow, 4};
  PLAIT_RETURN_IF_ERROR(c.reduceGather(exchange, {}, [](size_t, size_t) {}, "first"));
  if (c.rank() == 1)
    return Status::success();
  return c.reduceGather(exchange, {}, [](size_t, size_t) {}, "second");
}

/// Rows and columns of a grid of 2 x 2 ranks, and all but rank 1 in another order.
const std::vector<std::vector<int>> kGroups = {{0, 1}, {2, 3}, {0, 2}, {1, 3}, {3, 0, 2}};

Status groups(Communicator &c) {
  PLAIT_ASSIGN_OR_RETURN(auto parts, c.split(kGroups));
  EXPECT_OR_RETURN(parts.size() == kGroups.size());
  for (int round = 0; round < 30; ++round)
    for (size_t g = 0; g < kGroups.size(); ++g) {
      auto own = std::find(kGroups[g].begin(), kGroups[g].end(), c.rank());
      EXPECT_OR_RETURN((own != kGroups[g].end()) == (parts[g] != nullptr));
      float rank = float(c.rank()); // between them, the whole group
      PLAIT_RETURN_IF_ERROR(c.allReduce({&rank, 1}, ReduceKind::sum, "whole"));
      EXPECT_OR_RETURN(rank == 6);
      if (!parts[g])
        continue;
      EXPECT_OR_RETURN(parts[g]->rank() == int(own - kGroups[g].begin()) && parts[g]->size() == int(kGroups[g].size()));
      size_t count = size_t(1 + 977 * round);
      std::vector<float> expected = valuesOf(kGroups[g][0], count), values = valuesOf(c.rank(), count);
      for (size_t member = 1; member < kGroups[g].size(); ++member) {
        std::vector<float> other = valuesOf(kGroups[g][member], count);
        std::transform(expected.begin(), expected.end(), other.begin(), expected.begin(), std::plus<float>());
      }
      PLAIT_RETURN_IF_ERROR(parts[g]->allReduce(values, ReduceKind::sum, "group"));
      EXPECT_OR_RETURN(values == expected);
    }
  return Status::success();
}

/// Rank 3 goes; each of the others, whatever group it is in, tells of that one.
Status aRankOfAGroupIsLost(Communicator &c) {
  PLAIT_ASSIGN_OR_RETURN(auto parts, c.split(kGroups));
  if (c.rank() == 3)
    return Status::success();
  for (const auto &part : parts)
    if (part)
      PLAIT_RETURN_IF_ERROR(part->barrier("layer 1"));
  return c.barrier("end");
}

Status unevenParts(Communicator &c) {
  // Rank 1 has nothing, the others ever more.
  std::vector<size_t> counts;
  for (int rank = 0; rank < c.size(); ++rank)
    counts.push_back(rank == 1 ? 0 : size_t(3001 * (rank + 1)));
  size_t total = std::accumulate(counts.begin(), counts.end(), size_t(0)), me = size_t(c.rank());
  size_t begin = std::accumulate(counts.begin(), counts.begin() + c.rank(), size_t(0));
  std::vector<float> all = sumInOrder(c.size(), total), part(counts[me]), in = valuesOf(c.rank(), total);
  PLAIT_RETURN_IF_ERROR(c.reduceScatter(in, part, counts, {}, "scatter"));
  EXPECT_OR_RETURN(std::equal(part.begin(), part.end(), all.begin() + std::ptrdiff_t(begin)));

  std::vector<size_t> bytes;
  for (size_t count : counts)
    bytes.push_back(count * sizeof(float));
  std::vector<float> gathered(total);
  PLAIT_RETURN_IF_ERROR(c.allGather(bytesOf(std::as_const(part)), bytesOf(gathered), bytes, "gather"));
  EXPECT_OR_RETURN(gathered == all); // scatter, then gather: an all-reduce

  std::vector<float> root = valuesOf(c.rank(), 9000);
  PLAIT_RETURN_IF_ERROR(c.broadcast(bytesOf(root), c.size() - 1, "broadcast"));
  EXPECT_OR_RETURN(root == valuesOf(c.size() - 1, 9000));
  return c.barrier("end");
}

Status allToAll(Communicator &c) {
  size_t n = size_t(c.size()), me = size_t(c.rank());
  std::vector<size_t> bytes(n * n);
  for (size_t from = 0; from < n; ++from)
    for (size_t to = 0; to < n; ++to)
      bytes[from * n + to] = (from * 7 + to * 3) % 5 * 1111;
  auto message = [](size_t from, size_t to, size_t i) { return uint8_t(from * 31 + to * 17 + i); };
  std::vector<uint8_t> in, expected;
  for (size_t other = 0; other < n; ++other) {
    for (size_t i = 0; i < bytes[me * n + other]; ++i)
      in.push_back(message(me, other, i));
    for (size_t i = 0; i < bytes[other * n + me]; ++i)
      expected.push_back(message(other, me, i));
  }
  std::vector<uint8_t> out(expected.size());
  PLAIT_RETURN_IF_ERROR(c.allToAll(in, out, bytes, "exchange"));
  EXPECT_OR_RETURN(out == expected);
  return Status::success();
}

Status sendsArriveInOrder(Communicator &c) {
  // Around the ring, and many at once from 0 to 2.
  std::vector<float> values = valuesOf(0, 50000);
  int next = (c.rank() + 1) % 3, before = (c.rank() + 2) % 3;
  if (c.rank() == 0) {
    PLAIT_RETURN_IF_ERROR(c.send(bytesOf(std::as_const(values)), next, "ring"));
    PLAIT_RETURN_IF_ERROR(c.recv(bytesOf(values), before, "ring"));
  } else {
    std::fill(values.begin(), values.end(), 0);
    PLAIT_RETURN_IF_ERROR(c.recv(bytesOf(values), before, "ring"));
    PLAIT_RETURN_IF_ERROR(c.send(bytesOf(std::as_const(values)), next, "ring"));
  }
  EXPECT_OR_RETURN(values == valuesOf(0, 50000));
  for (uint8_t i = 0; i < 100; ++i) {
    uint8_t byte = i;
    if (c.rank() == 0)
      PLAIT_RETURN_IF_ERROR(c.send({&byte, 1}, 2, "many"));
    if (c.rank() == 2) {
      PLAIT_RETURN_IF_ERROR(c.recv({&byte, 1}, 0, "many"));
      EXPECT_OR_RETURN(byte == i);
    }
  }
  return c.barrier("end");
}

/// Messages that are longer than what any carrier sends without asking first.
Status largeBuffers(Communicator &c) {
  std::vector<float> values = valuesOf(c.rank(), 1 << 20);
  PLAIT_RETURN_IF_ERROR(c.allReduce(values, ReduceKind::sum, "large"));
  EXPECT_OR_RETURN(values == sumInOrder(c.size(), 1 << 20));
  PLAIT_RETURN_IF_ERROR(c.broadcast(bytesOf(values), 0, "large"));
  return c.barrier("end");
}

Status manyShortCalls(Communicator &c) {
  for (int i = 0; i < 2000; ++i) {
    std::vector<float> values(1 + size_t(i) % 60, float(c.rank() + i));
    PLAIT_RETURN_IF_ERROR(c.allReduce(values, ReduceKind::sum, "step"));
    EXPECT_OR_RETURN(values.back() == float(c.size() * (c.size() - 1) / 2 + c.size() * i));
  }
  return Status::success();
}

Status rankThatLeaves(Communicator &c) { return c.rank() == 1 ? Status::success() : c.barrier("end of step"); }

Status rankThatStrays(Communicator &c) {
  std::vector<float> values(c.rank() == 0 ? 4 : 8);
  if (c.rank() == 0)
    return c.allReduce(values, ReduceKind::sum, "a");
  PLAIT_RETURN_IF_ERROR(c.broadcast({}, 0, "b"));
  return c.barrier("c");
}

Status otherOp(Communicator &c) { return c.barrier(c.rank() == 0 ? "layer 1" : "layer 2"); }

Status otherSize(Communicator &c) {
  std::vector<uint8_t> data(c.rank() == 0 ? 100 : 101);
  return c.rank() == 0 ? c.send(data, 1, "pair") : c.recv(data, 0, "pair");
}

Status aFailureStays(Communicator &c) {
  if (c.rank() == 1)
    return Status::success();
  EXPECT_OR_RETURN(!c.barrier("one").ok());
  EXPECT_OR_RETURN(c.lostRank() == 1);
  return c.barrier("two");
}

/// One rank is behind all others; each of them tells of that one.
Status allBlameTheSame(Communicator &c) {
  if (c.rank() == 2)
    return Status::success();
  Status status = c.barrier("end");
  EXPECT_OR_RETURN(c.lostRank() == 2);
  return status;
}

} // namespace

const std::vector<ConformanceCase> &plait::conformanceCases() {
  static const std::string lost = "rank 2 has not reached barrier @end: it has left the group";
  static const std::string left = "rank 3 has not reached barrier @layer 1: it has left the group";
  static const std::vector<ConformanceCase> cases = {
      {"AllReduceSumsInTheOrderOfTheRanks", 0, allReduce},
      {"EveryReduction", 0, everyReduction},
      {"SaidAlgorithms", 0, saidAlgorithms},
      {"SaidBits", 0, saidBits},
      {"ManyBySaidLamport", 0, manyBySaidLamport},
      {"AnotherAlgorithm",
       2,
       [](Communicator &c) { return anotherAlgorithm(c, Algorithm::ring, Algorithm::twoShot); },
       {{0,
         "rank 1 has strayed: found all_reduce @a of 1200 bytes by two_shot; expected all_reduce @a of 1200 bytes by "
         "ring"},
        {1, ""}}},
      {"LamportAmongOthers", 2, lamportAmongOthers},
      {"LamportAmongThoseLeft", 2, lamportAmongThoseLeft},
      {"LamportOfAnotherOp", 2, lamportOfAnotherOp},
      {"LamportOfAnotherSize", 2, lamportOfAnotherSize},
      {"ARankLeavesLamport",
       2,
       aRankLeavesLamport,
       {{0, "rank 1 has not reached all_reduce @a: it has left the group"}}},
      {"UnevenParts", 0, unevenParts},
      {"FusedRows", 0, fusedRows},
      {"ARankIsLostInARow", 2, aRankIsLostInARow, {{0, ""}}},
      {"Groups", 4, groups},
      {"ARankOfAGroupIsLost", 4, aRankOfAGroupIsLost, {{0, left}, {1, left}, {2, left}}},
      {"AllToAll", 0, allToAll},
      {"LargeBuffers", 0, largeBuffers},
      {"ManyShortCalls", 0, manyShortCalls},
      {"SendsArriveInOrder", 3, sendsArriveInOrder},
      {"ARankThatLeaves",
       2,
       rankThatLeaves,
       {{0, "rank 1 has not reached barrier @end of step: it has left the group"}}},
      {"ARankThatStrays",
       2,
       rankThatStrays,
       {{0, "rank 1 has strayed: found barrier @c of 0 bytes; expected all_reduce @a of 16 bytes"}, {1, ""}}},
      {"AnotherOp",
       2,
       otherOp,
       {{0, "rank 1 has strayed: found barrier @layer 2 of 0 bytes; expected barrier @layer 1 of 0 bytes"}, {1, ""}}},
      {"AnotherSize",
       2,
       otherSize,
       {{0, ""}, {1, "rank 0 has strayed: found a message of 100 bytes for send_recv @pair; expected 101"}}},
      {"AFailureStays", 2, aFailureStays, {{0, "rank 1 has not reached barrier @one: it has left the group"}}},
      {"AllBlameTheSame", 3, allBlameTheSame, {{0, lost}, {1, lost}}},
  };
  return cases;
}

std::string plait::judge(const ConformanceCase &test, int rank, const Status &result) {
  auto expected = test.errors.find(rank);
  std::string who = "rank " + std::to_string(rank) + ": ";
  if (expected == test.errors.end())
    return result ? "" : who + result.message();
  if (expected->second.empty() || result.message() == expected->second)
    return "";
  return who + "found \"" + result.message() + "\"; expected \"" + expected->second + "\"";
}
