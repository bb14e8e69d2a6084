//===- PagePoolTest.cpp - Tests of the page pool --------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/core/PagePool.h"

#include "gtest/gtest.h"

#include <utility>

using namespace plait;

namespace {

TEST(PagePoolTest, HandsOutEveryPageOnceAndThenSaysSo) {
  PagePool pool(3);
  PageList list(pool);
  ASSERT_TRUE(list.grow(3));
  EXPECT_EQ(list.pages(), (std::vector<int32_t>{0, 1, 2}));
  Expected<int32_t> page = pool.allocate();
  EXPECT_EQ(page.status().code(), StatusCode::resource);
  EXPECT_NE(page.status().message().find("all 3 pages"), std::string::npos);
}

TEST(PagePoolTest, FailedGrowthChangesNothing) {
  PagePool pool(4);
  PageList a(pool), b(pool);
  ASSERT_TRUE(a.grow(2));
  EXPECT_FALSE(b.grow(3));
  EXPECT_EQ(b.size(), 0u);
  EXPECT_EQ(pool.available(), 2);
  EXPECT_TRUE(b.grow(2));
}

TEST(PagePoolTest, ForkSharesUntilBothHaveGone) {
  PagePool pool(4);
  {
    PageList a(pool);
    ASSERT_TRUE(a.grow(2));
    PageList b = a.fork();
    EXPECT_EQ(pool.references(0), 2);
    EXPECT_EQ(pool.available(), 2);
    a.clear();
    EXPECT_EQ(pool.references(0), 1);
    PageList c = std::move(b);
    EXPECT_EQ(b.size(), 0u);
    EXPECT_EQ(pool.references(1), 1);
  }
  EXPECT_EQ(pool.available(), 4);
}

TEST(PagePoolTest, WritingASharedPageCopiesItOnce) {
  PagePool pool(4);
  PageList a(pool);
  ASSERT_TRUE(a.grow(2));
  PageList b = a.fork();
  std::vector<std::pair<int32_t, int32_t>> copies;
  PageCopy copy = [&](int32_t from, int32_t to) {
    copies.emplace_back(from, to);
    return Status::success();
  };
  ASSERT_TRUE(b.makeWritable(1, copy));
  ASSERT_TRUE(b.makeWritable(1, copy)); // its own by now
  ASSERT_TRUE(a.makeWritable(1, copy)); // nobody else's any more
  EXPECT_EQ(copies, (std::vector<std::pair<int32_t, int32_t>>{{1, 2}}));
  EXPECT_EQ(a.pages(), (std::vector<int32_t>{0, 1}));
  EXPECT_EQ(b.pages(), (std::vector<int32_t>{0, 2}));
  EXPECT_EQ(pool.references(0), 2);
  EXPECT_EQ(pool.references(1), 1);
}

TEST(PagePoolTest, PagesBehindAWindowGoRoundInARing) {
  PagePool pool(3);
  PageList list(pool);
  constexpr int32_t none = PageList::released;
  ASSERT_TRUE(list.grow(3));
  list.release(2);
  EXPECT_EQ(list.pages(), (std::vector<int32_t>{none, none, 2}));
  EXPECT_EQ(list.held(), 1u);
  list.release(1); // long gone
  EXPECT_EQ(pool.available(), 2);
  for (size_t count = 4; count < 100; ++count) {
    ASSERT_TRUE(list.grow(count));
    list.release(count - 2);
    EXPECT_EQ(list.size(), count);
    EXPECT_EQ(list.held(), 2u);
    EXPECT_EQ(pool.available(), 1);
  }
  list.release(1000);
  EXPECT_EQ(list.size(), 99u);
  EXPECT_EQ(pool.available(), 3);
}

TEST(PagePoolTest, ForkHoldsWhatItsParentGivesBack) {
  PagePool pool(4);
  PageList a(pool);
  ASSERT_TRUE(a.grow(3));
  a.release(1);
  PageList b = a.fork();
  EXPECT_EQ(b.pages(), a.pages());
  a.release(2);
  EXPECT_EQ(pool.references(1), 1);
  EXPECT_EQ(pool.available(), 2);
  PageList c = std::move(b);
  EXPECT_EQ(c.held(), 2u);
  c.clear();
  EXPECT_EQ(pool.references(1), 0);
  EXPECT_EQ(pool.references(2), 1);
  ASSERT_TRUE(c.grow(2)) << "a cleared list begins anew";
  EXPECT_EQ(c.held(), 2u);
}

TEST(PagePoolTest, ShrinkGivesBackTheEnd) {
  PagePool pool(5);
  PageList list(pool);
  ASSERT_TRUE(list.grow(4));
  list.release(1);
  list.shrink(9); // longer than it is
  EXPECT_EQ(list.size(), 4u);
  list.shrink(3);
  EXPECT_EQ(list.size(), 3u);
  EXPECT_EQ(list.held(), 2u);
  EXPECT_EQ(pool.available(), 3);
  list.shrink(0);
  EXPECT_EQ(list.held(), 0u);
  EXPECT_EQ(pool.available(), 5);
}

TEST(PagePoolTest, FailedCopyLeaksNothing) {
  PagePool pool(3);
  PageList a(pool);
  ASSERT_TRUE(a.grow(1));
  PageList b = a.fork();
  EXPECT_FALSE(b.makeWritable(0, [](int32_t, int32_t) { return internalError("no"); }));
  EXPECT_EQ(pool.available(), 2);
  EXPECT_EQ(b.pages(), a.pages());
}

} // namespace
