//===- ExchangePointsTest.cpp - Collectives beside other launches ---------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/device/cpu/ExchangePoints.h"

#include "runtime/device/cpu/Executor.h"
#include "test/unit/runtime/device/ExecutorFixture.h"

#include "gtest/gtest.h"

#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>

using namespace plait;

namespace {

/// Layers with a delayed residual, of two sublayers each that multiply it by 2 and 3: slot 0 is the residual x, 1 and 3
/// are outputs that are summed over ranks, 2 is what lies between. x(i) = x(i-1) + sum over ranks of h(i) of x(i-2).
struct DelayedPlan {
  static constexpr int64_t layers = 3, tokens = 37;
  struct Context {
    int rank;
    /// Rank 0 has computed so many times what does not wait for the sum before it.
    std::atomic<int> *reached;
    std::atomic<bool> *isLate;
  };
  using Buffers = void *const *;
  template <typename Do> static void forTiles(int64_t begin, int64_t end, int64_t step, Do &&perTile) {
    for (int64_t tile = begin; tile < end; tile += step)
      perTile(tile);
  }
  static float *slot(Buffers buffers, int i) { return static_cast<float *>(buffers[i]); }

  static void clear(const plait_context_v1_t *, Buffers b, const int64_t *, int64_t begin, int64_t end, int64_t step) {
    forTiles(begin, end, step, [&](int64_t t) { slot(b, 0)[t] = float(t + 1), slot(b, 1)[t] = 0; });
  }
  static void makeFirst(const plait_context_v1_t *context, Buffers b, const int64_t *, int64_t begin, int64_t end,
                        int64_t step) {
    int rank = static_cast<const Context *>(context->runtime)->rank;
    forTiles(begin, end, step, [&](int64_t t) { slot(b, 1)[t] = float(2 + rank) * slot(b, 0)[t]; });
  }
  static void add(const plait_context_v1_t *, Buffers b, const int64_t *, int64_t begin, int64_t end, int64_t step) {
    forTiles(begin, end, step, [&](int64_t t) { slot(b, 0)[t] += slot(b, 1)[t]; });
  }
  static void makeSecond(const plait_context_v1_t *context, Buffers b, const int64_t *, int64_t begin, int64_t end,
                         int64_t step) {
    const auto &own = *static_cast<const Context *>(context->runtime);
    if (begin == 0 && own.reached && own.rank == 0)
      ++*own.reached;
    forTiles(begin, end, step, [&](int64_t t) { slot(b, 1)[t] = float(3 + own.rank) * slot(b, 0)[t]; });
  }
  /// Rank 1 is not to exchange before rank 0 has gone on without it.
  static void hold(const plait_context_v1_t *context, Buffers b, const int64_t *, int64_t begin, int64_t end,
                   int64_t step) {
    const auto &own = *static_cast<const Context *>(context->runtime);
    int layer = int(*static_cast<const int64_t *>(b[1]));
    auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (own.reached && own.rank == 1 && *own.reached <= layer && !*own.isLate) {
      if (std::chrono::steady_clock::now() > until)
        *own.isLate = true;
      std::this_thread::yield();
    }
  }

  DelayedPlan() {
    for (plait_kernel_v1_t &kernel : kernels)
      kernel.tile_count = tokens;
    kernels[4].tile_count = 1;
    weight.layers = layers;
    weight.layer_bytes = sizeof(int64_t);
    model.kernels = kernels;
    model.weights = &weight;
    model.sources = sources;
    model.ranks = 2;
    plan.slots = slots;
    plan.args = args;
    plan.launches = launches;
    plan.collectives = collectives;
    plan.slot_count = 4;
    plan.arg_count = int32_t(std::size(args));
    plan.launch_count = int32_t(std::size(launches));
    plan.collective_count = 2;
  }
  int64_t layerNumbers[layers] = {0, 1, 2};
  plait_kernel_v1_t kernels[5] = {{"clear", clear, 0, 1, -1, 0},
                                  {"make_first", makeFirst, 0, 1, -1, 0},
                                  {"add", add, 0, 1, -1, 0},
                                  {"make_second", makeSecond, 0, 1, -1, 0},
                                  {"hold", hold, 0, 1, -1, 0}};
  plait_weight_v4_t weight{};
  plait_extent_v4_t slots[4] = {{0, {4}}, {0, {4}}, {0, {4}}, {0, {4}}};
  plait_collective_v4_t collectives[2] = {
      {PLAIT_COLLECTIVE_ALL_REDUCE, 0, PLAIT_DIM_TOKENS, 0, 1, nullptr, nullptr, nullptr, -1, 0, 0, 0, nullptr, 0, 0},
      {PLAIT_COLLECTIVE_ALL_REDUCE, 0, PLAIT_DIM_TOKENS, 0, 1, nullptr, nullptr, nullptr, -1, 0, 0, 0, nullptr, 0, 0}};
  static constexpr plait_arg_v1_t at(int32_t slot) { return {PLAIT_ARG_SLOT, slot}; }
  plait_arg_v1_t args[16] = {at(0), at(3), at(0), at(1), at(2), {PLAIT_ARG_WEIGHT, 0},
                             at(1), at(1), at(0), at(3), at(0), at(3),
                             at(3), at(3), at(0), at(1)};
  plait_launch_v3_t launches[9] = {
      {0, 0, 2, 0, 0, 1, 0, 0, 0, 0},        // clear: x = t + 1, nothing is late
      {1, 2, 2, 1, 0, layers, 1, 0, 0, 0},   // 1: first output of x
      {4, 4, 2, 1, 0, layers, 0, 0, 0, 0},   // 2: hold
      {-1, 6, 2, 1, 0, layers, 0, 0, 0, 0},  // 3: its sum
      {2, 8, 2, 1, 0, layers, 0, 0, 0, 0},   // 4: x += what is late
      {3, 10, 2, 1, 0, layers, 0, 0, 0, 0},  // 5: second output of x
      {-2, 12, 2, 1, 0, layers, 0, 0, 0, 0}, // 6: its sum
      {2, 14, 2, 1, 0, layers, 0, 0, 0, 0},  // 7: x += the first output
      {2, 8, 2, 1, 0, 1, 0, 0, 0, 0},        // at the end: what is late
  };
  const char *sources[1] = {"o_proj"};
  plait_model_v4_t model = noGroups();
  plait_plan_v2_t plan{};

  std::vector<int32_t> order() const {
    std::vector<int32_t> order = {0};
    for (int64_t layer = 0; layer < layers; ++layer)
      for (int32_t launch = 1; launch <= 7; ++launch)
        order.push_back(launch);
    order.push_back(8);
    return order;
  }
};

TEST(ExchangePoints, AsByHand) {
  DelayedPlan delayed;
  std::vector<size_t> awaited = findAwaited(delayed.plan, delayed.order());
  for (size_t place = 0; place < awaited.size(); ++place)
    if ((place + 4) % 7 == 0) // the first sum, by the add at the end of the layer
      EXPECT_EQ(awaited[place], place + 4) << place;
    else if ((place + 1) % 7 == 0) // the second, by the first add of the next layer, or the one behind the last
      EXPECT_EQ(awaited[place], place == 20 ? 22 : place + 5) << place;
    else
      EXPECT_EQ(awaited[place], place) << place;

  std::vector<ExchangePoint> points = findExchangePoints(delayed.plan, delayed.order());
  ASSERT_EQ(points.size(), 12u);
  EXPECT_EQ(points[0], (ExchangePoint{3, 3, true}));
  EXPECT_EQ(points[1], (ExchangePoint{6, 6, true}));
  EXPECT_EQ(points[2], (ExchangePoint{7, 3, false}));
  EXPECT_EQ(points[3], (ExchangePoint{10, 10, true}));
  EXPECT_EQ(points[4], (ExchangePoint{11, 6, false}));
  EXPECT_EQ(points.back(), (ExchangePoint{22, 20, false}));
}

/// With sums that the next launch waits for there are none.
TEST(ExchangePoints, NoneWithoutTime) {
  DelayedPlan delayed;
  std::vector<int32_t> order = {0, 1, 3, 7, 1, 3, 7};
  EXPECT_TRUE(findExchangePoints(delayed.plan, order).empty());
  EXPECT_TRUE(findExchangePoints(delayed.plan, {}).empty());
}

/// x of token t behind all layers, from the formula.
float expected(int64_t t) {
  float before = float(t + 1), x = before;
  for (int64_t i = 0; i < 2 * DelayedPlan::layers; ++i) {
    float next = x + (i % 2 ? 3 + 4 : 2 + 3) * before;
    before = x;
    x = next;
  }
  return x;
}

class Ahead : public testing::TestWithParam<unsigned> {};

/// Rank 1 comes to each first sum only when rank 0 has computed what follows it, which a rank that waits never does.
TEST_P(Ahead, GoesOnBesideSums) {
  for (bool isAhead : {true, false}) {
    std::atomic<int> reached{0};
    std::atomic<bool> isLate{false};
    auto body = [&](Communicator &communicator) {
      DelayedPlan delayed;
      alignas(64) uint8_t arena[4 * 192] = {};
      DelayedPlan::Context own = {communicator.rank(), isAhead ? &reached : nullptr, &isLate};
      plait_context_v1_t context = {sizeof(context), &own, nullptr};
      auto pool = ThreadPool::create(GetParam());
      auto comm = CommThread::create();
      Executor executor(delayed.model, delayed.plan, reinterpret_cast<const uint8_t *>(delayed.layerNumbers),
                        {&communicator, {}});
      EXPECT_TRUE(executor.leavesTime());
      Executor::StepMemory memory;
      memory.arena = arena;
      StepDims dims{DelayedPlan::tokens};
      PLAIT_RETURN_IF_ERROR(isAhead ? executor.runAhead(**pool, **comm, context, dims, memory)
                                    : executor.run(**pool, context, dims, memory));
      float x[DelayedPlan::tokens];
      std::memcpy(x, arena, sizeof(x));
      for (int64_t t = 0; t < DelayedPlan::tokens; ++t)
        EXPECT_EQ(x[t], expected(t)) << "token " << t << " of rank " << communicator.rank()
                                     << (isAhead ? ", ahead" : "");
      return Status::success();
    };
    for (const Status &status : onRanks(body))
      EXPECT_TRUE(status) << status.message();
    EXPECT_FALSE(isLate) << "rank 0 has waited for the sum";
  }
}

INSTANTIATE_TEST_SUITE_P(Threads, Ahead, testing::Values(1, 2, 5),
                         [](const auto &info) { return std::to_string(info.param); });

} // namespace
