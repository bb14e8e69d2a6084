//===- PartsKernelTest.cpp - Choices from parts of logits -----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs the kernels of several ranks one after another, hands round what they tell each
// other, and compares what comes out with the definition on whole logits
// (dialects/Decode/Sampling.cpp). With 0 lanes the ops' own definition takes the place of
// the kernels.
//
//===----------------------------------------------------------------------===//

#include "CompiledKernel.h"
#include "EvaluatedKernel.h"
#include "SamplingFixture.h"

#include "llvm/ADT/STLExtras.h"

#include <cstring>
#include <gtest/gtest.h>

using namespace plait;
using namespace plait::decode;

namespace {

using Floats = std::vector<float>;
constexpr int64_t kTops = 9;

std::string words(int64_t width, const std::string &dim) {
  return "tensor<?x" + std::to_string(width) + "xf32, #lm.dims<" + dim + ">>";
}

/// Logits of `bounds.size() - 1` ranks, and all that belongs to the leaves.
struct Ranks {
  std::vector<int64_t> bounds;
  unsigned lanes;
  std::vector<Scores> logits;
  Floats temperature, topP, minP;
  std::vector<int32_t> positions, topK, counts;
  std::vector<int64_t> seeds, sequences;
  std::vector<int32_t> tokens, status, topTokens;
  Floats drawn; ///< of each part: a token, its logit and its key
  Floats logprobs, topLogprobs;
  std::map<std::string, CompiledKernel> kernels;

  Ranks(std::vector<int64_t> bounds, unsigned lanes) : bounds(std::move(bounds)), lanes(lanes) {}

  int64_t size() const { return int64_t(temperature.size()); }
  size_t parts() const { return bounds.size() - 1; }
  void add(const Scores &row, const WarpValues &warps, int64_t seed, int32_t count = 0) {
    logits.push_back(row);
    temperature.push_back(float(warps.temperature));
    topP.push_back(float(warps.topP));
    minP.push_back(float(warps.minP));
    topK.push_back(int32_t(warps.topK));
    positions.push_back(int32_t(seed % 1000));
    seeds.push_back(seed);
    sequences.push_back(seed * 7);
    counts.push_back(count);
  }
  WarpValues warps(int64_t leaf) const { return {temperature[leaf], topK[leaf], topP[leaf], minP[leaf]}; }
  RandomKey draw(int64_t leaf) const {
    return {uint64_t(seeds[leaf]), uint64_t(sequences[leaf]), positions[leaf] + 1, RandomPurpose::sample};
  }

  /// Runs `op` on `arguments`, pairs of a buffer and its type; results go to buffers.
  using Argument = std::pair<void *, std::string>;
  void run(const std::string &op, const std::vector<Argument> &arguments, const std::vector<Argument> &results) {
    std::string inputs, types, outputs, values;
    std::vector<void *> buffers;
    for (auto [i, argument] : llvm::enumerate(arguments)) {
      inputs += (i ? ", " : "") + ("%" + std::to_string(i)) + ": " + argument.second;
      types += (i ? ", " : "") + argument.second;
      buffers.push_back(argument.first);
    }
    for (auto [i, result] : llvm::enumerate(results)) {
      outputs += (i ? ", " : "") + result.second;
      values += (i ? ", %r" : "%r") + std::to_string(i);
      buffers.push_back(result.first);
    }
    std::string text = "kernel.func @k(" + inputs + ") -> (" + outputs + ") " + CompiledKernel::cost() + "{\n  " +
                       values + " = decode." + op + " : (" + types + ") -> (" + outputs + ")\n  kernel.return " +
                       values + " : " + outputs + "\n}\n";
    if (!lanes)
      return evaluateKernel(text, buffers,
                            [&](const std::string &dim) { return dim == "top_entries" ? size() * kTops : size(); });
    auto it = kernels.find(text);
    if (it == kernels.end())
      it = kernels.emplace(text, CompiledKernel(text, lanes)).first;
    it->second.run(buffers,
                   {{PLAIT_DIM_LEAVES, size()},
                    {PLAIT_DIM_DRAWS, size()},
                    {PLAIT_DIM_WARPS, size()},
                    {PLAIT_DIM_TOPS, kTops},
                    {PLAIT_DIM_TOP_ENTRIES, size() * kTops}},
                   0, size(), 1);
  }

  /// `width` words per row of each rank, put side by side as an all_gather does.
  Floats gather(const std::vector<Floats> &own, int64_t width) const {
    Floats all;
    for (size_t row = 0; row < own[0].size() / size_t(width); ++row)
      for (const Floats &part : own)
        all.insert(all.end(), part.begin() + int64_t(row) * width, part.begin() + int64_t(row + 1) * width);
    return all;
  }

  /// The part of `rank`, and its type.
  Floats part(size_t rank) const {
    Floats own;
    for (const Scores &row : logits)
      own.insert(own.end(), row.begin() + bounds[rank], row.begin() + bounds[rank + 1]);
    return own;
  }

  /// Each rank's result of `op` of its logits and `arguments`, gathered.
  Floats exchange(const std::string &op, const std::vector<Argument> &arguments, int64_t width, const std::string &dim,
                  int64_t rowsPerLeaf = 1) {
    std::vector<Floats> own;
    for (size_t rank = 0; rank < parts(); ++rank) {
      Floats logits = part(rank);
      own.emplace_back(size_t(size() * width * rowsPerLeaf), -77.0f);
      std::vector<Argument> all = {{logits.data(), words(bounds[rank + 1] - bounds[rank], "leaves")}};
      all.insert(all.end(), arguments.begin(), arguments.end());
      std::string text = op;
      if (size_t at = text.find("FIRST"); at != std::string::npos)
        text.replace(at, 5, std::to_string(bounds[rank]) + " : i64");
      run(text, all, {{own.back().data(), words(width, dim)}});
    }
    return gather(own, width);
  }

  /// What `summarize` gives, by way of blocks; and the choice from all blocks, side by side.
  Floats summarizeBlocks(std::vector<int32_t> &greedy, Floats &greedyLogprobs) {
    std::vector<Floats> own, joined;
    int64_t blocks = 0;
    for (size_t rank = 0; rank < parts(); ++rank) {
      Floats logits = part(rank);
      int64_t columns = bounds[rank + 1] - bounds[rank], width = 4 * ((columns + 511) / 512);
      own.emplace_back(size_t(size() * width), -77.0f);
      joined.emplace_back(size_t(size() * 4), -77.0f);
      run("summarize_blocks %0 {first = " + std::to_string(bounds[rank]) + " : i64}",
          {{logits.data(), words(columns, "leaves")}}, {{own.back().data(), words(width, "leaves")}});
      run("join_summaries %0", {{own.back().data(), words(width, "leaves")}},
          {{joined.back().data(), words(4, "leaves")}});
      blocks += width;
    }
    Floats all;
    for (int64_t leaf = 0; leaf < size(); ++leaf)
      for (const Floats &part : own) {
        int64_t width = int64_t(part.size()) / size();
        all.insert(all.end(), part.begin() + leaf * width, part.begin() + (leaf + 1) * width);
      }
    std::vector<int32_t> ignored(size_t(size()), 0);
    greedy.assign(size_t(size()), -77);
    greedyLogprobs.assign(size_t(size()), -77);
    run("choose_summarized %0", {{all.data(), words(blocks, "leaves")}},
        {{greedy.data(), "!i"}, {ignored.data(), "!i"}, {greedyLogprobs.data(), "!f"}});
    return gather(joined, 4);
  }

  void choose() {
    int64_t n = int64_t(parts());
    Floats summaries = exchange("summarize %0 {first = FIRST}", {}, 4, "leaves");
    Argument all{summaries.data(), words(4 * n, "leaves")}, temp{temperature.data(), "!f"};
    Floats state;
    for (bool isCount : {true, false})
      for (int round = 0; round < 4; ++round) {
        std::string rule = std::string(isCount ? "<top_k>" : "<top_p>") + " round " + std::to_string(round);
        Argument limit = isCount ? Argument{topK.data(), "!i"} : Argument{topP.data(), "!f"};
        std::vector<Argument> arguments = {all, temp, limit}, finish;
        if (!state.empty())
          arguments.push_back({state.data(), words(6, "warps")});
        Floats bins =
            exchange("bin_logits %0, %1, %2, %3 " + std::string(state.empty() ? "" : "state %4 ") + "rule " + rule,
                     arguments, 512, "warps");
        Floats next(size_t(size()) * 6);
        finish = {{bins.data(), words(512 * n, "warps")}, limit};
        if (!state.empty())
          finish.push_back({state.data(), words(6, "warps")});
        run("narrow_threshold %0, %1 " + std::string(state.empty() ? "" : "state %2 ") + "rule " + rule, finish,
            {{next.data(), words(6, "warps")}});
        state = next;
      }
    Argument thresholds{state.data(), words(6, "warps")}, least{minP.data(), "!f"};
    drawn = exchange(
        "draw_part %0, %1, %2, %3, %4, %5 state %6 min_p %7 {first = FIRST}",
        {all, {positions.data(), "!i"}, {seeds.data(), "!l"}, {sequences.data(), "!l"}, temp, thresholds, least}, 3,
        "draws");
    tokens.assign(size_t(size()), -77);
    status = tokens;
    logprobs.assign(size_t(size()), -77);
    run("choose_summarized %0 drawn %1 temperature %2", {all, {drawn.data(), words(3 * n, "draws")}, temp},
        {{tokens.data(), "!i"}, {status.data(), "!i"}, {logprobs.data(), "!f"}});
  }

  /// Of all parts, where there is a draw.
  Floats largestKeys() const {
    Floats keys;
    size_t width = 3 * parts();
    for (size_t row = 0; row < drawn.size(); row += width) {
      float largest = -INFINITY;
      for (size_t at = row; at < row + width; at += 3)
        if (drawn[at] >= 0)
          largest = std::max(largest, drawn[at + 2]);
      keys.push_back(largest);
    }
    return keys;
  }

  void findTops() {
    int64_t n = int64_t(parts());
    Floats summaries = exchange("summarize %0 {first = FIRST}", {}, 4, "leaves");
    Floats entries = exchange("top_part %0, %1 {first = FIRST}", {{counts.data(), "!i"}}, 2, "top_entries", kTops);
    expectSameEntries(entriesByBlocks(), entries);
    topTokens.assign(size_t(size() * kTops), -77);
    topLogprobs.assign(size_t(size() * kTops), -77);
    run("join_tops %0, %1, %2",
        {{entries.data(), words(2 * n, "top_entries")},
         {summaries.data(), words(4 * n, "leaves")},
         {counts.data(), "!i"}},
        {{topTokens.data(), "tensor<?x?xi32, #lm.dims<leaves, tops>>"},
         {topLogprobs.data(), "tensor<?x?xf32, #lm.dims<leaves, tops>>"}});
  }

  /// Of rows whose logits are all finite: entries of others mean nothing, as their summaries say.
  void expectSameEntries(const Floats &found, const Floats &expected) const {
    size_t width = 2 * parts() * size_t(kTops);
    for (int64_t leaf = 0; leaf < size(); ++leaf) {
      if (!llvm::all_of(logits[size_t(leaf)], [](double x) { return std::isfinite(x); }))
        continue;
      auto of = [&](const Floats &all) {
        return Floats(&all[size_t(leaf) * width], &all[size_t(leaf) * width] + width);
      };
      EXPECT_EQ(of(found), of(expected)) << "leaf " << leaf;
    }
  }

  /// What `top_part` gives, by way of blocks.
  Floats entriesByBlocks() {
    std::vector<Floats> own;
    for (size_t rank = 0; rank < parts(); ++rank) {
      Floats logits = part(rank);
      int64_t columns = bounds[rank + 1] - bounds[rank], blocks = (columns + 511) / 512;
      Floats summaries(size_t(size() * 4 * blocks), -77), entries(size_t(size() * kTops * 2 * blocks), -77);
      own.emplace_back(size_t(size() * kTops * 2), -77.0f);
      run("summarize_blocks %0 tops %1 {first = " + std::to_string(bounds[rank]) + " : i64}",
          {{logits.data(), words(columns, "leaves")}, {counts.data(), "!i"}},
          {{summaries.data(), words(4 * blocks, "leaves")}, {entries.data(), words(2 * blocks, "top_entries")}});
      run("join_entries %0, %1", {{entries.data(), words(2 * blocks, "top_entries")}, {counts.data(), "!i"}},
          {{own.back().data(), words(2, "top_entries")}});
    }
    return gather(own, 2);
  }

  /// Compares every leaf with the definition; returns how many were near ties.
  int64_t expectChosen() const {
    int64_t near = 0;
    for (int64_t leaf = 0; leaf < size(); ++leaf) {
      const Scores &row = logits[size_t(leaf)];
      Choice choice = chooseSample(row, warps(leaf), draw(leaf));
      std::string where =
          std::to_string(parts()) + " parts of " + std::to_string(row.size()) + ", leaf " + std::to_string(leaf);
      EXPECT_EQ(status[leaf], choice.nonfinite ? PLAIT_LEAF_NONFINITE : PLAIT_LEAF_OK) << where;
      int64_t token = tokens[leaf];
      if (token != choice.token) {
        bool valid = token >= 0 && token < int64_t(row.size()) && choice.token >= 0;
        EXPECT_TRUE(valid && isNearTie(raceKeys(warpedDistribution(row, warps(leaf)), draw(leaf)), token, choice.token,
                                       kKeyTolerance))
            << where << ": token " << token << " instead of " << choice.token;
        ++near;
      }
      double logprob = token < 0 ? 0 : std::log(softmax(row)[size_t(token)]);
      if (token >= 0 && !std::isfinite(logprob)) // too unlikely for a double
        logprob = row[size_t(token)] - *std::max_element(row.begin(), row.end());
      EXPECT_NEAR(logprobs[leaf], logprob, 2e-6 * std::max(1.0, std::abs(logprob))) << where;
    }
    return near;
  }
};

class PartsKernelTest : public testing::TestWithParam<unsigned> {};
std::string laneName(const testing::TestParamInfo<unsigned> &info) { return std::to_string(info.param) + "lanes"; }
INSTANTIATE_TEST_SUITE_P(Lanes, PartsKernelTest, testing::Values(0, 4, 8, 16), laneName);
/// The definition adds up as doubles do.
class ExactPartsTest : public PartsKernelTest {};
INSTANTIATE_TEST_SUITE_P(Lanes, ExactPartsTest, testing::Values(4, 8, 16), laneName);

const std::vector<std::vector<int64_t>> kSplits = {{0, 3, 7}, {0, 62, 125, 187, 250}, {0, 1000, 1024, 2048}};

/// Ties, masked tokens, and in some leaves what no token can be chosen from.
void spoil(SamplingCases &cases, Scores &row) {
  int64_t count = int64_t(row.size());
  double top = *std::max_element(row.begin(), row.end());
  for (int64_t ties = cases.pick(4); ties > 0; --ties)
    row[size_t(cases.pick(count))] = top;
  if (cases.pick(3) == 0)
    for (double &logit : row)
      logit = cases.pick(2) ? kMaskedLogit : cases.pick(4) ? double(cases.pick(4)) - 2 : -0.0;
  if (cases.pick(10) == 0)
    std::fill(row.begin(), row.begin() + cases.pick(count + 1), kMaskedLogit); // all of some parts
  if (cases.pick(12) == 0)
    row[size_t(cases.pick(count))] = cases.pick(2) ? double(NAN) : cases.pick(2) ? INFINITY : -INFINITY;
}

} // namespace

TEST_P(PartsKernelTest, ChoicesMatchDefinition) {
  SamplingCases cases(11);
  int64_t near = 0, total = 0;
  for (const std::vector<int64_t> &bounds : kSplits) {
    Ranks ranks(bounds, GetParam());
    for (int i = 0; i < 500; ++i) {
      Scores row = cases.logits(bounds.back());
      spoil(cases, row);
      WarpValues warps = cases.warps(bounds.back());
      if (cases.pick(8) == 0)
        warps.temperature = 0;
      if (cases.pick(8) == 0)
        warps.topP = 1 - 0x1p-24;
      if (cases.pick(8) == 0)
        warps.topP = 1e-30;
      ranks.add(row, warps, i);
    }
    ranks.choose();
    near += ranks.expectChosen();
    total += ranks.size();
  }
  RecordProperty("near_ties", int(near));
  EXPECT_LE(near, total / 100);
}

// Not within a tolerance: sums are exact, so neither which device has which part of a row nor how
// many devices there are moves any threshold, and keys are of single tokens.
TEST_P(ExactPartsTest, ChoicesDoNotDependOnParts) {
  const std::vector<std::vector<int64_t>> splits = {
      {0, 2048}, {0, 1024, 2048}, {0, 683, 1366, 2048}, {0, 3, 64, 1000, 2048}, {0, 255, 512, 767, 1024, 1279, 2048}};
  std::vector<int32_t> tokens;
  Floats keys;
  for (const std::vector<int64_t> &bounds : splits) {
    SamplingCases cases(13);
    Ranks ranks(bounds, GetParam());
    for (int i = 0; i < 400; ++i) {
      Scores row = cases.logits(bounds.back());
      WarpValues warps = cases.warps(bounds.back());
      warps.temperature *= i % 4 == 0 ? 20 : 1; // where many tokens weigh alike
      ranks.add(row, warps, i);
    }
    ranks.choose();
    if (tokens.empty()) {
      tokens = ranks.tokens, keys = ranks.largestKeys();
      // And those of the kernel for whole rows.
      Floats logits = ranks.part(0);
      std::vector<int32_t> whole(tokens.size(), -77), status = whole;
      Floats logprobs(tokens.size());
      std::string type = words(2048, "leaves");
      CompiledKernel kernel(
          "kernel.func @k(%l: " + type +
              ", %pos: !i, %seed: !l, %seq: !l, %t: !f, %k: !i, %p: !f, %m: !f) -> (!i, !i, !f) " +
              CompiledKernel::cost() +
              "{\n  %0, %1, %2 = decode.choose_sample %l, %pos, %seed, %seq temperature %t top_k %k "
              "top_p %p min_p %m : " +
              type + ", !i, !l, !l, !f top_k !i top_p !f min_p !f\n  kernel.return %0, %1, %2 : !i, !i, !f\n}\n",
          GetParam());
      kernel.run({logits.data(), ranks.positions.data(), ranks.seeds.data(), ranks.sequences.data(),
                  ranks.temperature.data(), ranks.topK.data(), ranks.topP.data(), ranks.minP.data(), whole.data(),
                  status.data(), logprobs.data()},
                 {{PLAIT_DIM_LEAVES, ranks.size()}}, 0, ranks.size(), 1);
      EXPECT_EQ(whole, tokens);
    }
    EXPECT_EQ(ranks.tokens, tokens) << bounds.size() - 1 << " parts";
    EXPECT_EQ(ranks.largestKeys(), keys) << bounds.size() - 1 << " parts";
  }
}

// Nor within one here: whether a target fuses products with sums, and how many lanes it has, changes no key. Those
// of the definition in double precision are as near as the op says.
TEST(RaceTest, KeysAreTheSameOnAllTargets) {
  const std::vector<int64_t> bounds = {0, 2, 45, 1001, 1003, 2047};
  Floats keys, drawn;
  for (unsigned lanes : {4, 8, 16}) {
    SamplingCases cases(15);
    Ranks ranks(bounds, lanes);
    for (int i = 0; i < 400; ++i) {
      WarpValues warps = cases.warps(bounds.back());
      warps.topK = 0, warps.topP = 1, warps.minP = 0;
      ranks.add(cases.logits(bounds.back()), warps, i);
    }
    ranks.choose();
    if (keys.empty()) {
      keys = ranks.largestKeys(), drawn = ranks.drawn;
      for (int64_t leaf = 0; leaf < ranks.size(); ++leaf) {
        const Scores &row = ranks.logits[size_t(leaf)];
        double top = *std::max_element(row.begin(), row.end()), temperature = ranks.temperature[size_t(leaf)];
        Scores weights;
        for (double logit : row)
          weights.push_back(std::exp((logit - top) / temperature));
        Scores exact = raceKeys(weights, ranks.draw(leaf));
        EXPECT_NEAR(keys[size_t(leaf)], *std::max_element(exact.begin(), exact.end()), 1e-5) << "leaf " << leaf;
      }
    }
    EXPECT_EQ(0, std::memcmp(ranks.drawn.data(), drawn.data(), drawn.size() * sizeof(float))) << lanes << " lanes";
    EXPECT_EQ(ranks.largestKeys(), keys) << lanes << " lanes";
  }
}

TEST_P(PartsKernelTest, TopsMatchDefinition) {
  SamplingCases cases(12);
  for (const std::vector<int64_t> &bounds : kSplits) {
    Ranks ranks(bounds, GetParam());
    for (int i = 0; i < 300; ++i) {
      Scores row = cases.logits(bounds.back());
      spoil(cases, row);
      ranks.add(row, {}, i, int32_t(i ? cases.pick(kTops + 1) : kTops));
    }
    ranks.findTops();
    for (int64_t leaf = 0; leaf < ranks.size(); ++leaf) {
      auto tops = topLogprobs(ranks.logits[size_t(leaf)], ranks.counts[leaf]);
      for (int64_t i = 0; i < kTops; ++i) {
        bool isThere = i < int64_t(tops.size());
        std::string where = "leaf " + std::to_string(leaf) + ", entry " + std::to_string(i);
        EXPECT_EQ(ranks.topTokens[leaf * kTops + i], isThere ? tops[i].first : -1) << where;
        double logprob = isThere ? tops[i].second : 0;
        EXPECT_NEAR(ranks.topLogprobs[leaf * kTops + i], logprob, 2e-6 * std::max(1.0, std::abs(logprob))) << where;
      }
    }
  }
}

// A head that writes summaries of blocks and one that writes logits lead to the same bits.
TEST_P(ExactPartsTest, BlocksLeadToTheBitsOfWholeRows) {
  for (const std::vector<int64_t> &bounds :
       std::vector<std::vector<int64_t>>{{0, 7}, {0, 512}, {0, 700}, {0, 2048}, {0, 1000, 2048}}) {
    SamplingCases cases(17);
    Ranks ranks(bounds, GetParam());
    for (int i = 0; i < 300; ++i) {
      Scores row = cases.logits(bounds.back());
      spoil(cases, row);
      ranks.add(row, {}, i);
    }
    std::vector<int32_t> tokens;
    Floats logprobs;
    Floats joined = ranks.summarizeBlocks(tokens, logprobs);
    Floats whole = ranks.exchange("summarize %0 {first = FIRST}", {}, 4, "leaves");
    EXPECT_EQ(0, std::memcmp(joined.data(), whole.data(), whole.size() * sizeof(float))) << bounds.back();
    if (ranks.parts() > 1)
      continue;
    std::vector<int32_t> greedy(tokens.size(), -77), status = greedy;
    Floats expected(tokens.size());
    std::string type = words(bounds.back(), "leaves");
    CompiledKernel kernel("kernel.func @k(%l: " + type + ") -> (!i, !i, !f) " + CompiledKernel::cost() +
                              "{\n  %0, %1, %2 = decode.choose_greedy %l : " + type +
                              "\n  kernel.return %0, %1, %2 : !i, !i, !f\n}\n",
                          GetParam());
    Floats logits = ranks.part(0);
    kernel.run({logits.data(), greedy.data(), status.data(), expected.data()}, {{PLAIT_DIM_LEAVES, ranks.size()}}, 0,
               ranks.size(), 1);
    EXPECT_EQ(tokens, greedy) << bounds.back();
    EXPECT_EQ(0, std::memcmp(logprobs.data(), expected.data(), expected.size() * sizeof(float))) << bounds.back();
  }
}
