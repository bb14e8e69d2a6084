//===- InstanceTest.cpp - Tests of running steps --------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Instance.h"

#include "test/unit/runtime/DemoModel.h"

#include "gtest/gtest.h"

#include <cmath>
#include <functional>
#include <thread>

using namespace plait;

namespace {

/// On a CPU, and on a GPU that test/unit/cuda/FakeDriver.h stands for.
class InstanceTest : public testing::TestWithParam<bool> {
protected:
  void SetUp() override {
    if (GetParam())
      artifact.useGpu();
    auto opened = artifact.open();
    ASSERT_TRUE(opened) << opened.status().message();
    model = *opened;
  }
  std::unique_ptr<Instance> create(InstanceOptions options = {.threads = 2}) {
    auto instance = Instance::create(model, options);
    EXPECT_TRUE(instance) << instance.status().message();
    return instance ? instance.take() : nullptr;
  }
  /// A row of `tokens` from the start, its pages beginning at `page`.
  static StepRow row(std::vector<int32_t> tokens, int32_t page = 0) {
    StepRow row;
    row.tokens = std::move(tokens);
    row.pages.resize(2);
    for (size_t i = 0; i * demo::kPageTokens < row.tokens.size(); ++i)
      for (std::vector<int32_t> &pages : row.pages)
        pages.push_back(page + int32_t(i));
    row.leaves.push_back({int32_t(row.tokens.size()) - 1, {}, {}});
    return row;
  }
  static StepBatch batch(std::vector<StepRow> rows) { return {std::move(rows)}; }

  demo::Artifact artifact;
  std::shared_ptr<const Model> model;
};

TEST_P(InstanceTest, ComputesTheNextToken) {
  for (unsigned threads = 1; threads <= 4; ++threads) {
    auto instance = create({.threads = threads});
    for (int length : {1, 3, 4, 5, 17, 64}) {
      std::vector<int32_t> tokens = demo::prompt(length);
      auto result = instance->run(batch({row(tokens)}));
      ASSERT_TRUE(result) << result.status().message();
      ASSERT_EQ(result->leaves.size(), 1u);
      demo::Next expected = demo::next(tokens);
      EXPECT_EQ(result->leaves[0].token, expected.token) << threads << " " << length;
      EXPECT_EQ(result->leaves[0].logprob, expected.logprob);
      EXPECT_TRUE(result->logits.empty());
    }
  }
}

TEST_P(InstanceTest, RowsOfDifferentLengthsAndPageOrder) {
  auto instance = create();
  StepRow a = row(demo::prompt(5, 1)), b = row(demo::prompt(11, 2)), c = row(demo::prompt(1, 3));
  a.pages = {{9, 2}, {1, 2}};
  b.pages = {{0, 15, 7}, {5, 4, 3}};
  c.pages = {{4, 5, 6}, {0}}; // more than it needs
  auto result = instance->run(batch({a, b, c}));
  ASSERT_TRUE(result) << result.status().message();
  ASSERT_EQ(result->leaves.size(), 3u);
  EXPECT_EQ(result->leaves[0].token, demo::next(a.tokens).token);
  EXPECT_EQ(result->leaves[1].token, demo::next(b.tokens).token);
  EXPECT_EQ(result->leaves[2].token, demo::next(c.tokens).token);
}

TEST_P(InstanceTest, ContinuesFromPages) {
  auto instance = create();
  std::vector<int32_t> tokens = demo::prompt(10);
  StepRow first = row({tokens.begin(), tokens.begin() + 6});
  first.leaves.clear();
  auto none = instance->run(batch({first}));
  ASSERT_TRUE(none) << none.status().message();
  EXPECT_TRUE(none->leaves.empty());
  StepRow second;
  second.tokens = {tokens.begin() + 6, tokens.end()};
  second.firstPosition = 6;
  second.pages = {{0, 1, 2}, {0, 1, 2}};
  second.leaves.push_back({3, {}, {}});
  auto result = instance->run(batch({second}));
  ASSERT_TRUE(result) << result.status().message();
  EXPECT_EQ(result->leaves[0].token, demo::next(tokens).token);
}

TEST_P(InstanceTest, SamplingValuesAndStopsReachTheirLeaf) {
  auto instance = create();
  Sampling s = {0.7f, 5, 0.9f, 0.1f, ~uint64_t(3), 4};
  StepRow a = row(demo::prompt(6), 0), b = row(demo::prompt(6), 4);
  b.leaves[0].sampling = s;
  int32_t expected = demo::next(b.tokens, s).token;
  b.leaves[0].stops = {1, expected, 2};
  a.leaves[0].stops = {95};
  auto result = instance->run(batch({a, b}));
  ASSERT_TRUE(result) << result.status().message();
  EXPECT_EQ(result->leaves[0].token, demo::next(a.tokens).token);
  EXPECT_EQ(result->leaves[0].status, PLAIT_LEAF_OK);
  EXPECT_EQ(result->leaves[1].token, expected);
  EXPECT_EQ(result->leaves[1].status, PLAIT_LEAF_STOPPED);
}

TEST_P(InstanceTest, NonfiniteLeafIsItsOwnProblem) {
  auto instance = create();
  StepRow a = row({1, demo::kPoison, 2}, 0), b = row({1, 5, 2}, 1);
  auto result = instance->run(batch({a, b}));
  ASSERT_TRUE(result) << result.status().message();
  EXPECT_EQ(result->leaves[0].status, PLAIT_LEAF_NONFINITE);
  EXPECT_EQ(result->leaves[0].token, -1);
  EXPECT_EQ(result->leaves[1].token, demo::next(b.tokens).token);
}

TEST_P(InstanceTest, LogitsOfEveryPosition) {
  auto instance = create({.threads = 2, .variant = "ar.debug"});
  EXPECT_TRUE(instance->hasLogits());
  StepRow a = row(demo::prompt(7));
  a.leaves.clear();
  for (int32_t t = 0; t < 7; ++t)
    a.leaves.push_back({t, {}, {}});
  auto result = instance->run(batch({a}));
  ASSERT_TRUE(result) << result.status().message();
  ASSERT_EQ(result->logits.size(), 7u * demo::kVocabulary);
  for (int t = 0; t < 7; ++t) {
    demo::Next expected = demo::next({a.tokens.begin(), a.tokens.begin() + t + 1});
    EXPECT_EQ(result->leaves[t].token, expected.token);
    for (int v = 0; v < demo::kVocabulary; ++v)
      ASSERT_EQ(result->logits[t * demo::kVocabulary + v], expected.logits[v]);
  }
}

TEST_P(InstanceTest, RefusesBadBatches) {
  auto instance = create({.threads = 1, .maxTokens = 20, .maxRows = 3, .maxStops = 2});
  auto expectRefused = [&](const char *part, const std::function<void(StepBatch &)> &change) {
    StepBatch b = batch({row(demo::prompt(5), 0), row(demo::prompt(6), 2)});
    change(b);
    auto result = instance->run(b);
    ASSERT_FALSE(result) << part;
    EXPECT_EQ(result.status().code(), StatusCode::invalidArgument);
    EXPECT_NE(result.status().message().find(part), std::string::npos) << result.status().message();
    EXPECT_FALSE(instance->submit(b));
  };
  expectRefused("number of rows", [](StepBatch &b) { b.rows.clear(); });
  expectRefused("number of rows", [](StepBatch &b) { b.rows.resize(4, b.rows[0]); });
  expectRefused("row 1: number of tokens", [](StepBatch &b) { b.rows[1].tokens.clear(); });
  expectRefused("number of tokens", [](StepBatch &b) { b.rows[0] = row(demo::prompt(15), 5); });
  expectRefused("token id", [](StepBatch &b) { b.rows[0].tokens[1] = 97; });
  expectRefused("token id", [](StepBatch &b) { b.rows[0].tokens[1] = -1; });
  expectRefused("first position", [](StepBatch &b) { b.rows[0].firstPosition = -1; });
  expectRefused("first position", [](StepBatch &b) { b.rows[0].firstPosition = 60; });
  expectRefused("first position", [](StepBatch &b) { b.rows[0].firstPosition = INT64_MAX; });
  expectRefused("number of page tables: found 1; expected 2", [](StepBatch &b) { b.rows[0].pages.pop_back(); });
  expectRefused("page table 0: number of pages", [](StepBatch &b) { b.rows[0].pages[0].pop_back(); });
  expectRefused("page table 1: number of pages", [](StepBatch &b) { b.rows[0].pages[1].pop_back(); });
  expectRefused("row 0: page table 0: page", [](StepBatch &b) { b.rows[0].pages[0][1] = 16; });
  expectRefused("row 0: page table 0: page", [](StepBatch &b) { b.rows[0].pages[0][0] = -1; });
  expectRefused("row 1: page table 1: page: found 16", [](StepBatch &b) { b.rows[1].pages[1][1] = 16; });
  expectRefused("page table 0: page 1: found in rows 0 and 1", [](StepBatch &b) { b.rows[1].pages[0][0] = 1; });
  expectRefused("page table 1: page 1: found in rows 0 and 1", [](StepBatch &b) { b.rows[1].pages[1][0] = 1; });
  expectRefused("page table 0: page 0: found twice in row 0", [](StepBatch &b) { b.rows[0].pages[0][1] = 0; });
  expectRefused("leaf 0: token", [](StepBatch &b) { b.rows[0].leaves[0].token = 5; });
  expectRefused("leaf 1: found token", [](StepBatch &b) { b.rows[0].leaves.push_back(b.rows[0].leaves[0]); });
  expectRefused("stop id", [](StepBatch &b) { b.rows[0].leaves[0].stops = {-1}; });
  expectRefused("number of stop ids", [](StepBatch &b) { b.rows[0].leaves[0].stops = {1, 2, 3}; });
  auto sampling = [&](const char *part, Sampling s) {
    expectRefused(part, [&](StepBatch &b) { b.rows[1].leaves[0].sampling = s; });
  };
  sampling("temperature", {.temperature = -1});
  sampling("temperature", {.temperature = NAN});
  sampling("temperature", {.temperature = INFINITY});
  sampling("top_p", {.topP = 0});
  sampling("top_p", {.topP = NAN});
  sampling("min_p", {.minP = 2});
  sampling("top_k", {.topK = -1});
  auto edited = [&](const char *part, std::vector<LogitEdit> edits) {
    expectRefused(part, [&](StepBatch &b) { b.rows[1].leaves[0].edits = edits; });
  };
  edited("edited token id: found 97; expected 0 to 96", {{.token = 97}});
  edited("edited token id: found -1", {{.token = -1}});
  edited("edit of token 3: found bias nan", {{.token = 3, .bias = NAN}});
  edited("edit of token 3: found bias inf", {{.token = 3, .bias = INFINITY}});
  edited("scale 0.000000", {{.token = 3, .scale = 0}});
  edited("scale inf", {{.token = 3, .scale = INFINITY}});
  edited("offset -inf", {{.token = 3, .offset = -INFINITY}});
  edited("number of logit edits: found 98; expected 0 to 97", std::vector<LogitEdit>(98));
  std::vector<LogitEdit> masks;
  for (int32_t token = 0; token < demo::kVocabulary; ++token)
    masks.push_back({.token = token, .bias = LogitEdit::kMask});
  edited("found all 97 tokens masked; expected at least one that can be chosen", masks);
  expectRefused("number of top logprobs: found 21; expected 0 to 20",
                [](StepBatch &b) { b.rows[0].leaves[0].topLogprobs = 21; });
  expectRefused("number of top logprobs: found -1", [](StepBatch &b) { b.rows[0].leaves[0].topLogprobs = -1; });
}

/// Each leaf has its own edits and its own number of tokens to report.
TEST_P(InstanceTest, EditsAndTopLogprobs) {
  auto instance = create();
  StepBatch b;
  for (int i = 0; i < 6; ++i) {
    StepRow r = row(demo::prompt(5, i), 2 * i);
    for (int n = 0; n < i % 4; ++n)
      r.leaves[0].edits.push_back({.token = n + i, .bias = 0.5f * float(i), .scale = 1.5f, .offset = float(n)});
    r.leaves[0].topLogprobs = (i * 2) % 5;
    b.rows.push_back(std::move(r));
  }
  // The masks of one leaf are not those of another.
  int32_t before = demo::next(b.rows[4].tokens).token;
  for (int32_t token : {before, before + 1})
    b.rows[4].leaves[0].edits.push_back({.token = token % demo::kVocabulary, .bias = LogitEdit::kMask});
  auto result = instance->run(b);
  ASSERT_TRUE(result) << result.status().message();
  for (size_t i = 0; i < 6; ++i) {
    demo::Next expected = demo::next(b.rows[i].tokens, {}, b.rows[i].leaves[0].edits);
    EXPECT_EQ(result->leaves[i].token, expected.token) << i;
    std::vector<TokenLogprob> top;
    for (int n = 0; n < b.rows[i].leaves[0].topLogprobs; ++n)
      top.push_back({(expected.token + 5 * n) % demo::kVocabulary, expected.logprob - float(n)});
    EXPECT_EQ(result->leaves[i].top, top) << i;
  }
  EXPECT_NE(result->leaves[4].token, before);
}

TEST_P(InstanceTest, PagesBehindTheWindowAreNotLookedAt) {
  auto instance = create();
  std::vector<int32_t> tokens = demo::prompt(13);
  StepRow first = row({tokens.begin(), tokens.begin() + 12});
  first.leaves.clear();
  ASSERT_TRUE(instance->run(batch({first})));
  // The window of position 12 begins at 7, in page 1; page 0 goes round.
  StepRow next = row({tokens[12]});
  next.firstPosition = 12;
  next.pages = {{0, 1, 2, 3}, {-1, 1, 2, 0}};
  auto result = instance->run(batch({next}));
  ASSERT_TRUE(result) << result.status().message();
  EXPECT_EQ(result->leaves[0].token, demo::next(tokens).token);
  // Not so from position 9 on, whose window begins at 4, nor without a window.
  StepRow earlier = row({tokens.begin() + 9, tokens.end()});
  earlier.firstPosition = 9;
  earlier.pages = {{0, 1, 2, 3}, {-1, -1, 2, 0}};
  EXPECT_NE(instance->run(batch({earlier})).status().message().find("page table 1: page: found -1"), std::string::npos);
  earlier.pages = {{0, 1, 2, 3}, {7, 0, 2, 0}};
  EXPECT_NE(instance->run(batch({earlier})).status().message().find("page 0: found twice in row 0"), std::string::npos);
  earlier.pages = {{-1, 1, 2, 3}, {-1, 1, 2, 0}};
  EXPECT_NE(instance->run(batch({earlier})).status().message().find("page table 0: page: found -1"), std::string::npos);
}

TEST_P(InstanceTest, WindowsTakeNoMorePagesThanTheirRowsUse) {
  auto instance = create({.threads = 1, .maxTokens = 8, .maxRows = 2, .capacityPages = 1000});
  const StepLimits &limits = instance->limits();
  ASSERT_EQ(limits.tables.size(), 2u);
  EXPECT_EQ(limits.tables[0].window, 0);
  EXPECT_EQ(limits.tables[0].capacityPages, 1000);
  EXPECT_EQ(limits.tables[1].window, demo::kWindow);
  EXPECT_EQ(limits.tables[1].capacityPages, 2 * ((6 + 8 + 3) / 4 + 1));
}

TEST_P(InstanceTest, SharedPagesMayBeRead) {
  auto instance = create();
  std::vector<int32_t> tokens = demo::prompt(4);
  ASSERT_TRUE(instance->run(batch({row(tokens)})));
  StepRow a = row({7}), b = row({8});
  a.firstPosition = b.firstPosition = 4;
  a.pages = {{0, 1}, {0, 1}};
  b.pages = {{0, 2}, {0, 2}};
  auto result = instance->run(batch({a, b}));
  ASSERT_TRUE(result) << result.status().message();
  auto with = [&](int32_t token) {
    auto all = tokens;
    all.push_back(token);
    return demo::next(all).token;
  };
  EXPECT_EQ(result->leaves[0].token, with(7));
  EXPECT_EQ(result->leaves[1].token, with(8));
}

TEST_P(InstanceTest, CopiesPages) {
  auto instance = create();
  std::vector<int32_t> tokens = demo::prompt(6);
  ASSERT_TRUE(instance->run(batch({row(tokens)})));
  ASSERT_TRUE(instance->copyPage(0, 1, 9));
  ASSERT_TRUE(instance->copyPage(1, 0, 5));
  ASSERT_TRUE(instance->copyPage(1, 1, 8));
  EXPECT_FALSE(instance->copyPage(0, 1, 99));
  EXPECT_FALSE(instance->copyPage(0, -1, 2));
  EXPECT_FALSE(instance->copyPage(2, 1, 2));
  StepRow next = row({3});
  next.firstPosition = 6;
  next.pages = {{0, 9}, {5, 8}};
  auto result = instance->run(batch({next}));
  ASSERT_TRUE(result);
  tokens.push_back(3);
  EXPECT_EQ(result->leaves[0].token, demo::next(tokens).token);
}

/// Each node sees its path, and after the cells of one are moved a row goes on from it.
TEST_P(InstanceTest, TreesAndMovedCells) {
  const std::vector<int32_t> parents = {-1, 0, 1, 1, 2, 3, 3, 5};
  for (int begin : {1, 2, 5, 9}) {
    auto instance = create();
    std::vector<int32_t> text = demo::prompt(begin), nodes = demo::prompt(int(parents.size()), 3);
    int64_t end = begin + int64_t(nodes.size());
    std::vector<std::vector<int32_t>> pages(2);
    for (int32_t i = 0; i * demo::kPageTokens <= end; ++i) {
      pages[0].push_back(3 + i);
      pages[1].push_back(9 - i);
    }
    StepRow first = row(text), tree;
    first.pages = pages;
    ASSERT_TRUE(instance->run(batch({first})));
    tree.tokens = nodes;
    tree.parents = parents;
    tree.firstPosition = begin;
    tree.pages = pages;
    std::vector<std::vector<int32_t>> paths;
    Sampling sampling = {.temperature = 1, .seed = 4, .sequence = 2};
    for (size_t node = 0; node < nodes.size(); ++node) {
      tree.leaves.push_back({int32_t(node), sampling});
      paths.push_back(node ? paths[size_t(parents[node])] : text);
      paths.back().push_back(nodes[node]);
    }
    auto result = instance->run(batch({tree, row(demo::prompt(7), 10)}));
    ASSERT_TRUE(result) << result.status().message();
    for (size_t node = 0; node < nodes.size(); ++node)
      EXPECT_EQ(result->leaves[node].token, demo::next(paths[node], sampling).token) << begin << " " << node;
    // Nodes 0, 1, 3, 5 and 7 lead to the last one.
    std::vector<CellMove> moves;
    for (int32_t table = 0; table < 2; ++table)
      for (auto [from, to] : {std::pair(3, 2), {5, 3}, {7, 4}}) {
        auto pageOf = [&](int64_t slot) { return pages[size_t(table)][size_t(slot / demo::kPageTokens)]; };
        moves.push_back({table, pageOf(begin + from), int32_t((begin + from) % demo::kPageTokens), pageOf(begin + to),
                         int32_t((begin + to) % demo::kPageTokens)});
      }
    EXPECT_EQ(instance->movedBytes(), 0u);
    ASSERT_TRUE(instance->moveCells(moves));
    EXPECT_EQ(instance->movedBytes(), 3u * 16 * (demo::kLayers + 1));
    StepRow next;
    next.tokens = {11};
    next.firstPosition = begin + 5;
    next.pages = pages;
    next.leaves.push_back({0});
    result = instance->run(batch({next}));
    ASSERT_TRUE(result) << result.status().message();
    paths[7].push_back(11);
    EXPECT_EQ(result->leaves[0].token, demo::next(paths[7]).token);
  }
  auto instance = create();
  for (CellMove bad : {CellMove{2}, {0, -1}, {0, 0, 4}, {0, 0, 0, 1 << 30}, {1, 0, 0, 0, -1}}) {
    Status status = instance->moveCells({{bad}});
    EXPECT_FALSE(status);
    EXPECT_EQ(status.message().substr(0, 14), "cell to move: ") << status.message();
  }
}

/// Tokens that see some behind them: masks behind each token of a chain, in a tree; and a canvas, whose row is a chain.
TEST_P(InstanceTest, TokensThatSeeEachOther) {
  const std::vector<int32_t> tree = {-1, 0, 0, 2, 3, 1, 5, 6}, ofTree = {0, 1, 4, 4, 4, 6, 6, 7};
  const std::vector<int32_t> ofChain = {0, 3, 3, 3, 6, 6, 6};
  for (bool isTree : {true, false})
    for (int begin : {1, 2, 5, 9}) {
      auto instance = create();
      StepRow first = row(demo::prompt(begin)), own;
      own.ends = isTree ? ofTree : ofChain;
      own.tokens = demo::prompt(int(own.ends.size()), 3);
      if (isTree)
        own.parents = tree;
      own.firstPosition = begin;
      own.pages.resize(2);
      for (int32_t i = 0; i * demo::kPageTokens < begin + int64_t(own.tokens.size()); ++i) {
        own.pages[0].push_back(3 + i);
        own.pages[1].push_back(9 - i);
      }
      first.pages = own.pages;
      ASSERT_TRUE(instance->run(batch({first})));
      Sampling sampling = {.temperature = 1, .seed = 4, .sequence = 2};
      for (size_t t = 0; t < own.tokens.size(); ++t)
        own.leaves.push_back({int32_t(t), sampling});
      auto result = instance->run(batch({own, row(demo::prompt(7), 10)}));
      ASSERT_TRUE(result) << result.status().message();
      for (size_t t = 0; t < own.tokens.size(); ++t) {
        // The text that it sees, as a chain: of the row the path to its end.
        std::vector<size_t> path;
        for (int32_t at = own.ends[t]; at >= 0; at = isTree ? tree[size_t(at)] : at - 1)
          path.insert(path.begin(), size_t(at));
        std::vector<int32_t> tokens = first.tokens;
        std::vector<size_t> ends(tokens.size());
        std::iota(ends.begin(), ends.end(), 0);
        size_t at = 0;
        for (size_t token : path) {
          at = token == t ? tokens.size() : at;
          tokens.push_back(own.tokens[token]);
          auto end = std::find(path.begin(), path.end(), size_t(own.ends[token]));
          ends.push_back(size_t(begin) + size_t(end - path.begin()));
        }
        EXPECT_EQ(result->leaves[t].token, demo::nextAt(at, ends, tokens, sampling).token) << begin << " " << t;
      }
    }
}

TEST_P(InstanceTest, TreesThatAreNone) {
  auto instance = create({.threads = 1, .maxTokens = 64});
  auto refused = [&](std::vector<int32_t> parents, int64_t first, const char *part) {
    StepRow bad = row(demo::prompt(4));
    bad.parents = std::move(parents);
    bad.firstPosition = first;
    bad.pages.assign(2, std::vector<int32_t>(size_t(first / demo::kPageTokens) + 2, 0));
    for (std::vector<int32_t> &pages : bad.pages)
      for (size_t i = 0; i < pages.size(); ++i)
        pages[i] = int32_t(i);
    Status status = checkBatch(batch({bad}), instance->limits());
    EXPECT_FALSE(status) << part;
    EXPECT_NE(status.message().find(part), std::string::npos) << status.message();
  };
  refused({-1, 0, 0}, 0, "number of parents: found 3; expected none, or 4 as there are tokens");
  refused({0, 0, 0, 0}, 0, "token 0: parent: found 0; expected -1 to -1");
  refused({-1, 0, 2, 0}, 0, "token 2: parent: found 2; expected 0 to 1");
  refused({-1, 0, -1, 0}, 0, "token 2: parent: found -1; expected 0 to 1");
  // Three positions behind each other, four tokens.
  refused({-1, 0, 1, 1}, demo::kMaxPositions - 2, "first position: found 62; expected 0 to 61");
}

TEST_P(InstanceTest, TokensThatSeeWhatTheyMayNot) {
  auto instance = create({.threads = 1, .maxTokens = 64});
  auto refused = [&](std::vector<int32_t> parents, std::vector<int32_t> ends, const char *part) {
    StepRow bad = row(demo::prompt(4));
    bad.parents = std::move(parents);
    bad.ends = std::move(ends);
    Status status = checkBatch(batch({bad}), instance->limits());
    EXPECT_FALSE(status) << part;
    EXPECT_NE(status.message().find(part), std::string::npos) << status.message();
  };
  refused({}, {0, 1}, "number of ends: found 2; expected none, or 4 as there are tokens");
  refused({}, {0, 0, 2, 3}, "token 1: end: found 0; expected 1 to 3");
  refused({}, {0, 1, 4, 3}, "token 2: end: found 4; expected 2 to 3");
  refused({-1, 0, 0, 2}, {0, 3, 2, 3},
          "token 1: found token 3 as the last one that it sees; expected itself, or one that continues it");
  // A token of the text, behind which are another one and masks.
  refused({-1, 0, 0, 2}, {3, 1, 3, 3},
          "token 0: found token 1 after it; expected that what sees behind itself, up to token 3, is continued by what "
          "it sees alone");
}

TEST_P(InstanceTest, SubmitPollWait) {
  auto instance = create();
  std::vector<Instance::Ticket> tickets;
  for (int i = 0; i < 20; ++i) {
    auto ticket = instance->submit(batch({row(demo::prompt(8, i))}));
    ASSERT_TRUE(ticket);
    tickets.push_back(*ticket);
  }
  while (!instance->poll(tickets.back()))
    std::this_thread::yield();
  for (int i = 0; i < 20; ++i) {
    auto result = instance->wait(tickets[i]);
    ASSERT_TRUE(result);
    EXPECT_EQ(result->leaves[0].token, demo::next(demo::prompt(8, i)).token);
  }
}

TEST_P(InstanceTest, ManyThreadsMaySubmit) {
  auto instance = create();
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 3; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        auto tokens = demo::prompt(6, 50 * t + i);
        StepBatch b = batch({row(tokens, 4 * t)});
        Expected<StepResult> result = resourceError("none");
        if (i % 2) {
          auto ticket = instance->submit(b);
          if (ticket)
            result = instance->wait(*ticket);
        } else {
          result = instance->run(b);
        }
        wrong += !result || result->leaves[0].token != demo::next(tokens).token;
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST_P(InstanceTest, TwoInstancesAtOnce) {
  auto a = create({.threads = 2}), b = create({.threads = 3, .variant = "ar.debug"});
  std::atomic<int> wrong{0};
  auto use = [&](Instance &instance, int salt) {
    for (int i = 0; i < 50; ++i) {
      auto tokens = demo::prompt(1 + i % 30, salt + i);
      auto result = instance.run(batch({row(tokens)}));
      wrong += !result || result->leaves[0].token != demo::next(tokens).token;
    }
  };
  std::thread other([&] { use(*b, 1000); });
  use(*a, 0);
  other.join();
  EXPECT_EQ(wrong, 0);
}

TEST_P(InstanceTest, GoesWithStepsWaiting) {
  Instance::Ticket last;
  {
    auto instance = create();
    for (int i = 0; i < 50; ++i)
      last = *instance->submit(batch({row(demo::prompt(60))}));
  }
  EXPECT_TRUE(last); // finished or cancelled, but not lost
}

TEST_P(InstanceTest, RefusesBadOptions) {
  EXPECT_FALSE(Instance::create(model, {.threads = 100000}));
  EXPECT_FALSE(Instance::create(model, {.threads = 1, .maxTokens = 0}));
  EXPECT_FALSE(Instance::create(model, {.threads = 1, .maxRows = -1}));
  EXPECT_FALSE(Instance::create(model, {.threads = 1, .maxTokens = INT64_MAX}));
  auto none = Instance::create(model, {.threads = 1, .variant = "nope"});
  EXPECT_EQ(none.status().code(), StatusCode::notFound);
  auto tables = Model::open(artifact.path(), {.threads = 1, .loadWeights = false});
  ASSERT_TRUE(tables);
  EXPECT_FALSE(Instance::create(*tables, {.threads = 1}));
}

// Every thread has every launch of every layer, in one order, and its times follow
// each other within those of the step; measuring changes no bit.
TEST_P(InstanceTest, ProfilesAStep) {
  const plait_plan_v2_t &plan = **model->plan("ar");
  size_t launches = 0;
  for (int32_t i = 0; i < plan.launch_count; ++i)
    launches += size_t(plan.launches[i].layer_end - plan.launches[i].layer_begin);
  for (unsigned threads = 1; threads <= 3; ++threads) {
    auto instance = create({.threads = threads});
    StepProfile profile; // used again: a step leaves nothing of the one before
    int barriers = 0;
    for (int length : {9, 4}) {
      std::vector<int32_t> tokens = demo::prompt(length);
      int64_t before = profileClock();
      auto result = instance->run(batch({row(tokens)}), &profile);
      int64_t after = profileClock();
      ASSERT_TRUE(result) << result.status().message();
      EXPECT_EQ(result->leaves[0].token, demo::next(tokens).token);
      EXPECT_LE(before, profile.begin);
      EXPECT_LE(profile.begin, profile.walkBegin);
      EXPECT_LE(profile.walkBegin, profile.walkEnd);
      EXPECT_LE(profile.walkEnd, profile.end);
      EXPECT_LE(profile.end, after);
      ASSERT_EQ(profile.threads.size(), threads);
      const auto &first = profile.threads[0].launches;
      for (const StepProfile::Thread &thread : profile.threads) {
        ASSERT_EQ(thread.launches.size(), launches);
        int64_t last = profile.walkBegin;
        for (size_t i = 0; i < launches; ++i) {
          const StepProfile::Launch &launch = thread.launches[i];
          const plait_launch_v3_t &row = plan.launches[launch.index];
          EXPECT_EQ(launch.index, first[i].index);
          EXPECT_EQ(launch.layer, first[i].layer);
          EXPECT_TRUE(row.layer_begin <= launch.layer && launch.layer < row.layer_end);
          EXPECT_LE(last, launch.waited);
          EXPECT_LE(launch.waited, launch.begun);
          EXPECT_LE(launch.begun, launch.ended);
          last = launch.ended;
          // Behind a barrier nothing begins before all that came before it has ended.
          if (i > 0 && launch.waited < launch.begun) {
            ++barriers;
            for (const StepProfile::Thread &other : profile.threads)
              EXPECT_LE(other.launches[i - 1].ended, launch.begun);
          }
        }
        EXPECT_LE(last, profile.walkEnd);
      }
    }
    // On a GPU the host waits for each launch, and one alone has no barrier before it.
    EXPECT_EQ(barriers > 0, !GetParam());
  }
}

} // namespace

INSTANTIATE_TEST_SUITE_P(, InstanceTest, testing::Bool(),
                         [](const auto &info) { return info.param ? std::string("Gpu") : std::string("Cpu"); });
