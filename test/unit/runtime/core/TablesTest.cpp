//===- TablesTest.cpp - Tests of the table checks -------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Tables.h"

#include "test/unit/runtime/DemoModel.h"

#include "gtest/gtest.h"

#include <functional>

using namespace plait;

namespace {

/// A copy of the demo model's tables that a test may damage.
struct Copy {
  explicit Copy(const plait_model_v4_t &from)
      : model(from), kernels(from.kernels, from.kernels + from.kernel_count),
        weights(from.weights, from.weights + from.weight_count), states(from.states, from.states + from.state_count),
        plans(from.plans, from.plans + from.plan_count), slots(plans[0].slots, plans[0].slots + plans[0].slot_count),
        args(plans[0].args, plans[0].args + plans[0].arg_count),
        launches(plans[0].launches, plans[0].launches + plans[0].launch_count) {
    model.kernels = kernels.data();
    model.weights = weights.data();
    model.states = states.data();
    model.plans = plans.data();
    plans[0].slots = slots.data();
    plans[0].args = args.data();
    plans[0].launches = launches.data();
  }
  plait_model_v4_t model;
  std::vector<plait_kernel_v1_t> kernels;
  std::vector<plait_weight_v4_t> weights;
  std::vector<plait_state_v3_t> states;
  std::vector<plait_plan_v2_t> plans;
  std::vector<plait_extent_v4_t> slots;
  std::vector<plait_arg_v1_t> args;
  std::vector<plait_launch_v3_t> launches;
  std::vector<plait_collective_v4_t> collectives;
  std::vector<plait_sum_range_v1_t> ranges;
  std::vector<plait_group_v1_t> groups;
  std::vector<int32_t> members;
  std::vector<int64_t> bounds, nodeBounds, nodeEnds;
  std::vector<plait_cells_v1_t> cells;

  /// Those of state 0, which tests may damage.
  plait_cells_v1_t &addCells() {
    cells.assign(states[0].cells, states[0].cells + states[0].cell_count);
    states[0].cells = cells.data();
    return cells[0];
  }

  /// Makes launch 6, of one layer, an all-reduce of slot 0, which has two f32 a token.
  void addCollective() {
    collectives = {{PLAIT_COLLECTIVE_ALL_REDUCE, 0, PLAIT_DIM_TOKENS, 0, 2, nullptr, nullptr, nullptr, -1, 0, 0, 0,
                    nullptr, 0, 0}};
    plans[0].collectives = collectives.data();
    plans[0].collective_count = 1;
    launches[6].kernel = -1;
    args[size_t(launches[6].first_arg) + 1] = args[size_t(launches[6].first_arg)];
    model.ranks = 2;
  }
  /// Makes it one between slots 0 and 1, of parts of columns.
  void gatherColumns() {
    addCollective();
    bounds = {0, 1, 2};
    collectives[0] = {PLAIT_COLLECTIVE_ALL_GATHER,
                      1,
                      PLAIT_DIM_TOKENS,
                      0,
                      2,
                      bounds.data(),
                      nullptr,
                      nullptr,
                      -1,
                      0,
                      0,
                      0,
                      nullptr,
                      0,
                      0};
    args[size_t(launches[6].first_arg) + 1].index = 1;
  }
  /// Makes it one between slots 0 and 1, of one column, of which rank 0 has two nodes.
  void sumNodes() {
    addCollective();
    nodeBounds = {0, 2, 3};
    nodeEnds = {2, 4, 5};
    collectives[0] = {PLAIT_COLLECTIVE_ALL_REDUCE,
                      0,
                      PLAIT_DIM_TOKENS,
                      3,
                      1,
                      nullptr,
                      nodeBounds.data(),
                      nodeEnds.data(),
                      -1,
                      0,
                      0,
                      0,
                      nullptr,
                      0,
                      0};
    args[size_t(launches[6].first_arg) + 1].index = 1;
  }
};

/// Makes launch 6 a reduce_gather of slot 0 to 1, with launch 7 as its epilogue.
static void fuseRows(Copy &c) {
  c.addCollective();
  auto &collective = c.collectives[0];
  collective.kind = PLAIT_COLLECTIVE_REDUCE_GATHER;
  collective.other = 1;
  // Arguments behind all others, and slots that hold rows of a rank.
  int32_t slots = int32_t(c.slots.size());
  c.launches[6].first_arg = int32_t(c.args.size());
  c.launches[6].arg_count = 4;
  for (int32_t slot : {0, 1, slots, slots + 1})
    c.args.push_back({PLAIT_ARG_SLOT, slot});
  plait_extent_v4_t part{};
  part.per[PLAIT_DIM_TOKENS_PART] = 8;
  c.slots.insert(c.slots.end(), {part, part});
  plait_kernel_v1_t kernel = c.kernels[0];
  kernel.tile_dim = PLAIT_DIM_TOKENS_PART;
  kernel.tile_block = kernel.tile_count = 1;
  c.kernels.push_back(kernel);
  c.launches[7] = c.launches[6];
  c.launches[7].kernel = int32_t(c.kernels.size()) - 1;
  c.launches[8].barrier = 1;
  c.model.kernels = c.kernels.data();
  c.model.kernel_count = int32_t(c.kernels.size());
  c.plans[0].slots = c.slots.data();
  c.plans[0].slot_count = int32_t(c.slots.size());
  c.plans[0].args = c.args.data();
  c.plans[0].arg_count = int32_t(c.args.size());
}

class TablesTest : public testing::Test {
protected:
  void SetUp() override {
    auto opened = artifact.open();
    ASSERT_TRUE(opened) << opened.status().message();
    model = *opened;
  }
  /// All of memory: pointers of the copy are as good as any.
  LoadedImage anywhere() {
    return LoadedImage({{reinterpret_cast<const char *>(1), reinterpret_cast<const char *>(INTPTR_MAX), true}});
  }
  void expectDamaged(const char *part, const std::function<void(Copy &)> &damage) {
    Copy copy(model->tables());
    damage(copy);
    Status status = checkTables(&copy.model, anywhere());
    ASSERT_FALSE(status) << part;
    EXPECT_EQ(status.code(), StatusCode::corrupt);
    EXPECT_NE(status.message().find(part), std::string::npos) << status.message();
  }

  demo::Artifact artifact;
  std::shared_ptr<const Model> model;
};

TEST_F(TablesTest, AcceptsAGoodCopy) {
  Copy copy(model->tables());
  Status status = checkTables(&copy.model, anywhere());
  EXPECT_TRUE(status) << status.message();
}

TEST_F(TablesTest, PointersOutsideTheImage) {
  Copy copy(model->tables());
  char byte = 0;
  EXPECT_FALSE(checkTables(&copy.model, LoadedImage({{&byte, &byte + 1, true}})));
  EXPECT_FALSE(checkTables(nullptr, anywhere()));
  EXPECT_FALSE(checkTables(nullptr, LoadedImage()));
}

TEST_F(TablesTest, Kernels) {
  expectDamaged("kernel 0: code", [](Copy &c) { c.kernels[0].run = nullptr; });
  expectDamaged("kernel 1: name", [](Copy &c) { c.kernels[1].name = nullptr; });
  expectDamaged("tile_dim", [](Copy &c) { c.kernels[0].tile_dim = PLAIT_DIM_COUNT; });
  expectDamaged("tile_block", [](Copy &c) { c.kernels[0].tile_block = 0; });
  expectDamaged("tile_count", [](Copy &c) { c.kernels[1].tile_count = -1; });
  expectDamaged("tile_count", [](Copy &c) { c.kernels[0].tile_count = int64_t(1) << 33; });
  expectDamaged("cyclic", [](Copy &c) { c.kernels[0].cyclic = 2; });
}

TEST_F(TablesTest, Weights) {
  expectDamaged("weight 1: pack_offset", [](Copy &c) { c.weights[1].pack_offset = 1 << 20; });
  expectDamaged("pack_offset", [](Copy &c) { c.weights[1].pack_offset = 4; });
  expectDamaged("pack_offset", [](Copy &c) { c.weights[1].pack_offset = ~uint64_t(63); });
  expectDamaged("pack_offset", [](Copy &c) { c.weights[1].layers = 4000; });
  expectDamaged("layer_bytes", [](Copy &c) { c.weights[0].layer_bytes = 64; });
  expectDamaged("layer_bytes", [](Copy &c) { c.weights[0].rows = int64_t(1) << 39; });
  expectDamaged("layers", [](Copy &c) { c.weights[1].layers = 0; });
  expectDamaged("layer_first", [](Copy &c) { c.weights[1].layer_first = -1; });
  expectDamaged("layer_step", [](Copy &c) { c.weights[1].layer_step = 0; });
  expectDamaged("layer_step", [](Copy &c) { c.weights[1].layer_step = INT64_MAX; });
  expectDamaged("rows", [](Copy &c) { c.weights[0].rows = -1; });
  expectDamaged("cols", [](Copy &c) { c.weights[0].cols = 0; });
  expectDamaged("dtype", [](Copy &c) { c.weights[0].dtype = 9; });
  expectDamaged("layout", [](Copy &c) { c.weights[0].layout = 2; });
  expectDamaged("panel", [](Copy &c) { c.weights[1].panel = 0; });
  expectDamaged("group", [](Copy &c) { c.weights[1].group = -2; });
}

TEST_F(TablesTest, States) {
  expectDamaged("page_tokens", [](Copy &c) { c.states[0].page_tokens = 0; });
  expectDamaged("state 1: page_tokens", [](Copy &c) { c.states[1].page_tokens = 8; });
  expectDamaged("page_bytes", [](Copy &c) { c.states[0].page_bytes = 65; });
  expectDamaged("layers", [](Copy &c) { c.states[0].layers = 0; });
}

TEST_F(TablesTest, PageTables) {
  expectDamaged("state 0: cell_count: found 0", [](Copy &c) { c.states[0].cell_count = 0; });
  expectDamaged("state 0: cell 0: offset: found -1", [](Copy &c) { c.addCells().offset = -1; });
  expectDamaged("cell 0: parts", [](Copy &c) { c.addCells().parts = 0; });
  expectDamaged("cell 0: slots: found 5; expected 1 to 4", [](Copy &c) { c.addCells().slots = 5; });
  expectDamaged("cell 0: pieces", [](Copy &c) { c.addCells().pieces = 1 << 20; });
  expectDamaged("cell 0: slot_stride: found -16", [](Copy &c) { c.addCells().slot_stride = -16; });
  for (void (*change)(plait_cells_v1_t &) :
       {+[](plait_cells_v1_t &cells) { cells.piece_bytes = 17; }, +[](plait_cells_v1_t &cells) { cells.offset = 1; },
        +[](plait_cells_v1_t &cells) { cells.slot_stride = 17; },
        +[](plait_cells_v1_t &cells) { cells.parts = cells.part_stride = 2; },
        +[](plait_cells_v1_t &cells) { cells.pieces = cells.piece_stride = 64; },
        +[](plait_cells_v1_t &cells) { cells.slots = 1, cells.block_stride = 32; }})
    expectDamaged("cell 0: cells: found a piece beyond the page; expected all within its 64 bytes",
                  [&](Copy &c) { change(c.addCells()); });
  expectDamaged("state 1: window: found -1", [](Copy &c) { c.states[1].window = -1; });
  expectDamaged("state 1: window", [](Copy &c) { c.states[1].window = int64_t(1) << 32; });
  expectDamaged("state 1: table", [](Copy &c) { c.states[1].table = 2; });
  expectDamaged("state 0: table", [](Copy &c) { c.states[0].table = -1; });
  expectDamaged("state 1: window: found 6; expected 0", [](Copy &c) { c.states[1].table = 0; });
  expectDamaged("page table 1: found no state", [](Copy &c) {
    c.states[1].table = 0;
    c.states[1].window = 0;
  });
  expectDamaged("table_count", [](Copy &c) { c.model.table_count = -1; });
  expectDamaged("table_count", [](Copy &c) { c.model.table_count = 3; });
  // A page number of one table is none of another one.
  expectDamaged("launch 2: argument 0: a state: found no page table", [](Copy &c) { c.args[6].index = 1; });
  expectDamaged("argument 0: a state", [](Copy &c) { c.args[6].kind = PLAIT_ARG_INPUT; });
  expectDamaged("argument 1: a page table", [](Copy &c) { c.args[5] = {PLAIT_ARG_SLOT, 0}; });
  expectDamaged("argument 0: a state", [](Copy &c) { c.launches[2].arg_count = 1; });
  expectDamaged("argument 6: index", [](Copy &c) { c.args[6].index = 2; });
}

TEST_F(TablesTest, Plans) {
  expectDamaged("slot 0", [](Copy &c) { c.slots[0].per[1] = -8; });
  expectDamaged("slot 2", [](Copy &c) { c.slots[2].constant = -1; });
  expectDamaged("argument 0: index", [](Copy &c) { c.args[0].index = 3; });
  expectDamaged("argument 1: index", [](Copy &c) { c.args[1].index = -1; });
  expectDamaged("argument 2: kind", [](Copy &c) { c.args[2].kind = 7; });
  expectDamaged("logits", [](Copy &c) { c.args[0] = {PLAIT_ARG_OUTPUT, PLAIT_OUT_LOGITS}; });
  expectDamaged("hidden states", [](Copy &c) { c.args[0] = {PLAIT_ARG_OUTPUT, PLAIT_OUT_HIDDEN}; });
  expectDamaged("hidden states", [](Copy &c) { c.args[0] = {PLAIT_ARG_INPUT, PLAIT_IN_HIDDEN}; });
  expectDamaged("hidden", [](Copy &c) { c.plans[0].hidden = -1; });
  expectDamaged("argument count", [](Copy &c) { c.plans[0].arg_count = -1; });
  expectDamaged("slot count", [](Copy &c) { c.plans[0].slot_count = INT32_MAX; });
}

TEST_F(TablesTest, Launches) {
  expectDamaged("launch 0: kernel", [](Copy &c) { c.launches[0].kernel = 99; });
  expectDamaged("first_arg", [](Copy &c) { c.launches[0].first_arg = -1; });
  expectDamaged("first_arg", [](Copy &c) { c.launches[8].first_arg += 1; });
  expectDamaged("arg_count", [](Copy &c) { c.launches[0].arg_count = 1 << 30; });
  expectDamaged("source", [](Copy &c) { c.launches[0].source = 99; });
  expectDamaged("barrier: found 3; expected 0 to 2", [](Copy &c) { c.launches[0].barrier = 3; });
  expectDamaged("redundant", [](Copy &c) { c.launches[0].redundant = 2; });
  expectDamaged("redundant: found 1 of a launch without copies", [](Copy &c) { c.launches[0].redundant = 1; });
  expectDamaged("layer_begin", [](Copy &c) { c.launches[0].layer_begin = -1; });
  expectDamaged("layer_end", [](Copy &c) { c.launches[0].layer_end = 0; });
  // One layer more than the state, or the weight, has.
  expectDamaged("launch 2: layer_end", [](Copy &c) { c.launches[2].layer_end = 4; });
  expectDamaged("launch 5: layer_end", [](Copy &c) { c.launches[5].layer_end = 4; });
  expectDamaged("loop_begin", [](Copy &c) { c.launches[2].loop_begin = 0; });
  expectDamaged("loop_begin", [](Copy &c) { c.launches[3].layer_begin = 1; });
}

TEST_F(TablesTest, Copies) {
  auto copyResult = [](Copy &c) {
    c.launches[0].redundant = 1;
    c.args[0] = {PLAIT_ARG_COPY, 0};
  };
  Copy copy(model->tables());
  copyResult(copy);
  Status status = checkTables(&copy.model, anywhere());
  EXPECT_TRUE(status) << status.message();
  auto damaged = [&](const char *part, const std::function<void(Copy &)> &damage) {
    expectDamaged(part, [&](Copy &c) {
      copyResult(c);
      damage(c);
    });
  };
  damaged("argument 0: index: found 3; expected 0 to 2", [](Copy &c) { c.args[0].index = 3; });
  // What threads write at the same time is their own.
  damaged("argument 2: found a state or an output of a redundant launch",
          [](Copy &c) { c.args[2] = {PLAIT_ARG_OUTPUT, PLAIT_OUT_TOKENS}; });
  damaged("launch 6: redundant", [](Copy &c) {
    c.addCollective();
    c.launches[6].redundant = 1;
  });
  damaged("barrier: found 2 in the launch after a collective; expected 1", [](Copy &c) {
    c.addCollective();
    c.launches[7].barrier = 2;
  });
}

TEST_F(TablesTest, Parts) {
  expectDamaged("weight 0: source_rows", [](Copy &c) { c.weights[0].source_rows = c.weights[0].rows - 1; });
  expectDamaged("source_cols", [](Copy &c) { c.weights[1].source_cols = -1; });
  expectDamaged("row_begin", [](Copy &c) { c.weights[0].row_begin = 1; });
  expectDamaged("row_begin", [](Copy &c) { c.weights[0].row_begin = -1; });
  expectDamaged("col_begin: found 2; expected 0 to 1", [](Copy &c) {
    c.weights[1].source_cols = c.weights[1].cols + 1;
    c.weights[1].col_begin = 2;
  });
  expectDamaged("source_rows", [](Copy &c) { c.weights[0].source_rows = c.weights[0].source_cols = int64_t(1) << 40; });
  expectDamaged("col_begin: found 4; expected a multiple of the 8 columns", [](Copy &c) {
    plait_weight_v4_t &w = c.weights[0];
    w.dtype = PLAIT_DTYPE_I8, w.layout = PLAIT_LAYOUT_PANELS, w.panel = 32, w.group = 4, w.scale_group = 8;
    w.col_begin = 4, w.source_cols = 12;
  });
  Copy copy(model->tables());
  copy.weights[0].source_rows += 5, copy.weights[0].row_begin = 5;
  EXPECT_TRUE(checkTables(&copy.model, anywhere()));
}

TEST_F(TablesTest, Ranks) {
  expectDamaged("ranks", [](Copy &c) { c.model.ranks = 0; });
  expectDamaged("rank: found 1", [](Copy &c) { c.model.rank = 1; });
  expectDamaged("rank", [](Copy &c) { c.model.rank = -1; });
}

TEST_F(TablesTest, Collectives) {
  Copy copy(model->tables());
  copy.addCollective();
  Status status = checkTables(&copy.model, anywhere());
  EXPECT_TRUE(status) << status.message();
  EXPECT_STREQ(launchName(copy.model, copy.plans[0], copy.launches[6]), "all_reduce");
  EXPECT_EQ(collectiveBytes(copy.plans[0], {5}), 40);

  auto damaged = [&](const char *part, const std::function<void(Copy &)> &damage) {
    expectDamaged(part, [&](Copy &c) {
      c.addCollective();
      damage(c);
    });
  };
  damaged("collective count: found 1; expected none", [](Copy &c) { c.model.ranks = 1; });
  damaged("collective count", [](Copy &c) { c.plans[0].collective_count = -1; });
  damaged("collective table", [](Copy &c) { c.plans[0].collectives = nullptr; });
  auto say = [](Copy &c, std::vector<plait_sum_range_v1_t> ranges) {
    c.ranges = std::move(ranges);
    c.collectives[0].algorithms = c.ranges.data();
    c.collectives[0].algorithm_count = int32_t(c.ranges.size());
  };
  Copy said(model->tables());
  said.addCollective();
  say(said, {{1, PLAIT_SUM_LAMPORT, 0}, {24, PLAIT_SUM_TWO_SHOT, 0}, {25, PLAIT_SUM_RING, 0}});
  EXPECT_TRUE(checkTables(&said.model, anywhere()));
  damaged("collective 0: algorithm_count: found -1", [](Copy &c) { c.collectives[0].algorithm_count = -1; });
  damaged("collective 0: algorithm table", [](Copy &c) { c.collectives[0].algorithm_count = 1; });
  damaged("algorithm 0: rows: found 2; expected 1", [&](Copy &c) { say(c, {{2, 0, 0}}); });
  damaged("algorithm 2: rows: found 3", [&](Copy &c) { say(c, {{1, 0, 0}, {3, 1, 0}, {3, 0, 0}}); });
  damaged("algorithm: found 5", [&](Copy &c) { say(c, {{1, PLAIT_SUM_ALGORITHM_COUNT, 0}}); });
  damaged("algorithm 0: found multimem", [&](Copy &c) { say(c, {{1, PLAIT_SUM_MULTIMEM, 0}}); });
  damaged("collective 0: algorithm_count", [&](Copy &c) {
    say(c, {{1, PLAIT_SUM_ONE_SHOT, 0}});
    c.collectives[0].order = PLAIT_SUM_ORDER_TREE;
  });
  damaged("collective 0: kind", [](Copy &c) { c.collectives[0].kind = PLAIT_COLLECTIVE_KIND_COUNT; });
  damaged("collective 0: dim", [](Copy &c) { c.collectives[0].dim = 1; });
  damaged("collective 0: rows", [](Copy &c) { c.collectives[0].rows = PLAIT_DIM_COUNT; });
  damaged("collective 0: rows", [](Copy &c) { c.collectives[0].rows = -1; });
  damaged("collective 0: columns", [](Copy &c) { c.collectives[0].columns = 0; });
  damaged("collective 0: columns", [](Copy &c) { c.collectives[0].columns = INT64_MAX; });
  damaged("collective 0: nodes", [](Copy &c) { c.collectives[0].nodes = -1; });
  damaged("launch 6: kernel: found -2", [](Copy &c) { c.launches[6].kernel = -2; });
  damaged("kernel", [](Copy &c) { c.launches[6].kernel = INT32_MIN; });
  damaged("launch 6: arg_count", [](Copy &c) { c.launches[6].arg_count = 1; });
  damaged("launch 6: argument 0: kind", [](Copy &c) { c.launches[6].first_arg = 24; });
  damaged("more elements than slot 0", [](Copy &c) { c.collectives[0].columns = 3; });
  damaged("more elements than slot 0", [](Copy &c) { c.collectives[0].rows = PLAIT_DIM_ROWS; });
  damaged("argument 1: found slot 1; expected that of argument 0",
          [](Copy &c) { c.args[size_t(c.launches[6].first_arg) + 1].index = 1; });
  damaged("launch 6: barrier", [](Copy &c) { c.launches[6].barrier = 0; });
  damaged("0 in the launch after a collective", [](Copy &c) { c.launches[7].barrier = 0; });
}

TEST_F(TablesTest, CollectivesOfParts) {
  for (auto make : {&Copy::gatherColumns, &Copy::sumNodes}) {
    Copy copy(model->tables());
    (copy.*make)();
    Status status = checkTables(&copy.model, anywhere());
    EXPECT_TRUE(status) << status.message();
  }
  auto damaged = [&](const char *part, void (Copy::*make)(), const std::function<void(Copy &)> &damage) {
    expectDamaged(part, [&](Copy &c) {
      (c.*make)();
      damage(c);
    });
  };
  auto gather = &Copy::gatherColumns, sum = &Copy::sumNodes;
  damaged("collective 0: bounds: found 1; expected 0 to 0", gather, [](Copy &c) { c.bounds[0] = 1; });
  damaged("collective 0: bounds", gather, [](Copy &c) { c.bounds[1] = 2; });
  damaged("collective 0: bounds", gather, [](Copy &c) { c.bounds[1] = 0; });
  damaged("collective 0: bounds: found 2; expected 3 to 3", gather, [](Copy &c) { c.collectives[0].columns = 3; });
  damaged("collective 0: bound", gather, [](Copy &c) { c.collectives[0].bounds = nullptr; });
  damaged("collective 0: nodes", gather, [](Copy &c) { c.collectives[0].nodes = 1; });
  damaged("collective 0: rows", gather, [](Copy &c) {
    c.collectives[0].dim = 0;
    c.collectives[0].rows = PLAIT_DIM_LEAVES;
  });
  damaged("another one than argument 0", gather,
          [](Copy &c) { c.args[size_t(c.launches[6].first_arg) + 1].index = 0; });
  damaged("collective 0: node_bounds", sum, [](Copy &c) { c.nodeBounds[1] = 3; });
  damaged("collective 0: node 1: node_ends", sum, [](Copy &c) { c.nodeEnds[1] = 2; });
  damaged("collective 0: node 2: found [3, 5); expected a node of the tree over 5 leaves", sum,
          [](Copy &c) { c.nodeEnds[1] = 3; });
  damaged("collective 0: node end", sum, [](Copy &c) { c.collectives[0].node_ends = nullptr; });
  damaged("more elements than slot 0", sum, [](Copy &c) { c.collectives[0].columns = 2; });
}

TEST_F(TablesTest, CollectivesOfRows) {
  Copy copy(model->tables());
  ASSERT_GE(copy.launches.size(), 9u);
  fuseRows(copy);
  Status status = checkTables(&copy.model, anywhere());
  EXPECT_TRUE(status) << status.message();
  EXPECT_STREQ(launchName(copy.model, copy.plans[0], copy.launches[6]), "reduce_gather");
  auto damaged = [&](const char *part, const std::function<void(Copy &)> &damage) {
    expectDamaged(part, [&](Copy &c) {
      fuseRows(c);
      damage(c);
    });
  };
  damaged("collective 0: other: found 0; expected 1 to", [](Copy &c) { c.collectives[0].other = 0; });
  damaged("other: found 250; expected as many launches behind it", [](Copy &c) { c.collectives[0].other = 250; });
  damaged("collective 0: dim", [](Copy &c) { c.collectives[0].dim = 1; });
  damaged("launch 6: arg_count: found 2; expected 4 to 4", [](Copy &c) { c.launches[6].arg_count = 2; });
  damaged("launch 7: found none of its kernel or layers", [](Copy &c) { c.launches[7].kernel = -1; });
  damaged("launch 7: found none of its kernel or layers", [](Copy &c) { c.launches[7].layer_end += 1; });
  damaged("launch 7: found none of its kernel or layers", [](Copy &c) { c.launches[7].loop_begin = 1; });
  damaged("found tiles of others than a rank's rows", [](Copy &c) { c.kernels.back().tile_dim = PLAIT_DIM_TOKENS; });
  damaged("found tiles of others than a rank's rows", [](Copy &c) { c.kernels.back().tile_block = 2; });
  damaged("barrier: found 0 in the launch after an epilogue", [](Copy &c) { c.launches[8].barrier = 0; });
  damaged("launch 7: found copies; expected none in an epilogue", [](Copy &c) {
    c.launches[7].first_arg = 0;
    c.launches[7].arg_count = 1;
    c.args[0] = {PLAIT_ARG_COPY, 0};
  });
  damaged("launch 7: first_arg", [](Copy &c) { c.launches[7].first_arg = 1 << 20; });
  damaged("argument 2: found a collective of more elements",
          [](Copy &c) { c.slots.back().per[PLAIT_DIM_TOKENS_PART] = c.slots[c.slots.size() - 2].per[7] = 4; });
  damaged("argument 3: kind", [](Copy &c) { c.args.back() = {PLAIT_ARG_WEIGHT, 0}; });
}

TEST_F(TablesTest, Groups) {
  auto group = [](Copy &c) {
    c.addCollective();
    c.model.ranks = 3;
    c.members = {2, 0};
    c.groups = {{c.members.data(), 2, 0}};
    c.model.groups = c.groups.data();
    c.model.group_count = 1;
    c.collectives[0].group = 0;
  };
  Copy copy(model->tables());
  group(copy);
  Status status = checkTables(&copy.model, anywhere());
  EXPECT_TRUE(status) << status.message();
  auto damaged = [&](const char *part, const std::function<void(Copy &)> &damage) {
    expectDamaged(part, [&](Copy &c) {
      group(c);
      damage(c);
    });
  };
  damaged("group count", [](Copy &c) { c.model.group_count = -1; });
  damaged("group table", [](Copy &c) { c.model.groups = nullptr; });
  damaged("group 0: member count", [](Copy &c) { c.groups[0].count = 4; });
  damaged("group 0: member table", [](Copy &c) { c.groups[0].members = nullptr; });
  damaged("group 0: member: found 3", [](Copy &c) { c.members[0] = 3; });
  damaged("group 0: member 1: found 2 again", [](Copy &c) { c.members[1] = 2; });
  damaged("token_group: found 1", [](Copy &c) { c.model.token_group = 1; });
  damaged("collective 0: group: found -2", [](Copy &c) { c.collectives[0].group = -2; });
  damaged("collective 0: group: found 0; expected a group with rank 0", [](Copy &c) { c.members[1] = 1; });
  damaged("collective 0: order", [](Copy &c) { c.collectives[0].order = 2; });
  damaged("collective 0: precision", [](Copy &c) { c.collectives[0].precision = 3; });
  damaged("collective 0: other", [](Copy &c) { c.collectives[0].other = 1; });
  damaged("collective 0: other: found 1; expected another rank", [](Copy &c) {
    c.collectives[0].kind = PLAIT_COLLECTIVE_SEND; // rank 0 is number 1
    c.collectives[0].other = 1;
  });
  damaged("collective 0: other", [](Copy &c) {
    c.collectives[0].kind = PLAIT_COLLECTIVE_BROADCAST;
    c.collectives[0].other = 2;
  });
  damaged("collective 0: group: found 0; expected -1 to -1",
          [](Copy &c) { c.collectives[0].kind = PLAIT_COLLECTIVE_ALL_TO_ALL; });
  damaged("collective 0: bound", [](Copy &c) {
    c.collectives[0].kind = PLAIT_COLLECTIVE_ALL_TO_ALL;
    c.model.token_group = 0;
  });
}

/// The same with code for a GPU, of which kernel 0 may be damaged.
TEST_F(TablesTest, CodeForAGpu) {
  model.reset(); // a library of the same name is loaded once
  artifact.useGpu();
  auto opened = Model::open(artifact.path(), {.loadWeights = false});
  ASSERT_TRUE(opened) << opened.status().message();
  struct Gpu {
    explicit Gpu(const plait_model_v4_t &from)
        : copy(from), gpu(*from.gpu), kernels(gpu.kernels, gpu.kernels + from.kernel_count),
          entries(kernels[0].entries, kernels[0].entries + kernels[0].entry_count),
          grids(entries[0].grids, entries[0].grids + entries[0].grid_count) {
      copy.model.gpu = &gpu;
      gpu.kernels = kernels.data();
      kernels[0].entries = entries.data();
      entries[0].grids = grids.data();
    }
    Copy copy;
    plait_gpu_v1_t gpu;
    std::vector<plait_gpu_kernel_v1_t> kernels;
    std::vector<plait_entry_v1_t> entries;
    std::vector<plait_grid_v1_t> grids;
    plait_tensor_map_v1_t map{0, 8, 0, 16};

    void addMap() {
      entries[0].maps = &map;
      entries[0].map_count = 1;
    }
  };
  Gpu good((*opened)->tables());
  good.addMap();
  Status status = checkTables(&good.copy.model, anywhere());
  EXPECT_TRUE(status) << status.message();
  auto damaged = [&](const char *part, const std::function<void(Gpu &)> &damage) {
    Gpu own((*opened)->tables());
    own.addMap();
    damage(own);
    Status found = checkTables(&own.copy.model, anywhere());
    ASSERT_FALSE(found) << part;
    EXPECT_EQ(found.code(), StatusCode::corrupt);
    EXPECT_NE(found.message().find(part), std::string::npos) << found.message();
  };
  damaged("gpu: chip", [](Gpu &g) { g.gpu.chip = nullptr; });
  damaged("gpu: kernel table", [](Gpu &g) { g.gpu.kernels = nullptr; });
  damaged("slot 0: found rows that ranks share out", [](Gpu &g) { g.copy.slots[0].per[PLAIT_DIM_TOKENS_PART] = 4; });
  damaged("kernel 0: image_bytes", [](Gpu &g) { g.kernels[0].image_bytes = 0; });
  damaged("kernel 0: image: found a pointer outside", [](Gpu &g) { g.kernels[0].image = nullptr; });
  damaged("kernel 0: entry table", [](Gpu &g) { g.kernels[0].entries = nullptr; });
  damaged("kernel 0: entry count", [](Gpu &g) { g.kernels[0].entry_count = -1; });
  damaged("kernel 0: entry 0: name", [](Gpu &g) { g.entries[0].name = nullptr; });
  damaged("kernel 0: entry 0: rows", [](Gpu &g) { g.entries[0].rows = -1; });
  damaged("kernel 0: entry 0: threads: found 1025; expected 1 to 1024", [](Gpu &g) { g.entries[0].threads = 1025; });
  damaged("kernel 0: entry 0: shared_bytes", [](Gpu &g) { g.entries[0].shared_bytes = -1; });
  damaged("kernel 0: entry 0: static_bytes", [](Gpu &g) { g.entries[0].static_bytes = 1 << 21; });
  damaged("kernel 0: entry 0: grid count", [](Gpu &g) { g.entries[0].grid_count = 0; });
  damaged("kernel 0: entry 0: grid: dim", [](Gpu &g) { g.grids[0].dim = PLAIT_DIM_COUNT; });
  damaged("kernel 0: entry 0: grid: count", [](Gpu &g) { g.grids[0].count = int64_t(1) << 40; });
  damaged("kernel 0: entry 0: grid: block", [](Gpu &g) { g.grids[0].block = 0; });
  damaged("kernel 0: entry 0: map count", [](Gpu &g) { g.entries[0].map_count = -1; });
  damaged("kernel 0: entry 0: map: columns", [](Gpu &g) { g.map.columns = 0; });
  damaged("kernel 0: entry 0: map: box_rows", [](Gpu &g) { g.map.box_rows = 257; });
  damaged("launch 0: map: buffer: found 3; expected 0 to 2", [](Gpu &g) { g.map.buffer = 3; });
  // What runs on the host comes last, in one layer, and leaves weights and states alone.
  size_t last = size_t(good.copy.plans[0].launch_count) - 1;
  damaged("kernel: found 6, which is for the GPU, after one for its host",
          [&](Gpu &g) { std::swap(g.copy.launches[last], g.copy.launches[last - 1]); });
  damaged("argument 0: found weights or states for the host of a GPU",
          [&](Gpu &g) { g.copy.args[size_t(g.copy.launches[last].first_arg)] = {PLAIT_ARG_WEIGHT, 0}; });
  damaged("kernel 8: code", [](Gpu &g) { g.copy.kernels[8].run = nullptr; });
  // A table that ends before it is one without.
  Copy old((*opened)->tables());
  old.model.struct_size = PLAIT_MODEL_LEAST_SIZE;
  EXPECT_EQ(gpuOf(old.model), nullptr);
}

TEST_F(TablesTest, PackedBytes) {
  plait_weight_v4_t w = {};
  w.rows = 5, w.cols = 3, w.dtype = PLAIT_DTYPE_BF16;
  EXPECT_EQ(packedBytes(w), 30);
  w.layout = PLAIT_LAYOUT_PANELS, w.panel = 4, w.group = 2;
  EXPECT_EQ(packedBytes(w), 64);
  w.rows = INT64_MAX / 2;
  EXPECT_EQ(packedBytes(w), -1);
}

} // namespace
