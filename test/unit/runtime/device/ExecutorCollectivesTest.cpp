//===- ExecutorCollectivesTest.cpp - Plans of several ranks ---------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/device/cpu/Executor.h"

#include "test/unit/runtime/device/ExecutorFixture.h"

#include "gtest/gtest.h"

#include <array>
#include <atomic>
#include <string>
#include <vector>

using namespace plait;

namespace {

class Collectives : public testing::TestWithParam<unsigned> {};

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
  plait_collective_v4_t collective{
      PLAIT_COLLECTIVE_ALL_REDUCE, 0, PLAIT_DIM_TOKENS, 0, 1, nullptr, nullptr, nullptr, -1, 0, 0, 0, nullptr, 0, 0};
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

TEST_P(Collectives, CollectivesOfTwoRanks) {
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

/// Ranks carry a sum out as the plan says for its rows; one whose plan says otherwise of so many is named.
TEST_P(Collectives, SumsAsThePlanSays) {
  for (int64_t tokens = 1; tokens < 6; ++tokens) {
    auto results = onRanks([&](Communicator &communicator) {
      int rank = communicator.rank();
      SumPlan sum(tokens);
      const plait_sum_range_v1_t ranges[] = {
          {1, PLAIT_SUM_LAMPORT, 0}, {2 + rank, PLAIT_SUM_TWO_SHOT, 0}, {4, PLAIT_SUM_RING, 0}};
      sum.collective.algorithms = ranges;
      sum.collective.algorithm_count = 3;
      alignas(64) uint8_t arena[2 * 192];
      plait_context_v1_t context = {sizeof(context), &rank, nullptr};
      auto pool = ThreadPool::create(GetParam());
      Executor executor(sum.model, sum.plan, reinterpret_cast<const uint8_t *>(sum.layerNumbers), {&communicator, {}});
      Executor::StepMemory memory;
      memory.arena = arena;
      PLAIT_RETURN_IF_ERROR(executor.run(**pool, context, StepDims{tokens}, memory));
      auto *total = reinterpret_cast<float *>(arena + (tokens * 4 + 63) / 64 * 64);
      for (int64_t i = 0; i < tokens; ++i)
        EXPECT_EQ(total[i], float(3 + 2 * 30 + 2 * 3 * i)) << i;
      return Status::success();
    });
    for (const Status &status : results) {
      EXPECT_EQ(status.ok(), tokens != 2) << status.message();
      if (tokens == 2) {
        EXPECT_NE(status.message().find("has strayed: found all_reduce @o_proj"), std::string::npos)
            << status.message();
        EXPECT_NE(status.message().find("by lamport"), std::string::npos) << status.message();
        EXPECT_NE(status.message().find("by two_shot"), std::string::npos) << status.message();
      }
    }
  }
}

/// One collective from slot 0 to slot 1, of 5 columns.
struct PartsPlan {
  static constexpr int64_t columns = 5;
  PartsPlan(int32_t kind, int32_t dim, int32_t rank, std::vector<int64_t> parts) : bounds(std::move(parts)) {
    bool hasColumns = dim || kind == PLAIT_COLLECTIVE_ALL_TO_ALL;
    collective = {
        kind, dim, PLAIT_DIM_TOKENS, 0, columns, hasColumns ? bounds.data() : nullptr, nullptr, nullptr, -1, 0,
        0,    0,   nullptr,          0, 0};
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
  plait_collective_v4_t collective;
  plait_arg_v1_t args[2] = {{PLAIT_ARG_SLOT, 0}, {PLAIT_ARG_SLOT, 1}};
  plait_launch_v3_t launch = {-1, 0, 2, 1, 0, 1, 0, 0, 0, 0};
  const char *sources[1] = {"norm"};
  plait_model_v4_t model = noGroups();
  plait_plan_v2_t plan{};
};

/// From parts of rows to parts of columns and back, by all three ranks and by two of four.
TEST_P(Collectives, PartsOfOneDimensionBecomeThoseOfAnother) {
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
TEST_P(Collectives, BroadcastsAndPairs) {
  auto body = [&](Communicator &all) {
    std::vector<float> arena(64);
    auto run = [&](plait_collective_v4_t collective) {
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
      return plait_collective_v4_t{kind, 0,     PLAIT_DIM_TOKENS, 0, 5, nullptr, nullptr, nullptr, -1, order,
                                   wide, other, nullptr,          0, 0};
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
TEST_P(Collectives, CollectivesOfParts) {
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
  plait_collective_v4_t collective{PLAIT_COLLECTIVE_REDUCE_GATHER,
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
                                   /*other=*/1,
                                   nullptr,
                                   0,
                                   0};
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
TEST_P(Collectives, RowsAreComputedWithinACollective) {
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
TEST_P(Collectives, ALostRankEndsACollectiveOfRows) {
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

TEST_P(Collectives, ALostRankEndsTheStep) {
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
TEST_P(Collectives, PartsTakeTurns) {
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
TEST_P(Collectives, ALostRankEndsBothParts) {
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

INSTANTIATE_TEST_SUITE_P(Threads, Collectives, testing::Values(1, 2, 5),
                         [](const auto &info) { return std::to_string(info.param); });

} // namespace
