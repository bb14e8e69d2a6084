//===- ExecutorTest.cpp - Order of launches -------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Plans of random launches whose kernel checks, in every tile, that all launches
// before the last barrier are complete: also where the executor puts barriers off.
//
//===----------------------------------------------------------------------===//

#include "runtime/device/cpu/Executor.h"

#include "test/unit/runtime/device/ExecutorFixture.h"

#include "gtest/gtest.h"

#include <array>
#include <atomic>
#include <numeric>
#include <random>
#include <string>
#include <vector>

using namespace plait;

namespace {

constexpr int32_t kLaunches = PLAIT_IN_COUNT; // each finds its state in an input of its own

/// What all launches of a step have done, and one launch's part in it.
struct Course {
  std::atomic<int64_t> tiles[kLaunches]; ///< computed by each launch
  std::atomic<int64_t> wrong{0};
};
struct Place {
  Course *course;
  int32_t launch;
  int32_t complete;    ///< launches before this one must have all their tiles
  const int64_t *want; ///< tiles of each launch
};

void kernel(const plait_context_v1_t *, void *const *buffers, const int64_t *, int64_t begin, int64_t end,
            int64_t step) {
  const Place &place = *static_cast<const Place *>(buffers[0]);
  for (int64_t tile = begin; tile < end; tile += step) {
    for (int32_t i = 0; i < place.complete; ++i)
      place.course->wrong += place.course->tiles[i].load(std::memory_order_relaxed) != place.want[i];
    for (volatile int spin = 0; spin < 200; spin = spin + 1) // time for the others to get ahead
      ;
    place.course->tiles[place.launch].fetch_add(1, std::memory_order_relaxed);
  }
}

class Executors : public testing::TestWithParam<unsigned> {};

TEST_P(Executors, BarriersHold) {
  auto pool = ThreadPool::create(GetParam());
  ASSERT_TRUE(pool.ok());
  std::mt19937 random(GetParam());
  for (int plans = 0; plans < 200; ++plans) {
    std::vector<plait_kernel_v1_t> kernels;
    std::vector<plait_arg_v1_t> args;
    std::vector<plait_launch_v3_t> launches;
    std::vector<Place> places;
    Course course{};
    int64_t want[kLaunches];
    int32_t complete = 0;
    for (int32_t i = 0; i < kLaunches; ++i) {
      // Mostly single tiles, in runs.
      want[i] = random() % 3 ? 1 : int64_t(random() % 9);
      bool barrier = i == 0 || random() % 2;
      if (barrier)
        complete = i;
      kernels.push_back({"k", kernel, want[i], 1, -1, int32_t(random() % 2)});
      args.push_back({PLAIT_ARG_INPUT, i});
      launches.push_back({i, i, 1, barrier, 0, 1, 0, 0, 0, 0});
      places.push_back({&course, i, complete, want});
    }
    plait_model_v4_t model = noGroups();
    model.ranks = 1;
    model.kernels = kernels.data();
    plait_plan_v2_t plan{};
    plan.args = args.data();
    plan.launches = launches.data();
    plan.arg_count = plan.launch_count = kLaunches;
    Executor executor(model, plan, nullptr);
    Executor::StepMemory memory;
    for (int32_t i = 0; i < kLaunches; ++i)
      memory.inputs[size_t(i)] = &places[size_t(i)];
    for (int steps = 0; steps < 3; ++steps) {
      for (auto &tiles : course.tiles)
        tiles = 0;
      ASSERT_TRUE(executor.run(**pool, {}, {}, memory));
      for (int32_t i = 0; i < kLaunches; ++i)
        EXPECT_EQ(course.tiles[i], want[i]) << "launch " << i;
    }
    ASSERT_EQ(course.wrong, 0) << "plan " << plans;
  }
}

// Steps of few tokens and rows of more than 256 positions have spans, if there are threads for them.
TEST(Spans, OfSteps) {
  auto spans = [](int64_t tokens, int64_t pages, unsigned threads) {
    StepDims dims{};
    dims[PLAIT_DIM_TOKENS] = tokens;
    dims[PLAIT_DIM_PAGES] = pages;
    return spansOf(dims, /*pageTokens=*/64, threads);
  };
  EXPECT_EQ(spans(1, 4, 2), 0);
  EXPECT_EQ(spans(1, 5, 2), 2);
  EXPECT_EQ(spans(1, 5, 1), 0);
  EXPECT_EQ(spans(1, 64, 8), 16);
  EXPECT_EQ(spans(1, 65, 8), 17);
  EXPECT_EQ(spans(16, 65, 2), 16 * 17);
  EXPECT_EQ(spans(17, 65, 2), 0);
  EXPECT_EQ(spans(1, 16384, 2), 4096);
  EXPECT_EQ(spans(2, 2048, 2), 1024);
  EXPECT_EQ(spans(2, 2052, 2), 0);
  EXPECT_EQ(spans(0, 0, 2), 0); // a head by itself
  // What is reserved is the largest.
  for (int64_t mostTokens : {1, 2, 5, 16, 400})
    for (int64_t mostPages : {1, 4, 5, 9, 64, 300, 2048, 9000}) {
      int64_t largest = 0;
      for (int64_t tokens = 1; tokens <= mostTokens; ++tokens)
        for (int64_t pages = 1; pages <= mostPages; ++pages)
          largest = std::max(largest, spans(tokens, pages, 2));
      int64_t reserved = mostSpans(mostTokens, mostPages, /*pageTokens=*/64);
      EXPECT_LE(largest, reserved);
      EXPECT_LE(reserved, largest + 256) << mostTokens << " tokens, " << mostPages << " pages";
    }
}

// A launch whose tiles are spans finds them in its extents, and has none where there are none.
TEST_P(Executors, SpansAreTiles) {
  auto pool = ThreadPool::create(GetParam());
  ASSERT_TRUE(pool.ok());
  struct Seen {
    std::atomic<int64_t> tiles{0}, wrong{0};
    int64_t wanted;
  };
  plait_kernel_v1_t kernel{"spans",
                           [](const plait_context_v1_t *, void *const *buffers, const int64_t *dims, int64_t begin,
                              int64_t end, int64_t step) {
                             Seen &seen = *static_cast<Seen *>(buffers[0]);
                             seen.wrong += dims[PLAIT_DIM_SPANS] != seen.wanted;
                             for (int64_t tile = begin; tile < end; tile += step)
                               ++seen.tiles;
                           },
                           3,
                           1,
                           PLAIT_DIM_SPANS,
                           1};
  plait_state_v3_t state{};
  state.page_tokens = 64;
  plait_arg_v1_t arg{PLAIT_ARG_INPUT, 0};
  plait_launch_v3_t launch{0, 0, 1, 1, 0, 1, 0, 0, 0, 0};
  plait_model_v4_t model = noGroups();
  model.ranks = 1;
  model.kernels = &kernel;
  model.states = &state;
  model.state_count = 1;
  plait_plan_v2_t plan{};
  plan.args = &arg;
  plan.launches = &launch;
  plan.arg_count = plan.launch_count = 1;
  Executor executor(model, plan, nullptr);
  for (int64_t pages : {4, 30}) {
    Seen seen;
    seen.wanted = pages > 4 && GetParam() > 1 ? 2 * 8 : 0;
    Executor::StepMemory memory;
    memory.inputs[0] = &seen;
    StepDims dims{};
    dims[PLAIT_DIM_TOKENS] = 2;
    dims[PLAIT_DIM_PAGES] = pages;
    ASSERT_TRUE(executor.run(**pool, {}, dims, memory));
    EXPECT_EQ(seen.tiles, 3 * seen.wanted);
    EXPECT_EQ(seen.wrong, 0);
  }
}

// The body of a loop is run for each layer, with the layer's slice of a weight, and
// an iteration begins when the one before it is complete.
TEST_P(Executors, Layers) {
  static constexpr int64_t layers = 5, slice = 64;
  struct Slice {
    std::atomic<int64_t> *done; ///< tiles of all layers before
    int64_t before;
    std::atomic<int64_t> *wrong;
  };
  auto run = [](const plait_context_v1_t *, void *const *buffers, const int64_t *, int64_t begin, int64_t end,
                int64_t step) {
    const Slice &own = *static_cast<const Slice *>(buffers[0]);
    for (int64_t tile = begin; tile < end; tile += step) {
      *own.wrong += own.done[0].load() != own.before;
      own.done[1].fetch_add(1);
    }
  };
  auto advance = [](const plait_context_v1_t *, void *const *buffers, const int64_t *, int64_t begin, int64_t end,
                    int64_t step) {
    const Slice &own = *static_cast<const Slice *>(buffers[0]);
    for (int64_t tile = begin; tile < end; tile += step)
      own.done[0].store(own.done[1].load());
  };
  for (int64_t tiles : {1, 7}) {
    std::atomic<int64_t> done[2] = {0, 0}, wrong{0};
    alignas(64) uint8_t weights[layers * slice];
    for (int64_t layer = 0; layer < layers; ++layer)
      *reinterpret_cast<Slice *>(weights + layer * slice) = {done, layer * tiles, &wrong};
    plait_weight_v4_t weight{};
    weight.layers = layers;
    weight.layer_bytes = slice;
    plait_kernel_v1_t kernels[] = {{"run", run, tiles, 1, -1, 0}, {"advance", advance, 1, 1, -1, 0}};
    plait_arg_v1_t args[] = {{PLAIT_ARG_WEIGHT, 0}, {PLAIT_ARG_WEIGHT, 0}};
    plait_launch_v3_t launches[] = {{0, 0, 1, 1, 0, layers, 1, 0, 0, 0}, {1, 1, 1, 1, 0, layers, 0, 0, 0, 0}};
    plait_model_v4_t model = noGroups();
    model.ranks = 1;
    model.kernels = kernels;
    model.weights = &weight;
    plait_plan_v2_t plan{};
    plan.args = args;
    plan.launches = launches;
    plan.arg_count = plan.launch_count = 2;
    auto pool = ThreadPool::create(GetParam());
    ASSERT_TRUE(pool.ok());
    ASSERT_TRUE(Executor(model, plan, weights).run(**pool, {}, {}, {}));
    EXPECT_EQ(done[0], layers * tiles);
    EXPECT_EQ(wrong, 0);
  }
}

/// A row that each thread computes for itself, where there are few, is read without a barrier: the results are
/// those of rows that are shared out.
TEST_P(Executors, FewRowsAreComputedByEachThread) {
  static constexpr int64_t layers = 7, columns = 5, rowBytes = 1024;
  using Rows = std::atomic<int64_t>;
  // x, layer, n
  auto norm = [](const plait_context_v1_t *context, void *const *b, const int64_t *, int64_t begin, int64_t end,
                 int64_t step) {
    for (int64_t row = begin; row < end; row += step) {
      for (int64_t i = 0; i < rowBytes / 8; ++i)
        static_cast<int64_t *>(b[2])[row * (rowBytes / 8) + i] =
            3 * static_cast<int64_t *>(b[0])[row] + *static_cast<const int64_t *>(b[1]) + i;
      ++*static_cast<Rows *>(context->runtime);
    }
  };
  // n, y: a column of all rows
  auto product = [](const plait_context_v1_t *, void *const *b, const int64_t *dims, int64_t begin, int64_t end,
                    int64_t step) {
    for (int64_t column = begin; column < end; column += step)
      for (int64_t row = 0; row < dims[PLAIT_DIM_TOKENS]; ++row)
        static_cast<int64_t *>(b[1])[row * columns + column] =
            static_cast<int64_t *>(b[0])[row * (rowBytes / 8) + 20 * column] % 1000;
  };
  // y, x
  auto add = [](const plait_context_v1_t *, void *const *b, const int64_t *, int64_t begin, int64_t end, int64_t step) {
    for (int64_t row = begin; row < end; row += step)
      for (int64_t column = 0; column < columns; ++column)
        static_cast<int64_t *>(b[1])[row] += (column + 1) * static_cast<int64_t *>(b[0])[row * columns + column];
  };
  plait_kernel_v1_t kernels[] = {{"norm", norm, 1, 1, PLAIT_DIM_TOKENS, 0},
                                 {"product", product, columns, 1, -1, 0},
                                 {"add", add, 1, 1, PLAIT_DIM_TOKENS, 0}};
  plait_extent_v4_t slots[] = {{0, {8}}, {0, {rowBytes}}, {0, {8 * columns}}};
  plait_arg_v1_t args[] = {{PLAIT_ARG_SLOT, 0}, {PLAIT_ARG_WEIGHT, 0}, {PLAIT_ARG_COPY, 1}, {PLAIT_ARG_COPY, 1},
                           {PLAIT_ARG_SLOT, 2}, {PLAIT_ARG_SLOT, 2},   {PLAIT_ARG_SLOT, 0}};
  plait_launch_v3_t launches[] = {
      {0, 0, 3, 1, 0, layers, 1, 0, 1, 0}, {1, 3, 2, 2, 0, layers, 0, 0, 0, 0}, {2, 5, 2, 1, 0, layers, 0, 0, 0, 0}};
  int64_t layerNumbers[layers];
  std::iota(layerNumbers, layerNumbers + layers, 0);
  plait_weight_v4_t weight{};
  weight.layers = layers;
  weight.layer_bytes = 8;
  plait_model_v4_t model = noGroups();
  model.ranks = 1;
  model.kernels = kernels;
  model.weights = &weight;
  plait_plan_v2_t plan{};
  plan.slots = slots;
  plan.args = args;
  plan.launches = launches;
  plan.slot_count = plan.launch_count = 3;
  plan.arg_count = 7;
  auto pool = ThreadPool::create(GetParam());
  ASSERT_TRUE(pool.ok());
  Executor executor(model, plan, reinterpret_cast<const uint8_t *>(layerNumbers));
  for (bool placed : {false, true}) // slots of a GPU's host
    for (int64_t tokens : {1, 61, 2, 3, 4, 1, 5, 0}) {
      StepDims dims{tokens};
      std::vector<int64_t> arena(size_t(arenaBytes(plan, dims)) / 8 + 16, -1);
      auto *x = reinterpret_cast<int64_t *>((reinterpret_cast<uintptr_t>(arena.data()) + 63) & ~uintptr_t(63));
      std::iota(x, x + tokens, 0);
      Executor::StepMemory memory;
      memory.arena = reinterpret_cast<uint8_t *>(x);
      if (placed)
        for (int64_t at = 0; const plait_extent_v4_t &slot : slots) {
          memory.slots.push_back(memory.arena + at);
          at += (slot.per[0] * tokens + 63) / 64 * 64;
        }
      Rows rows{0};
      plait_context_v1_t context = {sizeof(context), &rows, nullptr};
      ASSERT_TRUE(executor.run(**pool, context, dims, memory));
      for (int64_t row = 0; row < tokens; ++row) {
        int64_t expected = row;
        for (int64_t layer = 0; layer < layers; ++layer)
          for (int64_t column = 0, n = 3 * expected + layer; column < columns; ++column)
            expected += (column + 1) * ((n + 20 * column) % 1000);
        EXPECT_EQ(x[row], expected) << "row " << row << " of " << tokens;
      }
      bool few = tokens * rowBytes <= 4096 && !placed;
      EXPECT_EQ(rows, layers * tokens * (few ? GetParam() : 1)) << tokens << " rows";
    }
}

INSTANTIATE_TEST_SUITE_P(Threads, Executors, testing::Values(1, 2, 5),
                         [](const auto &info) { return std::to_string(info.param); });

} // namespace
