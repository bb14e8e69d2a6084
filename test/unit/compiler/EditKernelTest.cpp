//===- EditKernelTest.cpp - Compiled edits and top logprobs ---------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs compiled kernels of decode.edit_logits and decode.top_logprobs, and the
// choices after a mask, against dialects/Decode/Sampling.cpp.
//
//===----------------------------------------------------------------------===//

#include "CompiledKernel.h"
#include "SamplingFixture.h"

#include <gtest/gtest.h>

#include <cstring>

using namespace plait;
using namespace plait::decode;

namespace {

constexpr float kUnwritten = -77, kMasked = float(kMaskedLogit);
constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::string logitsType(int64_t vocabulary) {
  return "tensor<?x" + std::to_string(vocabulary) + "xf32, #lm.dims<leaves>>";
}

CompiledKernel compileEdit(int64_t vocabulary, unsigned lanes, int64_t first = 0) {
  std::string logits = logitsType(vocabulary);
  std::string types = "!ei = tensor<?xi32, #lm.dims<edits>>\n!ef = tensor<?xf32, #lm.dims<edits>>\n";
  return CompiledKernel(types + "kernel.func @k(%l: " + logits + ", %n: !i, %t: !ei, %b: !ef, %s: !ef, %o: !ef) -> " +
                            logits + " " + CompiledKernel::cost() +
                            "{\n  %0 = decode.edit_logits %l, %n, %t, %b, %s, %o {first = " + std::to_string(first) +
                            " : i64} : " + logits + ", !i, !ei, !ef, !ef, !ef\n  kernel.return %0 : " + logits +
                            "\n}\n",
                        lanes);
}

CompiledKernel compileTop(int64_t vocabulary, unsigned lanes) {
  std::string logits = logitsType(vocabulary);
  std::string types = "!ti = tensor<?x?xi32, #lm.dims<leaves, tops>>\n!tf = tensor<?x?xf32, #lm.dims<leaves, tops>>\n";
  return CompiledKernel(types + "kernel.func @k(%l: " + logits + ", %n: !i) -> (!ti, !tf) " + CompiledKernel::cost() +
                            "{\n  %0, %1 = decode.top_logprobs %l, %n : " + logits +
                            ", !i\n  kernel.return %0, %1 : !ti, !tf\n}\n",
                        lanes);
}

/// The logits and edits of a number of leaves.
struct Leaves {
  int64_t vocabulary = 0;
  std::vector<float> logits, biases, scales, offsets;
  std::vector<int32_t> ends, tokens;

  int64_t size() const { return int64_t(ends.size()); }
  void add(const Scores &row, const std::vector<Edit> &edits) {
    vocabulary = int64_t(row.size());
    logits.insert(logits.end(), row.begin(), row.end());
    for (const Edit &edit : edits) {
      tokens.push_back(int32_t(edit.token));
      biases.push_back(float(edit.bias));
      scales.push_back(float(edit.scale));
      offsets.push_back(float(edit.offset));
    }
    ends.push_back(int32_t(tokens.size()));
  }
  /// What the definition makes of a leaf, from the values as f32 holds them.
  Scores expected(int64_t leaf) const {
    Scores row(logits.begin() + leaf * vocabulary, logits.begin() + (leaf + 1) * vocabulary);
    for (int32_t i = leaf ? ends[leaf - 1] : 0; i < ends[leaf]; ++i)
      applyEdit(row, {tokens[i], biases[i], scales[i], offsets[i]});
    return row;
  }

  /// The edited logits, written over the others or elsewhere; `step` calls share
  /// the leaves.
  std::vector<float> edited(const CompiledKernel &kernel, bool inPlace, int64_t step = 1) const {
    std::vector<float> from = logits, to(logits.size(), kUnwritten);
    Leaves lists = *this;
    std::vector<float> &result = inPlace ? from : to;
    for (int64_t begin = 0; begin < step; ++begin)
      kernel.run({from.data(), lists.ends.data(), lists.tokens.data(), lists.biases.data(), lists.scales.data(),
                  lists.offsets.data(), result.data()},
                 {{PLAIT_DIM_LEAVES, size()}, {PLAIT_DIM_EDITS, int64_t(tokens.size())}}, begin, size(), step);
    return result;
  }
};

/// Edits of all kinds; some tokens several times, some outside the vocabulary.
std::vector<Edit> randomEdits(SamplingCases &cases, int64_t vocabulary) {
  std::vector<Edit> edits;
  for (int64_t n = cases.pick(3) ? cases.pick(2 * vocabulary + 3) : 0; n-- > 0;) {
    Edit edit{cases.pick(vocabulary)};
    if (cases.pick(10) == 0)
      edit.token = cases.pick(2) ? -1 - cases.pick(3) : vocabulary + cases.pick(1 << 30);
    if (cases.pick(2))
      edit.bias = cases.pick(8) ? float(cases.uniform(-100, 100)) : -kInfinity;
    if (cases.pick(2))
      edit.scale = float(std::pow(10.0, cases.uniform(-1, 1)));
    if (cases.pick(2))
      edit.offset = float(cases.uniform(-50, 50));
    edits.push_back(edit);
  }
  return edits;
}

class EditKernelTest : public testing::TestWithParam<unsigned> {};
std::string laneName(const testing::TestParamInfo<unsigned> &info) { return std::to_string(info.param) + "lanes"; }
INSTANTIATE_TEST_SUITE_P(Lanes, EditKernelTest, testing::Values(4, 8, 16), laneName);

} // namespace

// The logits of tokens 100 to 110, with the edits of a vocabulary of 200.
TEST_P(EditKernelTest, EditsOfAPart) {
  SamplingCases cases(15);
  Leaves part;
  std::vector<Scores> expected;
  for (int i = 0; i < 100; ++i) {
    Scores logits = cases.logits(200);
    std::vector<Edit> edits = randomEdits(cases, 200);
    part.add({logits.begin() + 100, logits.begin() + 111}, edits);
    for (Edit edit : edits)
      applyEdit(logits, {edit.token, float(edit.bias), float(edit.scale), float(edit.offset)});
    expected.push_back({logits.begin() + 100, logits.begin() + 111});
  }
  std::vector<float> result = part.edited(compileEdit(11, GetParam(), /*first=*/100), /*inPlace=*/false);
  for (size_t i = 0; i < result.size(); ++i) {
    double want = expected[i / 11][i % 11];
    EXPECT_NEAR(result[i], want, 1e-4 * std::max(1.0, std::abs(want))) << i;
  }
}

TEST_P(EditKernelTest, EditsMatchDefinition) {
  SamplingCases cases(11);
  for (int64_t vocabulary : {1, 7, 16, 311}) {
    Leaves leaves;
    for (int i = 0; i < 100; ++i) {
      Scores logits = cases.logits(vocabulary);
      if (cases.pick(8) == 0)
        logits[size_t(cases.pick(vocabulary))] = cases.pick(2) ? double(NAN) : cases.pick(2) ? kInfinity : -kInfinity;
      if (cases.pick(8) == 0)
        logits[size_t(cases.pick(vocabulary))] = 0;
      leaves.add(logits, randomEdits(cases, vocabulary));
    }
    CompiledKernel kernel = compileEdit(vocabulary, GetParam());
    std::vector<float> result = leaves.edited(kernel, /*inPlace=*/false);
    std::vector<float> over = leaves.edited(kernel, /*inPlace=*/true), dealt = leaves.edited(kernel, true, /*step=*/3);
    EXPECT_EQ(std::memcmp(result.data(), over.data(), result.size() * sizeof(float)), 0);
    EXPECT_EQ(std::memcmp(result.data(), dealt.data(), result.size() * sizeof(float)), 0);
    int64_t changed = 0;
    for (int64_t leaf = 0; leaf < leaves.size(); ++leaf) {
      Scores expected = leaves.expected(leaf);
      for (int64_t v = 0; v < vocabulary; ++v) {
        double want = expected[size_t(v)];
        float got = result[size_t(leaf * vocabulary + v)], before = leaves.logits[size_t(leaf * vocabulary + v)];
        changed += want != double(before);
        if (want == kMaskedLogit || !std::isfinite(want))
          EXPECT_TRUE(double(got) == want || (std::isnan(got) && std::isnan(want))) << got << " for " << want;
        else // several edits of one token, with cancellation
          EXPECT_NEAR(got, want, 1e-5 * std::max(100.0, std::abs(want)));
      }
    }
    EXPECT_GT(changed, 50);
  }
}

TEST_P(EditKernelTest, OrderWithinAnEdit) {
  Leaves leaves;
  // (2 + 1) / 2 - 0.5; (2 - 5) * 2 - 0.5; 0 * 2 + 0.5; untouched.
  leaves.add({2, 2, 0, 2}, {{0, 1, 2, 0.5}, {1, -5, 2, 0.5}, {2, 0, 2, -0.5}});
  leaves.add({2, 2, 0, 2}, {});
  leaves.add({2, 2, 0, 2}, {{3, -kInfinity, 2, 7}, {3, 1, 9, 0}});
  // What is masked stays so.
  EXPECT_EQ(leaves.edited(compileEdit(4, GetParam()), true),
            (std::vector<float>{1, -6.5, 0.5, 2, 2, 2, 0, 2, 2, 2, 0, kMasked}));
}

TEST_P(EditKernelTest, MaskedTokensAreNotChosen) {
  std::string logits = logitsType(37);
  CompiledKernel kernel(
      "kernel.func @k(%l: " + logits + ", %pos: !i, %t: !f, %k: !i, %p: !f, %m: !f, %seed: !l, %seq: !l) -> " +
          "(!i, !i, !f) " + CompiledKernel::cost() +
          "{\n  %0, %1, %2 = decode.choose_sample %l, %pos, %seed, %seq temperature %t top_k %k top_p %p min_p %m : " +
          logits + ", !i, !l, !l, !f top_k !i top_p !f min_p !f\n  kernel.return %0, %1, %2 : !i, !i, !f\n}\n",
      GetParam());
  SamplingCases cases(12);
  std::vector<float> rows, temperature, topP, minP, logprobs;
  std::vector<int32_t> positions, topK, tokens, status;
  std::vector<int64_t> seeds, sequences;
  std::vector<std::vector<int64_t>> left;
  for (int i = 0; i < 600; ++i) {
    Scores row = cases.logits(37);
    int64_t unmasked = i % 5; // few, or none
    std::vector<int64_t> ids;
    for (int64_t n = 0; n < unmasked; ++n)
      ids.push_back(cases.pick(37));
    for (int64_t v = 0; v < 37; ++v)
      rows.push_back(std::count(ids.begin(), ids.end(), v) ? float(row[size_t(v)]) : kMasked);
    left.push_back(ids);
    temperature.push_back(i % 3 == 0 ? 0 : i % 3 == 1 ? 1 : 3e38f);
    topK.push_back(cases.pick(2) ? int32_t(cases.pick(40)) : 0);
    topP.push_back(cases.pick(2) ? float(cases.uniform(0.01, 1)) : 1);
    minP.push_back(cases.pick(2) ? float(cases.uniform(0, 1)) : 0);
    positions.push_back(i);
    seeds.push_back(i);
    sequences.push_back(3);
  }
  tokens.assign(600, -77), status.assign(600, -77), logprobs.assign(600, kUnwritten);
  std::vector<int64_t> reported, hopeless;
  kernel.run({rows.data(), positions.data(), temperature.data(), topK.data(), topP.data(), minP.data(), seeds.data(),
              sequences.data(), tokens.data(), status.data(), logprobs.data()},
             {{PLAIT_DIM_LEAVES, 600}}, 0, 600, 1, &reported);
  std::vector<int64_t> spread(5, 0);
  for (int64_t leaf = 0; leaf < 600; ++leaf) {
    if (left[leaf].empty()) {
      hopeless.push_back(leaf);
      EXPECT_EQ(tokens[leaf], -1);
      EXPECT_EQ(status[leaf], PLAIT_LEAF_NONFINITE);
      EXPECT_EQ(logprobs[leaf], 0);
      continue;
    }
    auto chosen = std::find(left[leaf].begin(), left[leaf].end(), tokens[leaf]);
    ASSERT_NE(chosen, left[leaf].end()) << "leaf " << leaf << ": token " << tokens[leaf];
    EXPECT_TRUE(std::isfinite(logprobs[leaf]));
    ++spread[size_t(chosen - left[leaf].begin())];
  }
  EXPECT_EQ(reported, hopeless);
  EXPECT_GT(spread[1], 20) << "not always the first";
}

TEST_P(EditKernelTest, TopLogprobsMatchDefinition) {
  SamplingCases cases(13);
  for (int64_t vocabulary : {1, 2, 7, 64, 503}) {
    Scores all;
    std::vector<int32_t> counts;
    for (int i = 0; i < 60; ++i) {
      Scores row = cases.logits(vocabulary);
      for (int64_t ties = cases.pick(4) ? 0 : cases.pick(vocabulary); ties-- > 0;)
        row[size_t(cases.pick(vocabulary))] = row[0];
      for (int64_t masks = cases.pick(3) ? 0 : cases.pick(vocabulary + 1); masks-- > 0;)
        row[size_t(cases.pick(vocabulary))] = kMasked;
      if (cases.pick(10) == 0)
        row[size_t(cases.pick(vocabulary))] = cases.pick(2) ? double(NAN) : double(-kInfinity);
      all.insert(all.end(), row.begin(), row.end());
      counts.push_back(int32_t(cases.pick(3) ? cases.pick(21) : 0));
    }
    counts[0] = 20;
    int64_t leaves = int64_t(counts.size()), width = 20;
    std::vector<float> logits(all.begin(), all.end()), logprobs(size_t(leaves * width), kUnwritten);
    std::vector<int32_t> tokens(size_t(leaves * width), -77);
    CompiledKernel kernel = compileTop(vocabulary, GetParam());
    kernel.run({logits.data(), counts.data(), tokens.data(), logprobs.data()},
               {{PLAIT_DIM_LEAVES, leaves}, {PLAIT_DIM_TOPS, width}}, 0, leaves, 1);
    for (int64_t leaf = 0; leaf < leaves; ++leaf) {
      Scores row(all.begin() + leaf * vocabulary, all.begin() + (leaf + 1) * vocabulary);
      auto expected = topLogprobs(row, counts[size_t(leaf)]);
      for (int64_t i = 0; i < width; ++i) {
        int64_t token = i < int64_t(expected.size()) ? expected[size_t(i)].first : -1;
        double logprob = i < int64_t(expected.size()) ? expected[size_t(i)].second : 0;
        EXPECT_EQ(tokens[size_t(leaf * width + i)], token) << vocabulary << ", leaf " << leaf << ", place " << i;
        EXPECT_NEAR(logprobs[size_t(leaf * width + i)], logprob, 2e-6 * std::max(1.0, std::abs(logprob)));
      }
    }
    // Without an extent nothing is written, whatever the counts say.
    kernel.run({logits.data(), counts.data(), nullptr, nullptr}, {{PLAIT_DIM_LEAVES, leaves}, {PLAIT_DIM_TOPS, 0}}, 0,
               leaves, 1);
  }
}

TEST_P(EditKernelTest, TopLogprobIsThatOfTheChoice) {
  SamplingCases cases(14);
  std::vector<float> logits;
  for (int i = 0; i < 20; ++i)
    for (double logit : cases.logits(311))
      logits.push_back(float(logit));
  std::string type = logitsType(311);
  CompiledKernel greedy("kernel.func @k(%l: " + type + ") -> (!i, !i, !f) " + CompiledKernel::cost() +
                            "{\n  %t, %s, %p = decode.choose_greedy %l : " + type +
                            "\n  kernel.return %t, %s, %p : !i, !i, !f\n}\n",
                        GetParam());
  std::vector<int32_t> tokens(20), status(20), counts(20, 1), topTokens(20);
  std::vector<float> logprobs(20), topLogprobs(20);
  greedy.run({logits.data(), tokens.data(), status.data(), logprobs.data()}, {{PLAIT_DIM_LEAVES, 20}}, 0, 20, 1);
  compileTop(311, GetParam())
      .run({logits.data(), counts.data(), topTokens.data(), topLogprobs.data()},
           {{PLAIT_DIM_LEAVES, 20}, {PLAIT_DIM_TOPS, 1}}, 0, 20, 1);
  EXPECT_EQ(topTokens, tokens);
  EXPECT_EQ(topLogprobs, logprobs);
}
