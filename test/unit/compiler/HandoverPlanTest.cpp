//===- HandoverPlanTest.cpp - Tests of who sends which heads --------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Kernel/Kernel.h"
#include "dialects/Par/Par.h"

#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/Casting.h"

#include "gtest/gtest.h"

#include <random>

using namespace plait;
using namespace mlir;

namespace {

std::vector<par::HeadRange> split(std::mt19937 &random, int64_t ranks, int64_t heads) {
  std::vector<par::HeadRange> ranges;
  std::vector<int64_t> cuts = {0, heads};
  for (int64_t i = 1; i < ranks && heads >= ranks; ++i) { // any cuts, without empty parts
    int64_t cut;
    do
      cut = 1 + int64_t(random() % uint64_t(heads - 1));
    while (llvm::is_contained(cuts, cut));
    cuts.push_back(cut);
  }
  llvm::sort(cuts);
  for (int64_t rank = 0; rank < ranks; ++rank)
    if (random() % 5 == 0 || heads < ranks)
      ranges.push_back(heads < ranks ? par::HeadRange{rank * heads / ranks, rank * heads / ranks + 1}
                                     : par::HeadRange{0, heads});
    else
      ranges.push_back({cuts[size_t(rank)], cuts[size_t(rank) + 1]});
  return ranges;
}

// Heads are labelled; after the sends each rank has what slicing the whole gives it.
TEST(HandoverPlanTest, EqualsSlicing) {
  MLIRContext context;
  context.loadDialect<par::ParDialect>();
  std::mt19937 random(3);
  for (int round = 0; round < 3000; ++round) {
    int64_t heads = 1 + int64_t(random() % 16);
    std::vector<par::HeadRange> sources = split(random, 1 + int64_t(random() % 8), heads);
    std::vector<par::HeadRange> targets = split(random, 1 + int64_t(random() % 8), heads);
    // Replicated sources may leave a head to nobody: such are no sharding.
    bool isWhole = true;
    for (int64_t head = 0; head < heads; ++head)
      isWhole &= llvm::any_of(sources, [&](par::HeadRange range) { return range.has(head); });
    auto sends = par::planSends(&context, sources, targets);
    if (!isWhole)
      continue;
    std::vector<std::vector<int64_t>> got;
    for (par::HeadRange range : targets)
      got.emplace_back(size_t(range.end - range.begin), -1);
    std::vector<int64_t> sent(sources.size(), 0);
    for (par::HeadsAttr send : sends) {
      par::HeadRange source = sources[size_t(send.getSource())];
      for (int64_t i = 0; i < send.getCount(); ++i) {
        ASSERT_LT(send.getSourceHead() + i, source.end - source.begin);
        int64_t &place = got[size_t(send.getTarget())].at(size_t(send.getTargetHead() + i));
        EXPECT_EQ(place, -1);
        place = source.begin + send.getSourceHead() + i;
      }
      sent[size_t(send.getSource())] += send.getCount();
    }
    for (size_t target = 0; target < targets.size(); ++target)
      for (size_t i = 0; i < got[target].size(); ++i)
        EXPECT_EQ(got[target][i], targets[target].begin + int64_t(i));
    // Who is not asked by another rank's need sends no more than all.
    for (int64_t count : sent)
      EXPECT_LE(count, heads * int64_t(targets.size()));
  }
}

// Ranks with the same heads take turns.
TEST(HandoverPlanTest, SharesTheWork) {
  MLIRContext context;
  context.loadDialect<par::ParDialect>();
  auto sends = par::planSends(&context, {{0, 2}, {0, 2}, {0, 2}}, {{0, 2}, {0, 2}, {0, 2}, {0, 2}});
  ASSERT_EQ(sends.size(), 4u);
  for (int64_t i = 0; i < 4; ++i)
    EXPECT_EQ(sends[size_t(i)], par::HeadsAttr::get(&context, i % 3, 0, i, 0, 2));
  // Three heads over two ranks to three ranks.
  sends = par::planSends(&context, {{0, 2}, {2, 3}}, {{0, 1}, {1, 2}, {2, 3}});
  ASSERT_EQ(sends.size(), 3u);
  EXPECT_EQ(sends[1], par::HeadsAttr::get(&context, 0, 1, 1, 0, 1));
  EXPECT_EQ(sends[2], par::HeadsAttr::get(&context, 1, 0, 2, 0, 1));
}

// The planes of a page are all that it holds, without overlaps.
TEST(HandoverPlanTest, PlanesMakeUpPages) {
  MLIRContext context;
  context.loadDialect<lm::LmDialect>();
  Type elements[] = {Float32Type::get(&context), BFloat16Type::get(&context), IntegerType::get(&context, 8)};
  for (Type element : elements)
    for (int64_t heads : {1, 3, 8})
      for (int64_t headDim : {4, 20, 64}) {
        kernel::PageLayout layout(lm::StateType::get(&context, 2, heads, headDim, element, std::nullopt));
        int64_t end = 0, bytes = 0;
        for (kernel::PageLayout::Plane plane : layout.planes()) {
          EXPECT_GE(plane.begin, end);
          EXPECT_LT(plane.begin - end, 4);
          end = plane.begin + heads * plane.headBytes;
          bytes += plane.headBytes;
        }
        EXPECT_LE(end, layout.bytes());
        EXPECT_LT(layout.bytes() - end, 64);
        EXPECT_EQ(bytes, layout.getHeadBytes());
        EXPECT_EQ(layout.planes().size(), element.isInteger(8) ? 4u : 2u);
      }
}

} // namespace
