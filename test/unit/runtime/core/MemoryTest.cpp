//===- MemoryTest.cpp - Tests of what ranks need of memory ----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Memory.h"

#include "runtime/core/Instance.h"
#include "runtime/core/MemoryCheck.h"
#include "test/unit/runtime/DemoModel.h"

#include "gtest/gtest.h"

#include <cstdlib>

#include <unistd.h>

using namespace plait;

namespace {

class MemoryTest : public testing::Test {
protected:
  void TearDown() override { unsetenv("PLAIT_MEMORY_LIMIT"); }
  static void limit(double bytes) {
    setenv("PLAIT_MEMORY_LIMIT", std::to_string(int64_t(bytes)).c_str(), /*overwrite=*/1);
  }
  double needed(const InstanceOptions &options) {
    auto ledger = ledgerOf(*model, options);
    return ledger ? ledger->total() - ledger->ranks[0].program : -1;
  }

  demo::Artifact artifact;
  std::shared_ptr<const Model> model = artifact.open().take();
};

TEST(ParseBytesTest, Units) {
  EXPECT_EQ(parseBytes("17"), 17);
  EXPECT_EQ(parseBytes("3K"), 3 << 10);
  EXPECT_EQ(parseBytes("16G"), int64_t(16) << 30);
  EXPECT_EQ(parseBytes("1T"), int64_t(1) << 40);
  for (const char *text : {"", "K", "0", "-1", "1.5G", "1g", "1GB", "9999999999T", "99999999999999999999"})
    EXPECT_EQ(parseBytes(text), -1) << text;
}

TEST_F(MemoryTest, LedgerIsWhatAnInstanceReserves) {
  for (InstanceOptions options : {InstanceOptions{.threads = 1},
                                  {.threads = 1, .maxTokens = 7, .maxRows = 3},
                                  {.threads = 1, .capacityPages = 77}}) {
    auto ledger = ledgerOf(*model, options);
    ASSERT_TRUE(ledger) << ledger.status().message();
    auto instance = Instance::create(model, options);
    ASSERT_TRUE(instance);
    ASSERT_EQ(ledger->ranks.size(), 1u);
    EXPECT_EQ(ledger->ranks[0].arena, double((*instance)->arenaMemory()));
    EXPECT_EQ(ledger->ranks[0].state, double((*instance)->stateMemory()));
    EXPECT_EQ(ledger->ranks[0].weights, double(model->tables().pack_bytes));
    EXPECT_EQ(ledger->pages, (*instance)->limits().tables[0].capacityPages);
    EXPECT_EQ(ledger->communication, 0);
  }
}

TEST_F(MemoryTest, TheLimitIsExact) {
  InstanceOptions options{.threads = 1, .maxTokens = 2000, .maxRows = 1, .capacityPages = 1000};
  double need = needed(options);
  limit(need);
  EXPECT_EQ(availableMemory().limit, "PLAIT_MEMORY_LIMIT");
  EXPECT_TRUE(Instance::create(model, options));
  limit(need - 1);
  Status status = Instance::create(model, options).status();
  EXPECT_EQ(status.code(), StatusCode::resource);
  const std::string &text = status.message();
  EXPECT_EQ(text.find("memory: found "), 0u) << text;
  for (const char *part : {" available (PLAIT_MEMORY_LIMIT); expected ", ": weights 1.4", " for 4000 positions, arena ",
                           "; it would fit, the cheapest first: steps of 64 tokens (--chunk 64) needs ",
                           " positions instead of 4000 (a shorter prompt, --max-tokens, --context or --batch) needs "})
    EXPECT_NE(text.find(part), std::string::npos) << part << " in " << text;
}

TEST_F(MemoryTest, NothingAloneHelps) {
  limit(1);
  std::string text = checkMemory(*model, {.threads = 1}).message();
  EXPECT_NE(text.find("; nothing alone makes it fit; all of this together needs "), std::string::npos) << text;
}

TEST_F(MemoryTest, PagesThatFit) {
  InstanceOptions options{.threads = 1, .maxTokens = 8, .maxRows = 1};
  EXPECT_EQ(pagesThatFit(*model, options, 1, 100), 100);
  options.capacityPages = 50;
  limit(needed(options) * 5 / 4);
  int64_t pages = pagesThatFit(*model, options, 1, 100);
  EXPECT_GE(pages, 49);
  EXPECT_LE(pages, 51);
  EXPECT_EQ(pagesThatFit(*model, options, 60, 100), 60);
}

TEST(AvailableMemoryTest, IsKnown) {
  AvailableMemory memory = availableMemory();
  EXPECT_GT(memory.bytes, 0);
  EXPECT_LT(memory.bytes, INT64_MAX);
  EXPECT_GT(peakMemory(getpid()), 1 << 20);
  EXPECT_EQ(peakMemory(-1), -1);
}

} // namespace
