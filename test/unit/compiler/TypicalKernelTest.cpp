//===- TypicalKernelTest.cpp - Compiled typical acceptance ----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs compiled kernels of decode.choose_typical and compares them with the rule, written down
// here once more in f64. Where a token lies within a rounding of the bound, or two of each other,
// or their keys in a draw, the kernel may decide otherwise; such
// cases are recognised and must be rare.
//
//===----------------------------------------------------------------------===//

#include "CompiledKernel.h"
#include "SamplingFixture.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace plait;
using namespace plait::decode;

namespace {

constexpr double kThreshold = 0.09, kAlpha = 0.3;

struct Leaves {
  int64_t vocabulary = 0;
  std::vector<Scores> rows;
  std::vector<WarpValues> warps;
  std::vector<float> logits, temperature, topP, minP;
  std::vector<int32_t> positions, topK, drafted, parents;
  std::vector<int64_t> seeds, sequences;
  std::vector<int32_t> tokens, status;
  std::vector<float> logprobs;
  std::vector<int64_t> reported;

  int64_t size() const { return int64_t(parents.size()); }
  void add(const Scores &row, const WarpValues &own, int32_t token, int32_t parent) {
    logits.insert(logits.end(), row.begin(), row.end());
    rows.emplace_back(logits.end() - vocabulary, logits.end());
    temperature.push_back(float(own.temperature));
    topP.push_back(float(own.topP));
    minP.push_back(float(own.minP));
    topK.push_back(int32_t(own.topK));
    warps.push_back({temperature.back(), own.topK, topP.back(), minP.back()});
    positions.push_back(int32_t(size()));
    seeds.push_back(77);
    sequences.push_back(size() % 5);
    drafted.push_back(token);
    parents.push_back(parent);
  }
  RandomKey draw(int64_t leaf) const {
    return {77, uint64_t(sequences[size_t(leaf)]), leaf + 1, RandomPurpose::sample};
  }

  void run(unsigned lanes, int64_t step) {
    std::string type = "tensor<?x" + std::to_string(vocabulary) + "xf32, #lm.dims<leaves>>";
    CompiledKernel kernel(
        "kernel.func @k(%l: " + type +
            ", %pos: !i, %t: !f, %k: !i, %p: !f, %m: !f, %seed: !l, %seq: !l, %own: !i, %parents: !i)"
            " -> (!i, !i, !f) " +
            CompiledKernel::cost() +
            "{\n  %0, %1, %2 = decode.choose_typical %l, %pos, %seed, %seq, %own, %parents temperature "
            "%t top_k %k top_p %p min_p %m threshold 0.09 alpha 0.3 : " +
            type +
            ", !i, !l, !l, !i, !i, !f top_k !i top_p !f min_p !f\n"
            "  kernel.return %0, %1, %2 : !i, !i, !f\n}\n",
        lanes);
    tokens.assign(size_t(size()), -77);
    status = tokens;
    logprobs.assign(size_t(size()), -77);
    std::vector<void *> buffers = {logits.data(), positions.data(), temperature.data(), topK.data(),    topP.data(),
                                   minP.data(),   seeds.data(),     sequences.data(),   drafted.data(), parents.data(),
                                   tokens.data(), status.data(),    logprobs.data()};
    for (int64_t begin = 0; begin < step; ++begin)
      kernel.run(buffers, {{PLAIT_DIM_LEAVES, size()}}, begin, size(), step, &reported);
  }
};

/// Compares each leaf; returns how many were accepted, and how many lay on a boundary.
std::pair<int64_t, int64_t> expectTypical(const Leaves &leaves) {
  int64_t accepted = 0, near = 0;
  for (int64_t leaf = 0; leaf < leaves.size(); ++leaf) {
    const Scores &logits = leaves.rows[size_t(leaf)];
    const WarpValues &warps = leaves.warps[size_t(leaf)];
    int64_t found = leaves.tokens[size_t(leaf)];
    std::string where = "vocabulary " + std::to_string(leaves.vocabulary) + ", leaf " + std::to_string(leaf);
    if (std::any_of(logits.begin(), logits.end(), [](double x) { return !std::isfinite(x); })) {
      EXPECT_EQ(leaves.status[size_t(leaf)], PLAIT_LEAF_NONFINITE) << where;
      EXPECT_EQ(found, -1) << where;
      continue;
    }
    EXPECT_EQ(leaves.status[size_t(leaf)], PLAIT_LEAF_OK) << where;
    int64_t drawn = chooseSample(logits, warps, leaves.draw(leaf)).token, best = -1;
    bool isNear = false;
    if (warps.temperature > 0) {
      std::vector<double> p = warpedDistribution(logits, warps);
      double entropy = 0, most = 0;
      for (double share : p)
        entropy -= share > 0 ? share * std::log(share) : 0;
      double bound = std::min(kThreshold, kAlpha * std::exp(-entropy));
      for (int64_t other = 0; other < leaves.size(); ++other) {
        if (leaves.parents[size_t(other)] != leaf)
          continue;
        int64_t token = leaves.drafted[size_t(other)];
        isNear |= std::abs(p[size_t(token)] / bound - 1) < 1e-4;
        isNear |= best >= 0 && token != best && std::abs(p[size_t(token)] / most - 1) < 1e-5;
        if (p[size_t(token)] > bound && p[size_t(token)] > most) {
          best = token;
          most = p[size_t(token)];
        }
      }
      isNear |= best < 0 && found >= 0 && found != drawn &&
                isNearTie(raceKeys(p, leaves.draw(leaf)), found, drawn, kKeyTolerance);
    }
    accepted += best >= 0;
    int64_t expected = best >= 0 ? best : drawn;
    near += found != expected && isNear;
    EXPECT_TRUE(found == expected || isNear) << where << ": token " << found << " instead of " << expected;
  }
  return {accepted, near};
}

class TypicalKernelTest : public testing::TestWithParam<unsigned> {};
std::string laneName(const testing::TestParamInfo<unsigned> &info) { return std::to_string(info.param) + "lanes"; }
INSTANTIATE_TEST_SUITE_P(Lanes, TypicalKernelTest, testing::Values(4, 8, 16), laneName);

} // namespace

TEST_P(TypicalKernelTest, MatchesDefinition) {
  SamplingCases cases(6);
  int64_t accepted = 0, near = 0, total = 0;
  for (int64_t vocabulary : {1, 2, 7, 311, 2048}) {
    Leaves leaves;
    leaves.vocabulary = vocabulary;
    for (int tree = 0; tree < 60; ++tree) {
      // A root, and nodes that continue any of those before them; all of one sequence.
      WarpValues warps = cases.warps(vocabulary);
      if (cases.pick(8) == 0)
        warps.temperature = 0;
      int32_t root = int32_t(leaves.size()), nodes = int32_t(1 + cases.pick(7));
      for (int32_t node = 0; node < nodes; ++node) {
        Scores logits = cases.logits(vocabulary);
        if (cases.pick(40) == 0)
          logits[size_t(cases.pick(vocabulary))] = NAN;
        int32_t parent = node ? root + int32_t(cases.pick(node)) : -1, token = int32_t(cases.pick(vocabulary));
        // Most drafts are what their parent thinks probable.
        if (node && cases.pick(4)) {
          const Scores &row = leaves.rows[size_t(parent)];
          token = int32_t(std::max_element(row.begin(), row.end()) - row.begin());
        }
        leaves.add(logits, warps, token, parent);
      }
    }
    leaves.run(GetParam(), 1);
    auto [own, boundary] = expectTypical(leaves);
    accepted += own;
    near += boundary;
    total += leaves.size();
    Leaves dealt = leaves;
    dealt.run(GetParam(), 5);
    EXPECT_EQ(dealt.tokens, leaves.tokens);
    EXPECT_EQ(dealt.logprobs, leaves.logprobs);
  }
  EXPECT_GT(accepted, total / 10);
  EXPECT_LT(accepted, total * 9 / 10);
  EXPECT_LE(near, total / 100);
}
