//===- ReduceTreeTest.cpp -------------------------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/comm/ReduceTree.h"

#include "runtime/base/SumTree.h"
#include "runtime/comm/LocalGroup.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <set>
#include <thread>

#include <unistd.h>

using namespace plait;

namespace {

/// Element `i` of leaf `leaf`: of sizes that make the order of sums show.
float valueOf(int64_t leaf, size_t i) {
  uint64_t bits = (uint64_t(leaf) * 7919 + i + 1) * 0x9E3779B97F4A7C15u;
  bits = (bits ^ (bits >> 29)) * 0xBF58476D1CE4E5B9u;
  return std::ldexp(float(int32_t(bits >> 32)), -int(bits >> 24 & 15));
}

/// What the header of the ABI says, literally.
float nodeOf(int64_t begin, int64_t end, size_t i) {
  if (end - begin == 1)
    return valueOf(begin, i);
  int64_t half = 1;
  while (2 * half < end - begin)
    half *= 2;
  return nodeOf(begin, begin + half, i) + nodeOf(begin + half, end, i);
}

void collectNodes(int64_t begin, int64_t end, std::set<std::pair<int64_t, int64_t>> &nodes) {
  nodes.insert({begin, end});
  int64_t half = 1;
  while (2 * half < end - begin)
    half *= 2;
  if (end - begin > 1) {
    collectNodes(begin, begin + half, nodes);
    collectNodes(begin + half, end, nodes);
  }
}

TEST(SumTree, NodesAreThoseOfTheRecursion) {
  for (int64_t leaves = 1; leaves <= 40; ++leaves) {
    std::set<std::pair<int64_t, int64_t>> nodes;
    collectNodes(0, leaves, nodes);
    for (int64_t begin = 0; begin < leaves; ++begin)
      for (int64_t end = begin + 1; end <= leaves; ++end) {
        EXPECT_EQ(isSumTreeNode(begin, end, leaves), nodes.count({begin, end}) == 1);
        int64_t largest = sumTreeNodeEnd(begin, end, leaves);
        EXPECT_TRUE(nodes.count({begin, largest})) << begin << " " << largest << " of " << leaves;
        for (int64_t longer = largest + 1; longer <= end; ++longer)
          EXPECT_FALSE(nodes.count({begin, longer})) << begin << " " << longer << " of " << leaves;
      }
    EXPECT_FALSE(isSumTreeNode(0, leaves + 1, leaves));
    EXPECT_FALSE(isSumTreeNode(leaves, leaves, leaves));
  }
}

/// How ranks share out the leaves of a tree: each has some, in nodes that are the largest
/// or, at random, parts of those.
struct Split {
  std::vector<int64_t> ends, bounds = {0};

  Split(int64_t leaves, int64_t ranks, std::mt19937 &engine) {
    std::set<int64_t> cuts{leaves};
    while (int64_t(cuts.size()) < ranks)
      cuts.insert(int64_t(engine() % uint64_t(leaves - 1)) + 1);
    int64_t begin = 0;
    for (int64_t cut : cuts) {
      while (begin < cut) {
        int64_t end = sumTreeNodeEnd(begin, cut, leaves);
        if (engine() % 4 == 0)
          end = sumTreeNodeEnd(begin, begin + (end - begin + 1) / 2, leaves);
        ends.push_back(begin = end);
      }
      bounds.push_back(int64_t(ends.size()));
    }
  }
};

/// The root on all ranks, or of its rows on each, against the recursion bit by bit.
void check(const Split &split, size_t rows, size_t columns, bool scatter) {
  int ranks = int(split.bounds.size()) - 1;
  LocalGroupOptions options;
  options.size = ranks;
  options.identity = "tree";
  Expected<int> fd = LocalGroup::create(options);
  ASSERT_TRUE(fd.ok());
  auto region = std::make_shared<const SharedRegion>(SharedRegion::map(*fd).take());
  std::vector<size_t> firstRow;
  for (size_t rank = 0; rank <= size_t(ranks); ++rank)
    firstRow.push_back(scatter ? rows * rank / size_t(ranks) : rank ? rows : 0);
  std::vector<float> wanted;
  for (size_t i = 0; i < rows * columns; ++i)
    wanted.push_back(nodeOf(0, split.ends.back(), i));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < ranks; ++rank)
    threads.emplace_back([&, rank] {
      auto communicator = LocalGroup::join(region, rank, options);
      ASSERT_TRUE(communicator.ok());
      ReduceTree tree(split.ends, split.bounds);
      std::vector<float> source;
      for (size_t row = 0; row < rows; ++row)
        for (int64_t node = split.bounds[size_t(rank)]; node < split.bounds[size_t(rank) + 1]; ++node)
          for (size_t column = 0; column < columns; ++column)
            source.push_back(
                nodeOf(node ? split.ends[size_t(node) - 1] : 0, split.ends[size_t(node)], row * columns + column));
      size_t first = scatter ? firstRow[size_t(rank)] : 0, last = scatter ? firstRow[size_t(rank) + 1] : rows;
      std::vector<float> target((last - first) * columns);
      Status status = scatter
                          ? tree.reduceScatter(**communicator, source.data(), target.data(), firstRow, columns, "sum")
                          : tree.allReduce(**communicator, source.data(), target.data(), rows, columns, "sum");
      EXPECT_TRUE(status.ok()) << status.message();
      EXPECT_EQ(std::memcmp(target.data(), wanted.data() + first * columns, target.size() * sizeof(float)), 0)
          << ranks << " ranks, " << split.ends.back() << " leaves, " << rows << " rows";
    });
  for (std::thread &thread : threads)
    thread.join();
  ::close(*fd);
}

TEST(ReduceTree, RootOfAnySplitIsThatOfOneRank) {
  std::mt19937 engine(3);
  for (int64_t ranks = 1; ranks <= 8; ++ranks)
    for (int64_t leaves : {ranks, ranks + 1, int64_t(6) + ranks, int64_t(43)}) {
      Split split(leaves, ranks, engine);
      check(split, 1, 37, /*scatter=*/false);
      check(split, 11, 5, /*scatter=*/true);
      check(split, 3, 5, /*scatter=*/true); // some ranks have no row
    }
}

// So many bytes that ranks share out the sums.
TEST(ReduceTree, LargeSums) {
  std::mt19937 engine(5);
  for (int64_t ranks : {2, 3}) {
    Split split(7, ranks, engine);
    check(split, 17, 2100, /*scatter=*/false);
  }
}

} // namespace
