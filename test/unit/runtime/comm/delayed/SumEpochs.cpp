//===- SumEpochs.cpp - Collectives at random that add up ------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Epoch.h"

#include "runtime/base/SumTree.h"
#include "runtime/comm/Delay.h"
#include "runtime/comm/ReduceTree.h"

#include <optional>
#include <set>

using namespace plait;

namespace {

/// Summands [begin, end) as the header of communicators says.
template <typename T> T addAlongTree(const auto &summand, size_t begin, size_t end) {
  if (end - begin == 1)
    return T(summand(begin));
  size_t half = 1;
  while (2 * half < end - begin)
    half *= 2;
  return addAlongTree<T>(summand, begin, begin + half) + addAlongTree<T>(summand, begin + half, end);
}
template <typename T> float addUp(SumOrder order, size_t count, const auto &summand) {
  if (order == SumOrder::tree)
    return float(addAlongTree<T>(summand, 0, count));
  T sum = T(summand(0));
  for (size_t i = 1; i < count; ++i)
    sum = sum + T(summand(i));
  return float(sum);
}
float reduce(const Reduction &how, size_t count, const auto &summand) {
  if (how.kind == ReduceKind::sum)
    return how.wide ? addUp<double>(how.order, count, summand) : addUp<float>(how.order, count, summand);
  float most = summand(0);
  for (size_t i = 1; i < count; ++i)
    most = std::max(most, summand(i));
  return most;
}

Reduction drawReduction(Random &random) {
  bool isMax = random.oneIn(6), isTree = random.oneIn(3), isWide = random.oneIn(3);
  return {isMax ? ReduceKind::max : ReduceKind::sum, isTree ? SumOrder::tree : SumOrder::rank, isWide};
}

/// Of a program that says an algorithm; the sum is then in f32, in the order of the ranks or in that of the ring.
Reduction saidReduction(Algorithm algorithm, size_t columns) {
  Reduction how;
  how.algorithm = algorithm;
  how.columns = columns;
  return how;
}
/// Element `i` of rows of `columns`, of which those of rank p begin at `firstRow[p]`: x(p + 1) + x(p + 2) + ... + x(p).
float addAround(const std::vector<size_t> &firstRow, size_t columns, size_t i, const auto &summand) {
  size_t n = firstRow.size() - 1, owner = 0;
  while (firstRow[owner + 1] <= i / columns)
    ++owner;
  float sum = summand((owner + 1) % n);
  for (size_t step = 2; step <= n; ++step)
    sum = sum + summand((owner + step) % n);
  return sum;
}

/// What all epochs here have: rank r gives `valueOf(seed, r, i)`.
class SumEpoch : public Epoch {
protected:
  SumEpoch(const Setting &setting, uint64_t seed) : n(size_t(setting.ranks)), me(size_t(setting.me)), seed(seed) {}
  float own(size_t i) const { return valueOf(seed, me, i); }
  float sumAt(size_t i, const Reduction &how) const {
    return reduce(how, n, [&](size_t rank) { return valueOf(seed, rank, i); });
  }
  /// Where the shares of the ranks begin, and where the last ends. Some are empty.
  static std::vector<size_t> drawShares(size_t total, size_t ranks, Random &random) {
    std::vector<size_t> bounds = {0};
    bool isEven = random.oneIn(3);
    for (size_t rank = 1; rank < ranks; ++rank)
      bounds.push_back(isEven ? total * rank / ranks : random.oneIn(4) ? bounds.back() : random.draw(total + 1));
    bounds.push_back(total);
    std::sort(bounds.begin(), bounds.end());
    return bounds;
  }
  size_t n, me;
  uint64_t seed;
};

class AllReduceEpoch final : public SumEpoch {
public:
  AllReduceEpoch(const Setting &setting, uint64_t seed, Random random, Random placing)
      : SumEpoch(setting, seed),
        how(isOfProgram(setting.algorithm) ? saidReduction(setting.algorithm, 1 + random.draw(random.oneIn(2) ? 40 : 1))
                                           : drawReduction(random)),
        data(drawBytes(random, setting.staging, mostBytes(setting, random)) / sizeof(float) / how.columns * how.columns,
             placing) {
    data.fill([&](size_t i) { return own(i); });
    bool isChain = how.kind == ReduceKind::max || how.order == SumOrder::rank;
    isOf = setting.algorithm != Algorithm::chain || isChain;
    for (size_t rank = 0; rank <= n; ++rank)
      firstRow.push_back(data.size() / how.columns * rank / n);
  }
  bool isOfProtocol() const override { return isOf; }
  Status run(Communicator &c) override { return c.allReduce(data, how, "sum"); }
  std::string check() const override {
    if (how.algorithm == Algorithm::ring)
      return data.compare("data", [&](size_t i) {
        return addAround(firstRow, how.columns, i, [&](size_t rank) { return valueOf(seed, rank, i); });
      });
    return data.compare("data", [&](size_t i) { return sumAt(i, how); });
  }

private:
  /// Seldom several pieces of a chain.
  static size_t mostBytes(const Setting &setting, Random &random) {
    return setting.algorithm > Algorithm::twoShot && random.oneIn(8) ? 250'000 : 5 * setting.staging;
  }
  Reduction how;
  Guarded<float> data;
  std::vector<size_t> firstRow; ///< of a ring
  bool isOf;
};

class ReduceScatterEpoch final : public SumEpoch {
public:
  ReduceScatterEpoch(const Setting &setting, uint64_t seed, Random random, Random placing)
      : SumEpoch(setting, seed), how(drawReduction(random)),
        bounds(drawShares(drawBytes(random, setting.staging, 5 * setting.staging) / sizeof(float), n, random)),
        in(bounds.back(), placing), out(bounds[me + 1] - bounds[me], placing) {
    for (size_t rank = 0; rank < n; ++rank)
      counts.push_back(bounds[rank + 1] - bounds[rank]);
    in.fill([&](size_t i) { return own(i); });
  }
  Status run(Communicator &c) override { return c.reduceScatter(in, out, counts, how, "scatter"); }
  std::string check() const override {
    return out.compare("out", [&](size_t i) { return sumAt(bounds[me] + i, how); }) +
           in.compare(" in", [&](size_t i) { return own(i); });
  }

private:
  Reduction how;
  std::vector<size_t> bounds, counts;
  Guarded<float> in, out;
};

/// What the epilogue makes of a row: each element of all of them.
[[gnu::noinline]] void computeRow(const float *sum, float *part, size_t columns) {
  float total = 0;
  for (size_t i = 0; i < columns; ++i)
    total += sum[i];
  for (size_t i = 0; i < columns; ++i)
    part[i] = sum[i] * 0.25f + total;
}

class ReduceGatherEpoch final : public SumEpoch {
public:
  ReduceGatherEpoch(const Setting &setting, uint64_t seed, Random random, Random placing)
      : SumEpoch(setting, seed),
        how(setting.algorithm == Algorithm::ring ? saidReduction(Algorithm::ring, 1) : drawReduction(random)),
        columns(drawColumns(setting, random)), firstRow(drawShares(drawRows(setting, columns, random), n, random)),
        rows(firstRow[me + 1] - firstRow[me]),
        fits(columns * sizeof(float) <= setting.staging / n || how.algorithm == Algorithm::ring),
        in(firstRow.back() * columns, placing), sum(rows * columns, placing), part(rows * columns, placing),
        out(firstRow.back() * columns, placing) {
    in.fill([&](size_t i) { return own(i); });
  }
  bool isOfProtocol() const override { return fits; }
  Status run(Communicator &c) override {
    auto epilogue = [&](size_t begin, size_t end) {
      inOrder &= begin == next && begin < end && end <= rows;
      next = end;
      for (size_t row = begin; row < end; ++row) {
        delayHere();
        computeRow(sum.data() + row * columns, part.data() + row * columns, columns);
      }
    };
    return c.reduceGather({in, sum.data(), part.data(), out, firstRow, columns}, how, epilogue, "fused");
  }
  std::string check() const override {
    if (!inOrder || next != rows)
      return "rows: found an epilogue that was not called for each in order";
    std::vector<float> sums(out.size()), parts(out.size());
    for (size_t i = 0; i < sums.size(); ++i)
      sums[i] = how.algorithm == Algorithm::ring
                    ? addAround(firstRow, columns, i, [&](size_t rank) { return valueOf(seed, rank, i); })
                    : sumAt(i, how);
    for (size_t row = 0; row < firstRow.back(); ++row)
      computeRow(sums.data() + row * columns, parts.data() + row * columns, columns);
    size_t first = firstRow[me] * columns;
    return out.compare("out", [&](size_t i) { return parts[i]; }) +
           part.compare(" part", [&](size_t i) { return parts[first + i]; }) +
           sum.compare(" sum", [&](size_t i) { return sums[first + i]; }) +
           in.compare(" in", [&](size_t i) { return own(i); });
  }

private:
  static size_t drawColumns(const Setting &setting, Random &random) {
    // A row of each rank fits into the buffer; now and then one that does not.
    size_t most = setting.staging / size_t(setting.ranks) / sizeof(float);
    return random.oneIn(16) ? most + 1 + random.draw(8) : 1 + random.draw(random.oneIn(4) ? most : most / 8);
  }
  static size_t drawRows(const Setting &setting, size_t columns, Random &random) {
    return random.draw(2 + 4 * setting.staging / (columns * sizeof(float)) / (random.oneIn(4) ? 1 : 4));
  }
  Reduction how;
  size_t columns;
  std::vector<size_t> firstRow;
  size_t rows;
  bool fits;
  Guarded<float> in, sum, part, out;
  size_t next = 0;
  bool inOrder = true;
};

/// Leaves, of which each rank has some, in nodes of any size.
class TreeEpoch final : public SumEpoch {
public:
  TreeEpoch(const Setting &setting, uint64_t seed, bool scatters, Random random, Random placing)
      : SumEpoch(setting, seed), scatters(scatters), leaves(int64_t(n + random.draw(3 * n))),
        rows(random.draw(scatters ? 3 * n : 9)), columns(1 + random.draw(random.oneIn(4) ? 120 : 30)) {
    if (!scatters && random.oneIn(100)) { // so many that the ranks share them out
      rows = n + random.draw(9);
      columns = (size_t(260) << 10) / (rows * n * sizeof(float)) + 1;
    }
    drawNodes(random);
    firstRow = drawShares(rows, n, random);
    first = scatters ? firstRow[me] : 0, last = scatters ? firstRow[me + 1] : rows;
    source.emplace(rows * size_t(bounds[me + 1] - bounds[me]) * columns, placing);
    target.emplace((last - first) * columns, placing);
    source->fill([&](size_t i) { return given(i); });
  }
  Status run(Communicator &c) override {
    ReduceTree tree(ends, bounds);
    return scatters ? tree.reduceScatter(c, source->data(), target->data(), firstRow, columns, "tree")
                    : tree.allReduce(c, source->data(), target->data(), rows, columns, "tree");
  }
  std::string check() const override {
    return target->compare("target", [&](size_t i) { return nodeOf(0, leaves, first * columns + i); }) +
           source->compare(" source", [&](size_t i) { return given(i); });
  }

private:
  void drawNodes(Random &random) {
    std::set<int64_t> cuts = {leaves};
    while (cuts.size() < n)
      cuts.insert(int64_t(random.draw(size_t(leaves) - 1)) + 1);
    int64_t begin = 0;
    for (int64_t cut : cuts) {
      while (begin < cut) {
        int64_t end = sumTreeNodeEnd(begin, cut, leaves);
        if (random.oneIn(4))
          end = sumTreeNodeEnd(begin, begin + (end - begin + 1) / 2, leaves);
        ends.push_back(begin = end);
      }
      bounds.push_back(int64_t(ends.size()));
    }
  }
  float nodeOf(int64_t begin, int64_t end, size_t i) const {
    return addAlongTree<float>([&](size_t leaf) { return valueOf(seed, leaf, i); }, size_t(begin), size_t(end));
  }
  float given(size_t i) const {
    size_t nodes = size_t(bounds[me + 1] - bounds[me]), node = size_t(bounds[me]) + i / columns % nodes;
    return nodeOf(node ? ends[node - 1] : 0, ends[node], i / columns / nodes * columns + i % columns);
  }
  bool scatters;
  int64_t leaves;
  size_t rows, columns, first = 0, last = 0;
  std::vector<int64_t> ends, bounds = {0};
  std::vector<size_t> firstRow;
  std::optional<Guarded<float>> source, target;
};

} // namespace

std::unique_ptr<Epoch> plait::makeSumEpoch(Protocol protocol, const Setting &setting, uint64_t seed) {
  Random random(seed), placing(seed + 1 + uint64_t(setting.me));
  switch (protocol) {
  case Protocol::allReduce:
    return std::make_unique<AllReduceEpoch>(setting, seed, random, placing);
  case Protocol::reduceScatter:
    return std::make_unique<ReduceScatterEpoch>(setting, seed, random, placing);
  case Protocol::reduceGather:
    return std::make_unique<ReduceGatherEpoch>(setting, seed, random, placing);
  default:
    return std::make_unique<TreeEpoch>(setting, seed, protocol == Protocol::treeReduceScatter, random, placing);
  }
}
