//===- ChooseKernelTest.cpp - Compiled choices against their definition ---===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs compiled kernels of decode.choose_greedy, decode.choose_sample and
// decode.match_stops over many leaves and compares them with
// dialects/Decode/Sampling.cpp. A kernel computes keys in f32: where those of two
// tokens are within a rounding of each other it may take the other one. Such cases
// are recognised and must be rare; all others must be equal.
//
//===----------------------------------------------------------------------===//

#include "CompiledKernel.h"
#include "SamplingFixture.h"

#include <gtest/gtest.h>

using namespace plait;
using namespace plait::decode;

namespace {

/// The arguments of a number of leaves, and what a kernel has made of them.
struct Leaves {
  int64_t vocabulary = 0;
  std::vector<float> logits, temperature, topP, minP;
  std::vector<int32_t> positions, topK;
  std::vector<int64_t> seeds, sequences;
  std::vector<int32_t> tokens, status;
  std::vector<float> logprobs;
  std::vector<int64_t> reported;

  int64_t size() const { return int64_t(temperature.size()); }
  void add(const Scores &row, const WarpValues &warps, int64_t seed, int64_t sequence, int32_t position) {
    vocabulary = int64_t(row.size());
    logits.insert(logits.end(), row.begin(), row.end());
    temperature.push_back(float(warps.temperature));
    topP.push_back(float(warps.topP));
    minP.push_back(float(warps.minP));
    topK.push_back(int32_t(warps.topK));
    positions.push_back(position);
    seeds.push_back(seed);
    sequences.push_back(sequence);
  }
  Scores row(int64_t leaf) const {
    return {logits.begin() + leaf * vocabulary, logits.begin() + (leaf + 1) * vocabulary};
  }
  WarpValues warps(int64_t leaf) const { return {temperature[leaf], topK[leaf], topP[leaf], minP[leaf]}; }
  RandomKey draw(int64_t leaf) const {
    return {uint64_t(seeds[leaf]), uint64_t(sequences[leaf]), positions[leaf] + 1, RandomPurpose::sample};
  }

  void run(const CompiledKernel &kernel, bool sample, int64_t step = 1) {
    tokens.assign(size(), -77);
    status.assign(size(), -77);
    logprobs.assign(size(), -77);
    std::vector<void *> buffers = {logits.data()};
    if (sample)
      for (void *argument : {(void *)positions.data(), (void *)temperature.data(), (void *)topK.data(),
                             (void *)topP.data(), (void *)minP.data(), (void *)seeds.data(), (void *)sequences.data()})
        buffers.push_back(argument);
    for (void *result : {(void *)tokens.data(), (void *)status.data(), (void *)logprobs.data()})
      buffers.push_back(result);
    for (int64_t begin = 0; begin < step; ++begin)
      kernel.run(buffers, {{PLAIT_DIM_LEAVES, size()}}, begin, size(), step, &reported);
  }
};

std::string logitsType(int64_t vocabulary) {
  return "tensor<?x" + std::to_string(vocabulary) + "xf32, #lm.dims<leaves>>";
}

CompiledKernel compileGreedy(int64_t vocabulary, unsigned lanes) {
  std::string logits = logitsType(vocabulary);
  return CompiledKernel("kernel.func @k(%l: " + logits + ") -> (!i, !i, !f) " + CompiledKernel::cost() +
                            "{\n  %t, %s, %p = decode.choose_greedy %l : " + logits +
                            "\n  kernel.return %t, %s, %p : !i, !i, !f\n}\n",
                        lanes);
}

CompiledKernel compileSample(int64_t vocabulary, unsigned lanes) {
  std::string logits = logitsType(vocabulary);
  return CompiledKernel(
      "kernel.func @k(%l: " + logits +
          ", %pos: !i, %t: !f, %k: !i, %p: !f, %m: !f, %seed: !l, %seq: !l) -> (!i, !i, !f) " + CompiledKernel::cost() +
          "{\n  %0, %1, %2 = decode.choose_sample %l, %pos, %seed, %seq temperature %t top_k %k top_p %p min_p %m : " +
          logits + ", !i, !l, !l, !f top_k !i top_p !f min_p !f\n  kernel.return %0, %1, %2 : !i, !i, !f\n}\n",
      lanes);
}

/// Compares every leaf with the definition; returns how many were near ties.
int64_t expectSampled(const Leaves &leaves) {
  int64_t near = 0;
  for (int64_t leaf = 0; leaf < leaves.size(); ++leaf) {
    Scores logits = leaves.row(leaf);
    Choice choice = chooseSample(logits, leaves.warps(leaf), leaves.draw(leaf));
    std::string where = "vocabulary " + std::to_string(leaves.vocabulary) + ", leaf " + std::to_string(leaf);
    EXPECT_EQ(leaves.status[leaf], choice.nonfinite ? PLAIT_LEAF_NONFINITE : PLAIT_LEAF_OK) << where;
    int64_t token = leaves.tokens[leaf];
    if (token != choice.token) {
      if (token < 0 || token >= leaves.vocabulary || choice.token < 0) {
        ADD_FAILURE() << where << ": token " << token << " instead of " << choice.token;
        continue;
      }
      ++near;
      Scores keys = raceKeys(warpedDistribution(logits, leaves.warps(leaf)), leaves.draw(leaf));
      EXPECT_TRUE(isNearTie(keys, token, choice.token, kKeyTolerance))
          << where << ": token " << token << " instead of " << choice.token;
    }
    double logprob = token < 0 ? 0 : std::log(softmax(logits)[size_t(token)]);
    if (token >= 0 && !std::isfinite(logprob)) // too unlikely for a double
      logprob = logits[size_t(token)] - *std::max_element(logits.begin(), logits.end());
    EXPECT_NEAR(leaves.logprobs[leaf], logprob, 2e-6 * std::max(1.0, std::abs(logprob))) << where;
  }
  return near;
}

class ChooseKernelTest : public testing::TestWithParam<unsigned> {};
std::string laneName(const testing::TestParamInfo<unsigned> &info) { return std::to_string(info.param) + "lanes"; }
INSTANTIATE_TEST_SUITE_P(Lanes, ChooseKernelTest, testing::Values(4, 8, 16), laneName);

} // namespace

TEST_P(ChooseKernelTest, GreedyMatchesDefinition) {
  SamplingCases cases(2);
  for (int64_t vocabulary : {1, 2, 7, 311, 503, 2048, 50257}) {
    Leaves leaves;
    for (int i = 0; i < (vocabulary > 10000 ? 5 : 200); ++i) {
      Scores logits = cases.logits(vocabulary);
      // Several that share the largest value, anywhere; some rows of one value.
      double top = cases.pick(10) ? *std::max_element(logits.begin(), logits.end()) + 1 : float(cases.uniform(-3, 3));
      for (int64_t ties = cases.pick(4); ties > 0; --ties)
        logits[size_t(cases.pick(vocabulary))] = float(top);
      if (cases.pick(20) == 0)
        logits.assign(size_t(vocabulary), float(top));
      if (cases.pick(8) == 0)
        logits[size_t(cases.pick(vocabulary))] = cases.pick(2) ? double(NAN) : cases.pick(2) ? INFINITY : -INFINITY;
      leaves.add(logits, {}, 0, 0, 0);
    }
    leaves.run(compileGreedy(vocabulary, GetParam()), /*sample=*/false);
    EXPECT_EQ(expectSampled(leaves), 0);
    std::vector<int64_t> bad;
    for (int64_t leaf = 0; leaf < leaves.size(); ++leaf)
      if (leaves.tokens[leaf] < 0)
        bad.push_back(leaf);
    EXPECT_EQ(leaves.reported, bad);
  }
}

TEST_P(ChooseKernelTest, SampleMatchesDefinition) {
  SamplingCases cases(3);
  int64_t near = 0, total = 0;
  for (int64_t vocabulary : {1, 2, 7, 311, 503, 2048, 50257}) {
    Leaves leaves;
    for (int i = 0; i < (vocabulary > 10000 ? 12 : 600); ++i) {
      WarpValues warps = cases.warps(vocabulary);
      if (cases.pick(8) == 0)
        warps.temperature = 0;
      leaves.add(cases.logits(vocabulary), warps, int64_t(cases.random()), int64_t(cases.random()),
                 int32_t(cases.pick(1 << 20)));
    }
    leaves.run(compileSample(vocabulary, GetParam()), /*sample=*/true);
    near += expectSampled(leaves);
    total += leaves.size();
  }
  RecordProperty("near_ties", int(near));
  EXPECT_LE(near, total / 200);
}

TEST_P(ChooseKernelTest, SampleKeepsEqualValuesTogether) {
  SamplingCases cases(4);
  constexpr int64_t vocabulary = 37;
  Leaves leaves;
  for (int i = 0; i < 2000; ++i) {
    // Few distinct values, zeros of both signs among them; masked tokens are
    // finite and far below.
    Scores logits(vocabulary, 0.0);
    for (double &logit : logits)
      logit = cases.pick(5) == 0 ? -3e38 : cases.pick(4) == 0 ? -0.0 : double(cases.pick(4)) - 2;
    leaves.add(logits, cases.warps(vocabulary), i, 0, 7);
  }
  leaves.run(compileSample(vocabulary, GetParam()), /*sample=*/true);
  // A threshold may well lie on a rounding here, but not in many cases.
  EXPECT_LE(expectSampled(leaves), leaves.size() / 200);
}

TEST_P(ChooseKernelTest, LimitsOfWarps) {
  Scores spread, tiny;
  for (int i = 0; i < 100; ++i) {
    spread.push_back(std::ldexp(i % 2 ? -1.0f : 1.0f, i)); // no two of one magnitude
    tiny.push_back(std::ldexp(float(i - 50), -149));       // none of them normal
  }
  // Weights that f32 cannot tell from 1 are all kept by a min_p of 1.
  struct Case {
    const Scores &logits;
    double temperature, minP;
  };
  Leaves leaves;
  for (Case test : {Case{spread, 1e-44, 1},
                    {spread, 1e-30, 1},
                    {spread, 1, 1},
                    {spread, 1e20, 1},
                    {spread, 1e30, 1},
                    {tiny, 1e-38, 1},
                    {tiny, 1e-30, 0.5},
                    {tiny, 1, 0.5},
                    {tiny, 1e30, 0.5}})
    for (int64_t k : {0, 1, 2, 99, 100, 101})
      for (double p : {1e-30, 0.5, 1 - 0x1p-24, 1.0})
        for (double m : {0.0, 1e-30, test.minP})
          leaves.add(test.logits, {float(test.temperature), k, float(p), float(m)}, leaves.size(), 3, 5);
  leaves.run(compileSample(100, GetParam()), /*sample=*/true);
  expectSampled(leaves);
}

TEST_P(ChooseKernelTest, LeafDoesNotDependOnOthers) {
  SamplingCases cases(5);
  Leaves leaves;
  for (int i = 0; i < 60; ++i)
    leaves.add(cases.logits(503), cases.warps(503), 9, i, i);
  CompiledKernel kernel = compileSample(503, GetParam());
  leaves.run(kernel, /*sample=*/true);
  Leaves dealt = leaves;
  dealt.run(kernel, /*sample=*/true, /*step=*/7);
  EXPECT_EQ(dealt.tokens, leaves.tokens);
  EXPECT_EQ(dealt.logprobs, leaves.logprobs);
  for (int64_t leaf = 0; leaf < leaves.size(); leaf += 11) {
    Leaves alone;
    alone.add(leaves.row(leaf), leaves.warps(leaf), 9, leaf, int32_t(leaf));
    alone.run(kernel, /*sample=*/true);
    EXPECT_EQ(alone.tokens[0], leaves.tokens[leaf]);
    EXPECT_EQ(alone.logprobs[0], leaves.logprobs[leaf]);
  }
}

TEST_P(ChooseKernelTest, MatchStops) {
  CompiledKernel kernel(
      "kernel.func @k(%t: !i, %s: !i, %stops: tensor<?x?xi32, #lm.dims<leaves, stops>>) -> !i " +
          CompiledKernel::cost() +
          "{\n  %0 = decode.match_stops %t, %s, %stops : !i, !i, tensor<?x?xi32, #lm.dims<leaves, stops>>"
          "\n  kernel.return %0 : !i\n}\n",
      GetParam());
  std::vector<int32_t> tokens = {5, 6, 7, -1, 8}, status = {0, 0, 0, 2, 2}, result(5, -77);
  std::vector<int32_t> stops = {4, 5, 5, 4, -1, -1, 1, 7, -1, 1, -1, -1, 8, 8, 8};
  kernel.run({tokens.data(), status.data(), stops.data(), result.data()}, {{PLAIT_DIM_LEAVES, 5}, {PLAIT_DIM_STOPS, 3}},
             0, 5, 1);
  EXPECT_EQ(result, (std::vector<int32_t>{1, 0, 1, 2, 2}));
  kernel.run({tokens.data(), status.data(), nullptr, result.data()}, {{PLAIT_DIM_LEAVES, 5}, {PLAIT_DIM_STOPS, 0}}, 0,
             5, 1);
  EXPECT_EQ(result, status);
}
