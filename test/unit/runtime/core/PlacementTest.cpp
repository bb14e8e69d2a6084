//===- PlacementTest.cpp - Which thread reads which weights ---------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compares what is said before a step with who computes which tile in one.
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Placement.h"

#include "runtime/core/Tables.h"
#include "runtime/device/cpu/Executor.h"
#include "runtime/device/cpu/PageMemory.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <thread>
#include <vector>

#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace plait;

namespace {

/// The thread that has run each tile of a launch.
using Ran = std::vector<std::thread::id>;

void note(const plait_context_v1_t *, void *const *buffers, const int64_t *, int64_t begin, int64_t end, int64_t step) {
  for (int64_t tile = begin; tile < end; tile += step)
    (*static_cast<Ran *>(buffers[0]))[size_t(tile)] = std::this_thread::get_id();
}

class Placement : public testing::TestWithParam<unsigned> {
protected:
  struct Launch {
    std::vector<int32_t> weights;
    int64_t tiles;
  };

  int32_t addWeight(int64_t rows, int64_t cols, int64_t layers, int32_t dtype, uint64_t gap) {
    plait_weight_v4_t weight{};
    weight.name = weight.source = "w";
    weight.rows = rows;
    weight.cols = cols;
    weight.layers = layers;
    weight.dtype = dtype;
    weight.layout = PLAIT_LAYOUT_PANELS;
    weight.panel = 32;
    weight.group = dtype == PLAIT_DTYPE_F32 ? 1 : dtype == PLAIT_DTYPE_BF16 ? 2 : 4;
    weight.scale_group = dtype == PLAIT_DTYPE_I8 ? 32 : 0;
    weight.layer_bytes = uint64_t(packedBytes(weight) + 63) / 64 * 64;
    weight.pack_offset = packBytes + gap;
    packBytes = weight.pack_offset + uint64_t(layers) * weight.layer_bytes;
    weights.push_back(weight);
    return int32_t(weights.size()) - 1;
  }

  void add(std::vector<int32_t> of, int64_t tiles) {
    int32_t number = int32_t(launches.size()), firstArg = int32_t(args.size());
    args.push_back({PLAIT_ARG_INPUT, number});
    for (int32_t weight : of)
      args.push_back({PLAIT_ARG_WEIGHT, weight});
    kernels.push_back({"k", note, tiles, 1, -1, 0});
    launches.push_back({number, firstArg, int32_t(of.size()) + 1, 1, 0, 1, 0, 0, 0, 0});
  }

  plait_model_v4_t model() {
    plait_model_v4_t model{};
    model.token_group = -1;
    model.ranks = 1;
    model.kernels = kernels.data();
    model.weights = weights.data();
    model.weight_count = int32_t(weights.size());
    model.pack_bytes = packBytes;
    return model;
  }
  plait_plan_v2_t plan() {
    plait_plan_v2_t plan{};
    plan.args = args.data();
    plan.arg_count = int32_t(args.size());
    plan.launches = launches.data();
    plan.launch_count = int32_t(launches.size());
    return plan;
  }

  static unsigned ownerOf(const std::vector<WeightShare> &shares, uint64_t byte) {
    auto share = std::find_if(shares.begin(), shares.end(), [&](const WeightShare &s) { return byte < s.end; });
    return share == shares.end() ? ~0u : share->thread;
  }

  uint64_t packBytes = 0;
  std::vector<plait_weight_v4_t> weights;
  std::vector<plait_kernel_v1_t> kernels;
  std::vector<plait_arg_v1_t> args;
  std::vector<plait_launch_v3_t> launches;
};

TEST_P(Placement, IsThatOfTiles) {
  int32_t alone = addWeight(300, 70, 3, PLAIT_DTYPE_F32, 0);
  int32_t gate = addWeight(1000, 64, 2, PLAIT_DTYPE_BF16, 64), up = addWeight(1000, 64, 2, PLAIT_DTYPE_BF16, 0);
  int32_t q = addWeight(96, 96, 2, PLAIT_DTYPE_I8, 4096), k = addWeight(32, 96, 2, PLAIT_DTYPE_I8, 0),
          v = addWeight(40, 96, 2, PLAIT_DTYPE_I8, 128);
  int32_t head = addWeight(2048, 40, 1, PLAIT_DTYPE_BF16, 0);
  packBytes += 100; // nobody's
  add({alone}, 10);
  add({gate, up}, 32);
  add({q, k, v}, 3 + 1 + 2);
  add({head}, 4);  // of 16 panels each
  add({alone}, 1); // and once more, by one thread

  const unsigned threads = GetParam();
  auto pool = ThreadPool::create(threads);
  ASSERT_TRUE(pool.ok());
  std::vector<std::thread::id> ids(threads);
  (*pool)->run([&](unsigned thread) { ids[thread] = std::this_thread::get_id(); });
  plait_model_v4_t tables = model();
  plait_plan_v2_t steps = plan();
  std::vector<WeightShare> shares = weightShares(tables, steps, threads);

  uint64_t end = 0;
  for (const WeightShare &share : shares) {
    EXPECT_EQ(share.begin, end);
    EXPECT_LT(share.begin, share.end);
    EXPECT_LT(share.thread, threads);
    end = share.end;
  }
  EXPECT_EQ(end, packBytes);

  std::vector<Ran> ran;
  for (const plait_kernel_v1_t &kernel : kernels)
    ran.emplace_back(size_t(kernel.tile_count));
  Executor::StepMemory memory;
  for (size_t i = 0; i < ran.size(); ++i)
    memory.inputs[i] = &ran[i];
  std::vector<uint8_t> pack(1);
  Executor executor(tables, steps, pack.data());
  StepDims dims{};
  dims[PLAIT_DIM_TOKENS] = 1;
  ASSERT_TRUE(executor.run(**pool, {}, dims, memory));

  auto check = [&](int32_t index, size_t launch, int64_t tileBefore, int64_t panelsOfTile) {
    const plait_weight_v4_t &weight = weights[size_t(index)];
    int64_t panels = (weight.rows + 31) / 32, bytes = packedBytes(weight) / panels;
    for (int64_t layer = 0; layer < weight.layers; ++layer)
      for (int64_t panel = 0; panel < panels; ++panel) {
        uint64_t begin = weight.pack_offset + uint64_t(layer) * weight.layer_bytes + uint64_t(panel * bytes);
        std::thread::id reader = ran[launch][size_t(tileBefore + panel / panelsOfTile)];
        EXPECT_EQ(ids[ownerOf(shares, begin)], reader) << "weight " << index << ", panel " << panel;
        EXPECT_EQ(ids[ownerOf(shares, begin + uint64_t(bytes) - 1)], reader);
      }
  };
  check(alone, 0, 0, 1);
  check(gate, 1, 0, 1);
  check(up, 1, 0, 1);
  check(q, 2, 0, 1);
  check(k, 2, 3, 1);
  check(v, 2, 4, 1);
  check(head, 3, 0, 16);
}

TEST_P(Placement, TouchesEachPageOnce) {
  const auto page = size_t(sysconf(_SC_PAGESIZE));
  const size_t pages = 40;
  void *memory = mmap(nullptr, pages * page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  if (madvise(memory, page, MADV_POPULATE_READ) != 0)
    GTEST_SKIP() << "the system has no MADV_POPULATE_READ";
  madvise(memory, pages * page, MADV_DONTNEED);
  auto resident = [&] {
    std::vector<unsigned char> found(pages);
    EXPECT_EQ(mincore(memory, pages * page, found.data()), 0);
    return found;
  };
  // Shares end within pages, and some have none.
  const unsigned threads = GetParam();
  std::vector<WeightShare> shares;
  for (uint64_t begin = 0, i = 0; begin < pages * page; ++i) {
    uint64_t end = std::min<uint64_t>(begin + (i % 3 ? 3 * page - 100 : 900), pages * page);
    shares.push_back({begin, end, unsigned(i % threads)});
    begin = end;
  }
  auto pool = ThreadPool::create(threads);
  ASSERT_TRUE(pool.ok());
  std::vector<int> touched(pages);
  for (unsigned thread = 0; thread < threads; ++thread) {
    madvise(memory, pages * page, MADV_DONTNEED);
    std::vector<WeightShare> own;
    std::copy_if(shares.begin(), shares.end(), std::back_inserter(own),
                 [&](const WeightShare &share) { return share.thread == thread; });
    populate(**pool, static_cast<uint8_t *>(memory), own);
    std::vector<unsigned char> found = resident();
    for (size_t i = 0; i < pages; ++i) {
      touched[i] += found[i] & 1;
      if (found[i] & 1) // the page's first byte is the thread's
        EXPECT_EQ(ownerOf(shares, i * page), thread) << "page " << i;
    }
  }
  EXPECT_EQ(touched, std::vector<int>(pages, 1));
  munmap(memory, pages * page);
}

INSTANTIATE_TEST_SUITE_P(Threads, Placement, testing::Values(1, 2, 3, 7));

TEST(PageMemory, IsSpreadOverNodes) {
  auto memory = PageMemory::allocate(1 << 20, "test");
  ASSERT_TRUE(memory.ok());
  auto modeOf = [&]() -> int {
    int mode = -1;
    if (syscall(SYS_get_mempolicy, &mode, nullptr, 0, memory->data(), MPOL_F_ADDR) != 0)
      return -1;
    return mode;
  };
  if (modeOf() < 0)
    GTEST_SKIP() << "the system has no memory policies";
  memory->interleave({});
  EXPECT_EQ(modeOf(), MPOL_DEFAULT);
  memory->interleave({0});
  EXPECT_EQ(modeOf(), MPOL_INTERLEAVE);
  memory->data()[4096] = 1; // and it is memory
  PageMemory().interleave({0});
}

} // namespace
