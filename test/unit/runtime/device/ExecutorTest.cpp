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

#include "gtest/gtest.h"

#include <atomic>
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
    std::vector<plait_launch_v1_t> launches;
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
      launches.push_back({i, i, 1, barrier, 0, 1, 0, 0});
      places.push_back({&course, i, complete, want});
    }
    plait_model_v3_t model{};
    model.kernels = kernels.data();
    plait_plan_v1_t plan{};
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
      executor.run(**pool, {}, {}, memory);
      for (int32_t i = 0; i < kLaunches; ++i)
        EXPECT_EQ(course.tiles[i], want[i]) << "launch " << i;
    }
    ASSERT_EQ(course.wrong, 0) << "plan " << plans;
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
    plait_weight_v3_t weight{};
    weight.layers = layers;
    weight.layer_bytes = slice;
    plait_kernel_v1_t kernels[] = {{"run", run, tiles, 1, -1, 0}, {"advance", advance, 1, 1, -1, 0}};
    plait_arg_v1_t args[] = {{PLAIT_ARG_WEIGHT, 0}, {PLAIT_ARG_WEIGHT, 0}};
    plait_launch_v1_t launches[] = {{0, 0, 1, 1, 0, layers, 1, 0}, {1, 1, 1, 1, 0, layers, 0, 0}};
    plait_model_v3_t model{};
    model.kernels = kernels;
    model.weights = &weight;
    plait_plan_v1_t plan{};
    plan.args = args;
    plan.launches = launches;
    plan.arg_count = plan.launch_count = 2;
    auto pool = ThreadPool::create(GetParam());
    ASSERT_TRUE(pool.ok());
    Executor(model, plan, weights).run(**pool, {}, {}, {});
    EXPECT_EQ(done[0], layers * tiles);
    EXPECT_EQ(wrong, 0);
  }
}

INSTANTIATE_TEST_SUITE_P(Threads, Executors, testing::Values(1, 2, 5),
                         [](const auto &info) { return std::to_string(info.param); });

} // namespace
