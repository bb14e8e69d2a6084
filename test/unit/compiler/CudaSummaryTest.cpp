//===- CudaSummaryTest.cpp - Summaries of logits on a model of a GPU ------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// decode.summarize_blocks on a GPU against a plain search and sums of double precision; bit by bit
// against code for CPUs with vectors of 8 and of 16; and what a host chooses from it against its choice
// from the logits.
//
//===----------------------------------------------------------------------===//

#include "CompiledKernel.h"
#include "CudaKernelFixture.h"

#include "dialects/Decode/Decode.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

using namespace plait;
using namespace plait::test;

namespace {

using Floats = std::vector<float>;
constexpr int64_t kFirst = 1000, kTops = 9;
constexpr int64_t kBlock = decode::SummarizeBlocksOp::blockTokens;
constexpr float kMasked = std::numeric_limits<float>::lowest();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// Logits of each leaf, and how many of the most probable tokens it wants.
struct Leaves {
  int64_t columns;
  std::vector<Floats> logits;
  std::vector<int32_t> counts;

  int64_t size() const { return int64_t(logits.size()); }
  int64_t blocks() const { return llvm::divideCeilSigned(columns, kBlock); }
};

/// Every kind of row there is, in an order in which leaves with and without tokens to report alternate.
Leaves makeLeaves(int64_t columns) {
  Leaves leaves{columns, {}, {}};
  Random random;
  auto add = [&](int32_t count, auto logitOf) {
    Floats row;
    for (int64_t v = 0; v < columns; ++v)
      row.push_back(float(logitOf(v)));
    leaves.logits.push_back(std::move(row));
    leaves.counts.push_back(count);
  };
  auto at = [](int64_t v, int64_t where, float value, float other) { return v == where ? value : other; };
  int64_t middle = columns / 2, last = columns - 1;
  add(3, [&](int64_t) { return 4 * random.normal(); });
  add(0, [&](int64_t) { return 60 * random.normal(); }); // most exponentials are 0
  add(kTops, [&](int64_t v) { return v % 7; });          // ties
  add(5, [&](int64_t v) { return v % 3 ? -0.0f : 0.0f; });
  add(kTops + 5, [&](int64_t v) { return v % 100 == 41 ? random.normal() : kMasked; }); // more than there is room for
  add(2, [&](int64_t) { return kMasked; });
  add(-3, [&](int64_t v) { return 1e-40f * float(v); });
  add(1, [&](int64_t v) { return at(v, last, 3e38f, -3e38f); });
  for (float bad : {std::numeric_limits<float>::quiet_NaN(), kInfinity, -kInfinity})
    for (int64_t where : {int64_t(0), middle, last})
      add(where ? 2 : 0, [&, where, bad](int64_t v) { return at(v, where, bad, random.normal()); });
  return leaves;
}

std::string typeOf(int64_t columns, const std::string &dim = "leaves") {
  return "tensor<?x" + std::to_string(columns) + "xf32, #lm.dims<" + dim + ">>";
}
const std::string countsType = "tensor<?xi32, #lm.dims<leaves>>";

std::string kernelText(const std::string &arguments, const std::string &results, const std::string &body,
                       const std::string &values) {
  return "kernel.func @k(" + arguments + ") -> (" + results + ") " + CompiledKernel::cost() + "{\n" + body +
         "\nkernel.return " + values + " : " + results + "\n}\n";
}
std::string summaryText(const Leaves &leaves, bool tops) {
  std::string logits = typeOf(leaves.columns), words = typeOf(4 * leaves.blocks());
  std::string entries = typeOf(2 * leaves.blocks(), "top_entries"), first = std::to_string(kFirst);
  if (!tops)
    return kernelText("%l: " + logits, words,
                      "%s = decode.summarize_blocks %l {first = " + first + " : i64} : (" + logits + ") -> " + words,
                      "%s");
  return kernelText("%l: " + logits + ", %n: " + countsType, words + ", " + entries,
                    "%s, %e = decode.summarize_blocks %l tops %n {first = " + first + " : i64} : (" + logits + ", " +
                        countsType + ") -> (" + words + ", " + entries + ")",
                    "%s, %e");
}

struct Summary {
  Floats words, entries;
};

Summary runOnGpu(const Leaves &leaves, const std::string &chip, bool tops, int64_t width = kTops) {
  CudaKernel kernel(summaryText(leaves, tops), chip);
  Step step;
  step.dims[PLAIT_DIM_LEAVES] = leaves.size();
  step.dims[PLAIT_DIM_TOPS] = width;
  step.dims[PLAIT_DIM_TOP_ENTRIES] = leaves.size() * width;
  DenseValue logits = DenseValue::zeros({leaves.size(), leaves.columns}), counts = DenseValue::zeros({leaves.size()});
  for (int64_t leaf = 0; leaf < leaves.size(); ++leaf) {
    std::copy(leaves.logits[size_t(leaf)].begin(), leaves.logits[size_t(leaf)].end(), logits.row(leaf));
    counts.data[size_t(leaf)] = leaves.counts[size_t(leaf)];
  }
  step.values = {logits};
  if (tops)
    step.values.push_back(counts);
  auto results = kernel.run(step);
  return {results[0], tops ? results[1] : Floats()};
}

std::map<int, int64_t> dimsOf(const Leaves &leaves) {
  return {{PLAIT_DIM_LEAVES, leaves.size()}, {PLAIT_DIM_TOPS, kTops}, {PLAIT_DIM_TOP_ENTRIES, leaves.size() * kTops}};
}
Floats flat(const Leaves &leaves) {
  Floats all;
  for (const Floats &row : leaves.logits)
    all.insert(all.end(), row.begin(), row.end());
  return all;
}

Summary runOnCpu(Leaves leaves, unsigned lanes) {
  Floats logits = flat(leaves);
  Summary summary{Floats(size_t(4 * leaves.blocks() * leaves.size())),
                  Floats(size_t(2 * leaves.blocks() * leaves.size() * kTops))};
  CompiledKernel(summaryText(leaves, true), lanes)
      .run({logits.data(), leaves.counts.data(), summary.words.data(), summary.entries.data()}, dimsOf(leaves), 0,
           leaves.size(), 1);
  return summary;
}

bool isFinite(const Floats &row) {
  return std::all_of(row.begin(), row.end(), [](float x) { return std::isfinite(x); });
}

/// A plain search, and sums of double precision.
void checkBlock(const Leaves &leaves, const Summary &found, int64_t leaf, int64_t block) {
  SCOPED_TRACE("leaf " + std::to_string(leaf) + ", block " + std::to_string(block));
  const Floats &logits = leaves.logits[size_t(leaf)];
  int64_t begin = block * kBlock, end = std::min(begin + kBlock, leaves.columns);
  Floats own(logits.begin() + begin, logits.begin() + end);
  const float *words = found.words.data() + 4 * (leaf * leaves.blocks() + block);
  if (!isFinite(own)) {
    for (int i = 0; i < 4; ++i)
      EXPECT_EQ(words[i], i == 1 ? -1.0f : 0.0f) << i;
    return;
  }
  std::vector<int64_t> order;
  for (int64_t v = 0; v < int64_t(own.size()); ++v)
    order.push_back(v);
  std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return own[size_t(a)] != own[size_t(b)] ? own[size_t(a)] > own[size_t(b)] : a < b;
  });
  double sum = 0;
  for (float logit : own)
    sum += std::exp(double(logit) - double(own[size_t(order[0])]));
  EXPECT_EQ(words[0], own[size_t(order[0])]);
  EXPECT_EQ(words[1], float(kFirst + begin + order[0]));
  EXPECT_NEAR(double(words[2]) + double(words[3]), sum, 3e-7 * sum);
  if (found.entries.empty())
    return;
  for (int64_t i = 0; i < kTops; ++i) {
    const float *entry = found.entries.data() + 2 * ((leaf * kTops + i) * leaves.blocks() + block);
    bool isThere =
        i < leaves.counts[size_t(leaf)] && i < int64_t(own.size()) && own[size_t(order[size_t(i)])] > kMasked;
    EXPECT_EQ(entry[0], isThere ? float(kFirst + begin + order[size_t(i)]) : -1.0f) << i;
    EXPECT_EQ(entry[1], isThere ? own[size_t(order[size_t(i)])] : 0.0f) << i;
  }
}

/// Tokens, statuses and log probabilities of all leaves, and which of them were reported.
struct Choice {
  std::vector<int32_t> tokens, status;
  Floats logprobs;
  std::vector<int64_t> reported;
};
Choice choose(const std::string &op, int64_t columns, Floats values, int64_t leaves) {
  std::string type = typeOf(columns), f32 = "tensor<?xf32, #lm.dims<leaves>>";
  std::string results = countsType + ", " + countsType + ", " + f32;
  std::string types = op == "choose_greedy" ? type : "(" + type + ") -> (" + results + ")";
  CompiledKernel kernel(
      kernelText("%x: " + type, results, "%t, %s, %p = decode." + op + " %x : " + types, "%t, %s, %p"), 8);
  Choice choice{std::vector<int32_t>(size_t(leaves)), std::vector<int32_t>(size_t(leaves)), Floats(size_t(leaves)), {}};
  kernel.run({values.data(), choice.tokens.data(), choice.status.data(), choice.logprobs.data()},
             {{PLAIT_DIM_LEAVES, leaves}}, 0, leaves, 1, &choice.reported);
  return choice;
}

class CudaSummary : public testing::TestWithParam<const char *> {};

} // namespace

TEST_P(CudaSummary, IsThatOfLogits) {
  for (int64_t columns : {1, 511, 512, 2050, 4700}) {
    SCOPED_TRACE("columns " + std::to_string(columns));
    Leaves leaves = makeLeaves(columns);
    Summary found = runOnGpu(leaves, GetParam(), /*tops=*/true), alone = runOnGpu(leaves, GetParam(), /*tops=*/false);
    for (int64_t leaf = 0; leaf < leaves.size(); ++leaf)
      for (int64_t block = 0; block < leaves.blocks(); ++block) {
        checkBlock(leaves, found, leaf, block);
        checkBlock(leaves, alone, leaf, block);
      }
    expectSameBits(alone.words, found.words);
    // Nobody wants any.
    expectSameBits(runOnGpu(leaves, GetParam(), /*tops=*/true, /*width=*/0).words, found.words);
    for (unsigned lanes : {8, 16}) {
      SCOPED_TRACE(lanes);
      Summary expected = runOnCpu(leaves, lanes);
      expectSameBits(found.words, expected.words);
      expectSameBits(found.entries, expected.entries);
    }
  }
}

TEST_P(CudaSummary, IsEnoughToChoose) {
  int64_t columns = 2050;
  Leaves leaves = makeLeaves(columns);
  Summary summary = runOnGpu(leaves, GetParam(), /*tops=*/false);
  Choice found = choose("choose_summarized", 4 * leaves.blocks(), summary.words, leaves.size());
  Choice expected = choose("choose_greedy", columns, flat(leaves), leaves.size());
  EXPECT_EQ(found.reported, expected.reported);
  for (int64_t leaf = 0; leaf < leaves.size(); ++leaf) {
    SCOPED_TRACE(leaf);
    const Floats &row = leaves.logits[size_t(leaf)];
    auto top = std::max_element(row.begin(), row.end());
    bool usable = isFinite(row) && *top > kMasked;
    EXPECT_EQ(found.status[size_t(leaf)], usable ? PLAIT_LEAF_OK : PLAIT_LEAF_NONFINITE);
    EXPECT_EQ(found.tokens[size_t(leaf)], usable ? kFirst + (top - row.begin()) : -1);
    // The very bits of the choice from logits, which mixed steps make.
    EXPECT_EQ(std::bit_cast<int32_t>(found.logprobs[size_t(leaf)]),
              std::bit_cast<int32_t>(expected.logprobs[size_t(leaf)]));
    EXPECT_EQ(expected.status[size_t(leaf)], found.status[size_t(leaf)]);
  }
  EXPECT_EQ(std::count(found.status.begin(), found.status.end(), PLAIT_LEAF_NONFINITE), 10);
}

INSTANTIATE_TEST_SUITE_P(, CudaSummary, testing::Values("sm_80", "sm_90a"),
                         [](const auto &info) { return std::string(info.param); });
