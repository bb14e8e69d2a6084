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

#include "runtime/comm/LocalGroup.h"

#include "gtest/gtest.h"

#include <array>
#include <atomic>
#include <functional>
#include <numeric>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <unistd.h>

using namespace plait;

namespace {

plait_model_v4_t noGroups() {
  plait_model_v4_t model{};
  model.token_group = -1;
  return model;
}

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

/// Runs `body` on ranks, which are threads.
std::vector<Status> onRanks(const std::function<Status(Communicator &)> &body, int size = 2) {
  LocalGroupOptions options;
  options.size = size;
  Expected<int> fd = LocalGroup::create(options);
  EXPECT_TRUE(fd.ok()) << fd.status().message();
  auto region = std::make_shared<const SharedRegion>(SharedRegion::map(*fd).take());
  ::close(*fd);
  std::vector<Status> results(size_t(size), Status::success());
  auto run = [&](int rank) {
    auto communicator = LocalGroup::join(region, rank, options);
    results[size_t(rank)] = communicator ? body(**communicator) : communicator.status();
  };
  std::vector<std::thread> others;
  for (int rank = 1; rank < size; ++rank)
    others.emplace_back(run, rank);
  run(0);
  for (std::thread &other : others)
    other.join();
  return results;
}

/// In each layer both ranks write rank + 10 * layer + i into slot 0 and make a sum of
/// it, which the next launch adds to slot 1.
struct SumPlan {
  static constexpr int64_t layers = 3, tokens = 37;
  static void write(const plait_context_v1_t *context, void *const *buffers, const int64_t *, int64_t begin,
                    int64_t end, int64_t step) {
    auto *slot = static_cast<float *>(buffers[0]);
    auto layer = *static_cast<const int64_t *>(buffers[1]);
    for (int64_t tile = begin; tile < end; tile += step)
      slot[tile] = float(*static_cast<const int *>(context->runtime) + 10 * layer + tile);
  }
  static void add(const plait_context_v1_t *, void *const *buffers, const int64_t *, int64_t begin, int64_t end,
                  int64_t step) {
    for (int64_t tile = begin; tile < end; tile += step)
      static_cast<float *>(buffers[1])[tile] += static_cast<float *>(buffers[0])[tile];
  }
  static void clear(const plait_context_v1_t *, void *const *buffers, const int64_t *, int64_t begin, int64_t end,
                    int64_t step) {
    for (int64_t tile = begin; tile < end; tile += step)
      static_cast<float *>(buffers[0])[tile] = 0;
  }

  explicit SumPlan(int64_t tiles = tokens) {
    for (plait_kernel_v1_t &kernel : kernels)
      kernel.tile_count = tiles;
    weight.layers = layers;
    weight.layer_bytes = sizeof(int64_t);
    model.kernels = kernels;
    model.weights = &weight;
    model.sources = sources;
    model.ranks = 2;
    plan.slots = slots;
    plan.args = args;
    plan.launches = launches;
    plan.collectives = &collective;
    plan.slot_count = 2;
    plan.arg_count = 7;
    plan.launch_count = 4;
    plan.collective_count = 1;
  }
  int64_t layerNumbers[layers] = {0, 1, 2};
  plait_kernel_v1_t kernels[3] = {
      {"clear", clear, 0, 1, -1, 0}, {"write", write, 0, 1, -1, 1}, {"add", add, 0, 1, -1, 0}};
  plait_weight_v4_t weight{};
  plait_extent_v4_t slots[2] = {{0, {4}}, {0, {4}}};
  plait_collective_v3_t collective{
      PLAIT_COLLECTIVE_ALL_REDUCE, 0, PLAIT_DIM_TOKENS, 0, 1, nullptr, nullptr, nullptr, -1, 0, 0, 0};
  plait_arg_v1_t args[7] = {{PLAIT_ARG_SLOT, 1}, {PLAIT_ARG_SLOT, 0}, {PLAIT_ARG_WEIGHT, 0}, {PLAIT_ARG_SLOT, 0},
                            {PLAIT_ARG_SLOT, 0}, {PLAIT_ARG_SLOT, 0}, {PLAIT_ARG_SLOT, 1}};
  plait_launch_v3_t launches[4] = {{0, 0, 1, 0, 0, 1, 0, 0, 0, 0},
                                   {1, 1, 2, 1, 0, layers, 1, 0, 0, 0},
                                   {-1, 3, 2, 1, 0, layers, 0, 0, 0, 0},
                                   {2, 5, 2, 1, 0, layers, 0, 0, 0, 0}};
  const char *sources[1] = {"o_proj"};
  plait_model_v4_t model = noGroups();
  plait_plan_v2_t plan{};
};

TEST_P(Executors, CollectivesOfTwoRanks) {
  for (int64_t tokens : {SumPlan::tokens, int64_t(1)}) { // one tile: barriers are put off
    auto results = onRanks([&](Communicator &communicator) {
      SumPlan sum(tokens);
      alignas(64) uint8_t arena[2 * 192];
      int rank = communicator.rank();
      plait_context_v1_t context = {sizeof(context), &rank, nullptr};
      auto pool = ThreadPool::create(GetParam());
      Executor executor(sum.model, sum.plan, reinterpret_cast<const uint8_t *>(sum.layerNumbers), {&communicator, {}});
      Executor::StepMemory memory;
      memory.arena = arena;
      StepDims dims{tokens};
      for (int step = 0; step < 20; ++step) {
        PLAIT_RETURN_IF_ERROR(executor.run(**pool, context, dims, memory));
        auto *total = reinterpret_cast<float *>(arena + (tokens * 4 + 63) / 64 * 64);
        for (int64_t i = 0; i < tokens; ++i)
          EXPECT_EQ(total[i], float(3 + 2 * 30 + 2 * 3 * i)) << i; // over layers 0, 1, 2
      }
      EXPECT_EQ(communicator.count(CollectiveKind::allReduce).calls, 60u);
      return Status::success();
    });
    for (const Status &status : results)
      EXPECT_TRUE(status) << status.message();
  }
}

/// One collective from slot 0 to slot 1, of 5 columns.
struct PartsPlan {
  static constexpr int64_t columns = 5;
  PartsPlan(int32_t kind, int32_t dim, int32_t rank, std::vector<int64_t> parts) : bounds(std::move(parts)) {
    bool hasColumns = dim || kind == PLAIT_COLLECTIVE_ALL_TO_ALL;
    collective = {
        kind, dim, PLAIT_DIM_TOKENS, 0, columns, hasColumns ? bounds.data() : nullptr, nullptr, nullptr, -1, 0, 0, 0};
    model.sources = sources;
    model.rank = rank;
    model.ranks = int32_t(bounds.size()) - 1;
    plan.slots = slots;
    plan.args = args;
    plan.launches = &launch;
    plan.collectives = &collective;
    plan.slot_count = 2;
    plan.arg_count = 2;
    plan.launch_count = plan.collective_count = 1;
  }
  std::vector<int64_t> bounds;
  plait_extent_v4_t slots[2] = {{0, {4 * columns}}, {0, {4 * columns}}};
  plait_collective_v3_t collective;
  plait_arg_v1_t args[2] = {{PLAIT_ARG_SLOT, 0}, {PLAIT_ARG_SLOT, 1}};
  plait_launch_v3_t launch = {-1, 0, 2, 1, 0, 1, 0, 0, 0, 0};
  const char *sources[1] = {"norm"};
  plait_model_v4_t model = noGroups();
  plait_plan_v2_t plan{};
};

/// From parts of rows to parts of columns and back, by all three ranks and by two of four.
TEST_P(Executors, PartsOfOneDimensionBecomeThoseOfAnother) {
  auto element = [](int64_t row, int64_t column) { return float(100 * row + column); };
  for (bool grouped : {false, true})
    for (int32_t dim : {0, 1})
      for (auto [tokens, shareTokens] :
           {std::pair<int64_t, int64_t>(0, 0), {1, 0}, {2, 0}, {3, 0}, {7, 0}, {32, 0}, {1, 8}, {7, 8}}) {
        auto body = [&, tokens = tokens, shareTokens = shareTokens](Communicator &all) {
          // Ranks 3 and 1 are a group, in this order; the others another one.
          std::vector<std::vector<int>> groups = {{3, 1}, {0, 2}};
          std::vector<std::unique_ptr<Communicator>> made;
          if (grouped) {
            PLAIT_ASSIGN_OR_RETURN(made, all.split(groups));
          }
          const std::vector<int> &group = groups[all.rank() % 2 ? 0 : 1];
          int64_t size = grouped ? 2 : 3;
          int64_t index = grouped ? (group[0] == all.rank() ? 0 : 1) : all.rank();
          const std::vector<int64_t> bounds =
              grouped ? std::vector<int64_t>{0, 2, 5} : std::vector<int64_t>{0, 1, 3, 5};
          PartsPlan parts(PLAIT_COLLECTIVE_ALL_TO_ALL, dim, all.rank(), bounds);
          std::vector<std::vector<int32_t>> members = {{3, 1}, {0, 2}};
          plait_group_v1_t table[2] = {{members[0].data(), 2, 0}, {members[1].data(), 2, 0}};
          parts.model.ranks = all.size();
          if (grouped) {
            parts.model.groups = table;
            parts.model.group_count = 2;
            parts.model.token_group = parts.collective.group = all.rank() % 2 ? 0 : 1;
          }
          int64_t slotBytes = (tokens * 4 * PartsPlan::columns + 63) / 64 * 64;
          std::vector<float> arena(size_t(2 * slotBytes / 4 + 16), -1);
          float *source = arena.data(), *target = source + slotBytes / 4;
          std::vector<float> ofRows, ofColumns;
          bool hasAllRows = tokens < shareTokens;
          for (int64_t row = hasAllRows ? 0 : tokens * index / size;
               row < (hasAllRows ? tokens : tokens * (index + 1) / size); ++row)
            for (int64_t column = 0; column < 5; ++column)
              ofRows.push_back(element(row, column));
          for (int64_t row = 0; row < tokens; ++row)
            for (int64_t column = bounds[size_t(index)]; column < bounds[size_t(index) + 1]; ++column)
              ofColumns.push_back(element(row, column));
          std::vector<float> &in = dim ? ofRows : ofColumns, &out = dim ? ofColumns : ofRows;
          std::copy(in.begin(), in.end(), source);
          plait_context_v1_t context = {sizeof(context), nullptr, nullptr};
          auto pool = ThreadPool::create(GetParam());
          RankCommunicators communicators = {&all, {}};
          for (auto &part : made)
            communicators.groups.push_back(part.get());
          Executor executor(parts.model, parts.plan, nullptr, communicators, /*firstLaunch=*/0, shareTokens);
          Executor::StepMemory memory;
          memory.arena = reinterpret_cast<uint8_t *>(arena.data());
          PLAIT_RETURN_IF_ERROR(executor.run(**pool, context, {tokens}, memory));
          EXPECT_EQ(std::vector<float>(target, target + out.size()), out)
              << "dim " << dim << " tokens " << tokens << " rank " << all.rank();
          EXPECT_EQ(all.count(CollectiveKind::allToAll).calls, tokens && !hasAllRows ? 1u : 0u);
          EXPECT_EQ(all.count(CollectiveKind::allGather).calls, hasAllRows && dim == 0 ? 1u : 0u);
          return Status::success();
        };
        for (const Status &status : onRanks(body, grouped ? 4 : 3))
          EXPECT_TRUE(status) << status.message();
      }
}

/// A sum of two of three ranks in f64, and what rank 2 has to all and to rank 0 alone.
TEST_P(Executors, BroadcastsAndPairs) {
  auto body = [&](Communicator &all) {
    std::vector<float> arena(64);
    auto run = [&](plait_collective_v3_t collective) {
      PartsPlan parts(collective.kind, 0, all.rank(), {0, 1, 3, 5});
      parts.collective = collective;
      parts.args[1] = parts.args[0];
      Executor executor(parts.model, parts.plan, nullptr, {&all, {}});
      Executor::StepMemory memory;
      memory.arena = reinterpret_cast<uint8_t *>(arena.data());
      plait_context_v1_t context = {sizeof(context), nullptr, nullptr};
      auto pool = ThreadPool::create(GetParam());
      return executor.run(**pool, context, {2}, memory);
    };
    auto make = [](int32_t kind, int32_t order, int32_t wide, int32_t other) {
      return plait_collective_v3_t{kind, 0, PLAIT_DIM_TOKENS, 0, 5, nullptr, nullptr, nullptr, -1, order, wide, other};
    };
    auto expectAll = [&](float value) {
      EXPECT_EQ(arena[0], value);
      EXPECT_EQ(arena[9], value);
    };
    std::fill(arena.begin(), arena.end(), float(all.rank()));
    PLAIT_RETURN_IF_ERROR(run(make(PLAIT_COLLECTIVE_BROADCAST, 0, 0, 2)));
    expectAll(2);
    // (2^25 + 1) - 2^25 in each order and width.
    const float values[] = {33554432, 1, -33554432};
    for (auto [order, wide, sum] : {std::tuple(0, 0, 0.f), {1, 0, 0.f}, {0, 1, 1.f}, {1, 1, 1.f}}) {
      std::fill(arena.begin(), arena.end(), values[all.rank()]);
      PLAIT_RETURN_IF_ERROR(run(make(PLAIT_COLLECTIVE_ALL_REDUCE, order, wide, 0)));
      expectAll(sum);
    }
    std::fill(arena.begin(), arena.end(), float(10 + all.rank()));
    if (all.rank() == 2)
      PLAIT_RETURN_IF_ERROR(run(make(PLAIT_COLLECTIVE_SEND, 0, 0, 0)));
    if (all.rank() == 0)
      PLAIT_RETURN_IF_ERROR(run(make(PLAIT_COLLECTIVE_RECV, 0, 0, 2)));
    expectAll(all.rank() == 1 ? 11.f : 12.f);
    return Status::success();
  };
  for (const Status &status : onRanks(body, 3))
    EXPECT_TRUE(status) << status.message();
}

/// Matrices of which ranks have parts of rows or of columns: what each gives and gets is
/// compared with the element of the whole matrix that it is. Of a few tokens that are not shared
/// out, parts of rows are all rows.
TEST_P(Executors, CollectivesOfParts) {
  const std::vector<int64_t> bounds = {0, 1, 3, 5};
  constexpr int size = 3;
  auto element = [](int64_t row, int64_t column) { return float(100 * row + column); };
  for (int32_t kind : {PLAIT_COLLECTIVE_REDUCE_SCATTER, PLAIT_COLLECTIVE_ALL_GATHER, PLAIT_COLLECTIVE_PART})
    for (int32_t dim : {0, 1})
      for (auto [tokens, shareTokens] :
           {std::pair<int64_t, int64_t>(0, 0), {1, 0}, {2, 0}, {3, 0}, {7, 0}, {32, 0}, {1, 7}, {3, 7}, {7, 7}}) {
        auto body = [&, tokens = tokens, shareTokens = shareTokens](Communicator &communicator) {
          int rank = communicator.rank();
          PartsPlan parts(kind, dim, rank, bounds);
          int64_t slotBytes = (tokens * 4 * PartsPlan::columns + 63) / 64 * 64;
          std::vector<float> arena(size_t(2 * slotBytes / 4 + 16), -1);
          float *source = arena.data(), *target = source + slotBytes / 4;
          // The rows and columns that a rank has.
          bool hasAllRows = dim == 1 || tokens < shareTokens;
          int64_t rowBegin = hasAllRows ? 0 : tokens * rank / size;
          int64_t rowEnd = hasAllRows ? tokens : tokens * (rank + 1) / size;
          int64_t colBegin = dim ? bounds[size_t(rank)] : 0, colEnd = dim ? bounds[size_t(rank) + 1] : 5;
          bool gathers = kind == PLAIT_COLLECTIVE_ALL_GATHER, sums = kind == PLAIT_COLLECTIVE_REDUCE_SCATTER;
          std::vector<float> part, whole;
          for (int64_t row = rowBegin; row < rowEnd; ++row)
            for (int64_t column = colBegin; column < colEnd; ++column)
              part.push_back(element(row, column) * (sums ? size : 1) + (sums ? 0 + 1 + 2 : 0));
          for (int64_t row = 0; row < tokens; ++row)
            for (int64_t column = 0; column < 5; ++column)
              whole.push_back(element(row, column) + float(sums ? rank : 0));
          std::vector<float> &in = gathers ? part : whole, &out = gathers ? whole : part;
          std::copy(in.begin(), in.end(), source);
          plait_context_v1_t context = {sizeof(context), nullptr, nullptr};
          auto pool = ThreadPool::create(GetParam());
          Executor executor(parts.model, parts.plan, nullptr, {&communicator, {}}, /*firstLaunch=*/0, shareTokens);
          Executor::StepMemory memory;
          memory.arena = reinterpret_cast<uint8_t *>(arena.data());
          PLAIT_RETURN_IF_ERROR(executor.run(**pool, context, {tokens}, memory));
          EXPECT_EQ(std::vector<float>(target, target + out.size()), out)
              << "kind " << kind << " dim " << dim << " tokens " << tokens << " rank " << rank;
          uint64_t calls = communicator.count(CollectiveKind::reduceScatter).calls +
                           communicator.count(CollectiveKind::allGather).calls;
          bool isLocal = kind == PLAIT_COLLECTIVE_PART || (dim == 0 && tokens < shareTokens);
          EXPECT_EQ(calls, tokens && !isLocal ? 1u : 0u);
          EXPECT_EQ(communicator.count(CollectiveKind::allReduce).calls, isLocal && sums ? 1u : 0u);
          return Status::success();
        };
        for (const Status &status : onRanks(body, size))
          EXPECT_TRUE(status) << status.message();
      }
}

/// In each of 3 layers: slot 0 = rank + layer + row; the sum to slot 2, of which the epilogue makes slot 3 (twice the
/// sum, plus what slot 4 has kept, into which the sum goes), gathered in slot 1; and slot 5 += slot 1.
struct FusedPlan {
  static constexpr int64_t layers = 3, columns = 4;
  static void write(const plait_context_v1_t *context, void *const *buffers, const int64_t *dims, int64_t begin,
                    int64_t end, int64_t step) {
    auto *slot = static_cast<float *>(buffers[0]);
    auto layer = *static_cast<const int64_t *>(buffers[1]);
    for (int64_t tile = begin; tile < end; tile += step)
      for (int64_t i = tile; i < dims[PLAIT_DIM_TOKENS] * columns; i += 3)
        slot[i] = float(*static_cast<const int *>(context->runtime) + layer + i / columns);
  }
  /// Two tiles a row.
  static void compute(const plait_context_v1_t *, void *const *buffers, const int64_t *, int64_t begin, int64_t end,
                      int64_t step) {
    auto *sum = static_cast<float *>(buffers[0]), *kept = static_cast<float *>(buffers[1]);
    auto *part = static_cast<float *>(buffers[2]);
    for (int64_t tile = begin; tile < end; tile += step)
      for (int64_t i = tile * columns / 2; i < (tile + 1) * columns / 2; ++i) {
        part[i] = 2 * sum[i] + kept[i];
        kept[i] += sum[i];
      }
  }
  static void add(const plait_context_v1_t *, void *const *buffers, const int64_t *dims, int64_t begin, int64_t end,
                  int64_t step) {
    for (int64_t tile = begin; tile < end; tile += step)
      for (int64_t i = tile; i < dims[PLAIT_DIM_TOKENS] * columns; i += 3)
        static_cast<float *>(buffers[1])[i] += static_cast<float *>(buffers[0])[i];
  }

  FusedPlan(int32_t rank, int32_t ranks) {
    weight.layers = layers;
    weight.layer_bytes = sizeof(int64_t);
    model.kernels = kernels;
    model.weights = &weight;
    model.sources = sources;
    model.rank = rank;
    model.ranks = ranks;
    for (int s : {2, 3, 4})
      slots[s] = {0, {0, 0, 0, 0, 0, 0, 0, 4 * columns}};
    plan.slots = slots;
    plan.args = args;
    plan.launches = launches;
    plan.collectives = &collective;
    plan.slot_count = 6;
    plan.arg_count = 11;
    plan.launch_count = 4;
    plan.collective_count = 1;
  }
  int64_t layerNumbers[layers] = {0, 1, 2};
  plait_kernel_v1_t kernels[3] = {
      {"write", write, 3, 1, -1, 1}, {"compute", compute, 2, 1, PLAIT_DIM_TOKENS_PART, 0}, {"add", add, 3, 1, -1, 0}};
  plait_weight_v4_t weight{};
  plait_extent_v4_t slots[6] = {{0, {4 * columns}}, {0, {4 * columns}}, {}, {}, {}, {0, {4 * columns}}};
  plait_collective_v3_t collective{PLAIT_COLLECTIVE_REDUCE_GATHER,
                                   0,
                                   PLAIT_DIM_TOKENS,
                                   0,
                                   columns,
                                   nullptr,
                                   nullptr,
                                   nullptr,
                                   -1,
                                   0,
                                   0,
                                   /*other=*/1};
  plait_arg_v1_t args[11] = {{PLAIT_ARG_SLOT, 0}, {PLAIT_ARG_WEIGHT, 0}, {PLAIT_ARG_SLOT, 0}, {PLAIT_ARG_SLOT, 1},
                             {PLAIT_ARG_SLOT, 2}, {PLAIT_ARG_SLOT, 3},   {PLAIT_ARG_SLOT, 2}, {PLAIT_ARG_SLOT, 4},
                             {PLAIT_ARG_SLOT, 3}, {PLAIT_ARG_SLOT, 1},   {PLAIT_ARG_SLOT, 5}};
  plait_launch_v3_t launches[4] = {{0, 0, 2, 1, 0, layers, 1, 0, 0, 0},
                                   {-1, 2, 4, 1, 0, layers, 0, 0, 0, 0},
                                   {1, 6, 3, 1, 0, layers, 0, 0, 0, 0},
                                   {2, 9, 2, 1, 0, layers, 0, 0, 0, 0}};
  const char *sources[1] = {"o_proj"};
  plait_model_v4_t model = noGroups();
  plait_plan_v2_t plan{};
};

TEST(TokensOfRank, AreAllOfAFew) {
  for (int64_t ranks : {1, 2, 3, 5, 8})
    for (int64_t least : {0, 1, 2, 16})
      for (int64_t limit = 1, most = 0; limit <= 40; ++limit) { // `most` of any step so far
        int64_t sum = 0;
        for (int64_t rank = 0; rank < ranks; ++rank) {
          int64_t own = tokensOfRank(rank, ranks, limit, least);
          sum += own;
          most = std::max(most, own);
        }
        EXPECT_EQ(sum, limit < least ? ranks * limit : limit);
        EXPECT_EQ(mostTokensOfRank(ranks, limit, least), most) << ranks << " ranks, from " << least << ", " << limit;
      }
}

/// Rows within a collective, by one thread or by all of them, for ranks that have many rows, few and none; or all
/// of a few tokens, of which then a plain sum is taken.
TEST_P(Executors, RowsAreComputedWithinACollective) {
  for (auto [ranks, shareTokens] : {std::pair(2, 0), {3, 0}, {5, 0}, {2, 8}, {3, 9}})
    for (int64_t tokens : {0, 1, 2, 3, 8, 61}) {
      auto body = [&, ranks = ranks, shareTokens = shareTokens](Communicator &communicator) {
        int rank = communicator.rank();
        FusedPlan fused(rank, ranks);
        StepDims dims{tokens};
        dims[PLAIT_DIM_TOKENS_PART] = tokens; // more than there are
        std::vector<float> arena(size_t(arenaBytes(fused.plan, dims)) / 4 + 16, 0);
        auto *aligned = reinterpret_cast<uint8_t *>((reinterpret_cast<uintptr_t>(arena.data()) + 63) & ~uintptr_t(63));
        plait_context_v1_t context = {sizeof(context), &rank, nullptr};
        auto pool = ThreadPool::create(GetParam());
        Executor executor(fused.model, fused.plan, reinterpret_cast<const uint8_t *>(fused.layerNumbers),
                          {&communicator, {}}, /*firstLaunch=*/0, shareTokens);
        Executor::StepMemory memory;
        memory.arena = aligned;
        PLAIT_RETURN_IF_ERROR(executor.run(**pool, context, dims, memory));
        // What is added up is the last slot.
        bool shares = tokens >= shareTokens;
        int64_t own = shares ? tokens * (rank + 1) / ranks - tokens * rank / ranks : tokens;
        int64_t row = 4 * FusedPlan::columns;
        auto *total =
            reinterpret_cast<float *>(aligned + 2 * ((tokens * row + 63) / 64 * 64) + 3 * ((own * row + 63) / 64 * 64));
        for (int64_t i = 0; i < tokens * FusedPlan::columns; ++i) {
          float expected = 0, kept = 0;
          for (int64_t layer = 0; layer < FusedPlan::layers; ++layer) {
            auto sum = float(ranks * (layer + i / FusedPlan::columns) + ranks * (ranks - 1) / 2);
            expected += 2 * sum + kept;
            kept += sum;
          }
          EXPECT_EQ(total[i], expected) << ranks << " ranks, " << tokens << " tokens, rank " << rank << ", " << i;
        }
        CollectiveKind used = shares ? CollectiveKind::reduceGather : CollectiveKind::allReduce;
        EXPECT_EQ(communicator.count(used).calls, tokens ? uint64_t(FusedPlan::layers) : 0u);
        EXPECT_EQ(communicator.count(shares ? CollectiveKind::allReduce : CollectiveKind::reduceGather).calls, 0u);
        return Status::success();
      };
      for (const Status &status : onRanks(body, ranks))
        EXPECT_TRUE(status) << status.message();
    }
}

/// The others do not wait for rows of a collective that fails.
TEST_P(Executors, ALostRankEndsACollectiveOfRows) {
  auto results = onRanks([&](Communicator &communicator) {
    FusedPlan fused(communicator.rank(), 2);
    if (communicator.rank() == 1)
      return Status::success();
    int rank = 0;
    StepDims dims{40};
    dims[PLAIT_DIM_TOKENS_PART] = 40;
    std::vector<float> arena(size_t(arenaBytes(fused.plan, dims)) / 4 + 16, 0);
    plait_context_v1_t context = {sizeof(context), &rank, nullptr};
    auto pool = ThreadPool::create(GetParam());
    Executor executor(fused.model, fused.plan, reinterpret_cast<const uint8_t *>(fused.layerNumbers),
                      {&communicator, {}});
    Executor::StepMemory memory;
    memory.arena = reinterpret_cast<uint8_t *>((reinterpret_cast<uintptr_t>(arena.data()) + 63) & ~uintptr_t(63));
    return executor.run(**pool, context, dims, memory);
  });
  EXPECT_EQ(results[0].message(), "rank 1 has not reached reduce_gather @o_proj of layer 0: it has left the group");
}

TEST_P(Executors, ALostRankEndsTheStep) {
  auto results = onRanks([&](Communicator &communicator) {
    SumPlan sum;
    if (communicator.rank() == 1) { // leaves after layer 0
      std::vector<float> data(SumPlan::tokens);
      return communicator.allReduce(data, ReduceKind::sum, "o_proj of layer 0");
    }
    alignas(64) uint8_t arena[2 * 192];
    int rank = 0;
    plait_context_v1_t context = {sizeof(context), &rank, nullptr};
    auto pool = ThreadPool::create(GetParam());
    Executor executor(sum.model, sum.plan, reinterpret_cast<const uint8_t *>(sum.layerNumbers), {&communicator, {}});
    Executor::StepMemory memory;
    memory.arena = arena;
    return executor.run(**pool, context, {SumPlan::tokens}, memory);
  });
  EXPECT_TRUE(results[1]) << results[1].message();
  EXPECT_EQ(results[0].message(), "rank 1 has not reached all_reduce @o_proj of layer 1: it has left the group");
}

/// Which part of a step runs, beginning with the rank as FusedPlan asks.
struct Turn {
  int rank;
  bool isSecond;
  std::atomic<int64_t> &written; ///< tiles of the first part
  std::atomic<int64_t> &wrong;
};
void writeInTurn(const plait_context_v1_t *context, void *const *buffers, const int64_t *dims, int64_t begin,
                 int64_t end, int64_t step) {
  const Turn &turn = *static_cast<const Turn *>(context->runtime);
  FusedPlan::write(context, buffers, dims, begin, end, step);
  auto layer = *static_cast<const int64_t *>(buffers[1]);
  for (int64_t tile = begin; tile < end; tile += step)
    turn.isSecond ? turn.wrong += turn.written != 3 * (layer + 1) : ++turn.written;
}

/// Two parts of a step have the results of two steps, and launches of the second come behind those of the first.
TEST_P(Executors, PartsTakeTurns) {
  for (int ranks : {2, 3})
    for (auto [first, second] : {std::pair<int64_t, int64_t>(61, 8), {1, 40}, {32, 2}}) {
      auto body = [&, first = first, second = second](Communicator &communicator) {
        int rank = communicator.rank();
        FusedPlan fused(rank, ranks);
        fused.kernels[0].run = writeInTurn;
        auto *weights = reinterpret_cast<const uint8_t *>(fused.layerNumbers);
        Executor executor(fused.model, fused.plan, weights, {&communicator, {}});
        Executor other(fused.model, fused.plan, weights, {&communicator, {}});
        auto pool = ThreadPool::create(GetParam());
        auto comm = CommThread::create();
        int64_t row = 4 * FusedPlan::columns;
        for (int step = 0; step < 3; ++step) {
          std::atomic<int64_t> written{0}, wrong{0};
          Turn turns[2] = {{rank, false, written, wrong}, {rank, true, written, wrong}};
          std::vector<float> arenas[2];
          std::vector<plait_context_v1_t> contexts;
          std::vector<Executor::Part> parts;
          for (int p = 0; p < 2; ++p)
            contexts.push_back({sizeof(plait_context_v1_t), &turns[p], nullptr});
          for (int p = 0; p < 2; ++p) {
            StepDims dims{p ? second : first};
            dims[PLAIT_DIM_TOKENS_PART] = dims[0];
            arenas[p].assign(size_t(arenaBytes(fused.plan, dims)) / 4 + 16, 0);
            parts.push_back({contexts[size_t(p)], dims, {}});
            parts.back().memory.arena =
                reinterpret_cast<uint8_t *>((reinterpret_cast<uintptr_t>(arenas[p].data()) + 63) & ~uintptr_t(63));
          }
          PLAIT_RETURN_IF_ERROR(executor.runWoven(other, **pool, **comm, parts[0], parts[1]));
          EXPECT_EQ(wrong, 0);
          for (const Executor::Part &part : parts) {
            int64_t tokens = part.dims[0], own = tokens * (rank + 1) / ranks - tokens * rank / ranks;
            auto *total = reinterpret_cast<float *>(part.memory.arena + 2 * ((tokens * row + 63) / 64 * 64) +
                                                    3 * ((own * row + 63) / 64 * 64));
            for (int64_t i = 0; i < tokens * FusedPlan::columns; ++i) {
              float expected = 0, kept = 0;
              for (int64_t layer = 0; layer < FusedPlan::layers; ++layer) {
                auto sum = float(ranks * (layer + i / FusedPlan::columns) + ranks * (ranks - 1) / 2);
                expected += 2 * sum + kept;
                kept += sum;
              }
              EXPECT_EQ(total[i], expected) << ranks << " ranks, " << tokens << " tokens, rank " << rank << ", " << i;
            }
          }
        }
        EXPECT_EQ(communicator.count(CollectiveKind::reduceGather).calls, uint64_t(2 * 3 * FusedPlan::layers));
        return Status::success();
      };
      for (const Status &status : onRanks(body, ranks))
        EXPECT_TRUE(status) << status.message();
    }
}

/// Neither part waits for a rank that is lost.
TEST_P(Executors, ALostRankEndsBothParts) {
  auto results = onRanks([&](Communicator &communicator) {
    SumPlan sum;
    if (communicator.rank() == 1) { // leaves after layer 0 of the first part
      std::vector<float> data(SumPlan::tokens);
      return communicator.allReduce(data, ReduceKind::sum, "o_proj of layer 0");
    }
    alignas(64) uint8_t arenas[2][2 * 192];
    int rank = 0;
    plait_context_v1_t context = {sizeof(context), &rank, nullptr};
    auto pool = ThreadPool::create(GetParam());
    auto comm = CommThread::create();
    auto *weights = reinterpret_cast<const uint8_t *>(sum.layerNumbers);
    Executor executor(sum.model, sum.plan, weights, {&communicator, {}});
    Executor other(sum.model, sum.plan, weights, {&communicator, {}});
    Executor::Part parts[2] = {{context, {SumPlan::tokens}, {}}, {context, {SumPlan::tokens}, {}}};
    parts[0].memory.arena = arenas[0];
    parts[1].memory.arena = arenas[1];
    return executor.runWoven(other, **pool, **comm, parts[0], parts[1]);
  });
  EXPECT_TRUE(results[1]) << results[1].message();
  EXPECT_EQ(results[0].message(), "rank 1 has not reached all_reduce @o_proj of layer 0: it has left the group");
}

INSTANTIATE_TEST_SUITE_P(Threads, Executors, testing::Values(1, 2, 5),
                         [](const auto &info) { return std::to_string(info.param); });

} // namespace
