//===- StepSplitTest.cpp - What each part of a step is given --------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The parts of a packed step against steps of the same rows, cut by hand.
//
//===----------------------------------------------------------------------===//

#include "runtime/core/StepSplit.h"

#include "runtime/core/StepInputs.h"
#include "runtime/core/StepOutputs.h"

#include "gtest/gtest.h"

#include <numeric>

using namespace plait;

namespace {

StepLimits limitsOf() {
  StepLimits limits;
  limits.maxTokens = 1024;
  limits.maxRows = limits.maxLeaves = limits.maxStops = limits.maxEdits = limits.maxTopLogprobs = 64;
  limits.vocabulary = 1000;
  limits.maxPositions = 4096;
  limits.pageTokens = 64;
  limits.tables = {{0, 64}};
  limits.steps = {{"ar"}};
  return limits;
}

StepRow rowOf(int32_t from, int64_t count, int64_t position, std::vector<int32_t> leaves) {
  StepRow row;
  row.tokens.resize(size_t(count));
  std::iota(row.tokens.begin(), row.tokens.end(), from);
  row.firstPosition = position;
  row.pages = {{}};
  for (int64_t page = 0; page * 64 < position + count; ++page)
    row.pages[0].push_back(int32_t(from % 7 + page));
  for (int32_t token : leaves) {
    StepLeaf leaf;
    leaf.token = token;
    leaf.sampling.temperature = float(token) / 8;
    leaf.sampling.topK = token + 1;
    leaf.sampling.topP = 0.5f + float(token) / 1024;
    leaf.sampling.minP = float(token) / 4096;
    leaf.sampling.seed = uint64_t(from + token);
    leaf.sampling.sequence = uint64_t(token) + 5;
    leaf.stops.assign(size_t(token % 3), token);
    for (int32_t i = 0; i < token % 4; ++i)
      leaf.edits.push_back({token + i, 1.f + float(i), 2, float(i)});
    leaf.topLogprobs = token % 5;
    row.leaves.push_back(std::move(leaf));
  }
  return row;
}

template <typename T> std::vector<T> read(const StepArrays &arrays, plait_input_t input, int64_t count) {
  auto *from = static_cast<const T *>(arrays.inputs[size_t(input)]);
  return count ? std::vector<T>(from, from + count) : std::vector<T>();
}

/// Compares all but rows and tables, which the parts have in common.
void expectSame(const StepPart &part, const StepInputs &expected, int64_t firstRow) {
  const StepDims &dims = expected.dims();
  StepArrays own;
  own.inputs = expected.pointers();
  for (plait_dim_t dim : {PLAIT_DIM_TOKENS, PLAIT_DIM_LEAVES, PLAIT_DIM_EDITS})
    EXPECT_EQ(part.dims[size_t(dim)], dims[size_t(dim)]) << dim;
  for (plait_dim_t dim : {PLAIT_DIM_DRAWS, PLAIT_DIM_WARPS}) // may be more than needed
    EXPECT_GE(part.dims[size_t(dim)], dims[size_t(dim)]) << dim;
  EXPECT_EQ(part.dims[PLAIT_DIM_TOP_ENTRIES], part.dims[PLAIT_DIM_LEAVES] * part.dims[PLAIT_DIM_TOPS]);
  int64_t tokens = dims[PLAIT_DIM_TOKENS], leaves = dims[PLAIT_DIM_LEAVES], edits = dims[PLAIT_DIM_EDITS];
  auto expectInts = [&](plait_input_t input, int64_t count) {
    EXPECT_EQ(read<int32_t>(part.arrays, input, count), read<int32_t>(own, input, count)) << input;
  };
  auto expectFloats = [&](plait_input_t input, int64_t count) {
    EXPECT_EQ(read<float>(part.arrays, input, count), read<float>(own, input, count)) << input;
  };
  expectInts(PLAIT_IN_TOKENS, tokens);
  expectInts(PLAIT_IN_POSITIONS, tokens);
  expectInts(PLAIT_IN_PATH_ENDS, tokens);
  std::vector<int32_t> rows = read<int32_t>(own, PLAIT_IN_TOKEN_ROWS, tokens);
  for (int32_t &row : rows)
    row += int32_t(firstRow);
  EXPECT_EQ(read<int32_t>(part.arrays, PLAIT_IN_TOKEN_ROWS, tokens), rows);
  for (plait_input_t input :
       {PLAIT_IN_LEAVES, PLAIT_IN_TOP_K, PLAIT_IN_EDIT_ENDS, PLAIT_IN_TOP_COUNTS, PLAIT_IN_PARENTS})
    expectInts(input, leaves);
  for (plait_input_t input : {PLAIT_IN_TEMPERATURE, PLAIT_IN_TOP_P, PLAIT_IN_MIN_P})
    expectFloats(input, leaves);
  for (plait_input_t input : {PLAIT_IN_SEED, PLAIT_IN_SEQUENCE})
    EXPECT_EQ(read<int64_t>(part.arrays, input, leaves), read<int64_t>(own, input, leaves)) << input;
  expectInts(PLAIT_IN_EDIT_TOKENS, edits);
  for (plait_input_t input : {PLAIT_IN_EDIT_BIASES, PLAIT_IN_EDIT_SCALES, PLAIT_IN_EDIT_OFFSETS})
    expectFloats(input, edits);
  // Padded to the width of the whole step.
  int64_t width = part.dims[PLAIT_DIM_STOPS], ownWidth = dims[PLAIT_DIM_STOPS];
  std::vector<int32_t> stops = read<int32_t>(part.arrays, PLAIT_IN_STOPS, leaves * width);
  std::vector<int32_t> ownStops = read<int32_t>(own, PLAIT_IN_STOPS, leaves * ownWidth);
  for (int64_t leaf = 0; leaf < leaves; ++leaf)
    for (int64_t i = 0; i < width; ++i)
      EXPECT_EQ(stops[size_t(leaf * width + i)], i < ownWidth ? ownStops[size_t(leaf * ownWidth + i)] : -1);
}

struct Step {
  explicit Step(const StepBatch &batch, int64_t logitColumns = 0, int64_t hiddenColumns = 0) {
    inputs.pack(batch, limitsOf());
    outputs.prepare(inputs.dims(), logitColumns, hiddenColumns);
    arrays.inputs = inputs.pointers();
    arrays.outputs = outputs.pointers();
  }
  StepInputs inputs;
  StepOutputs outputs;
  StepArrays arrays;
};

TEST(StepSplits, WithinARow) {
  // Tokens 0 to 39 of sequence 0 and 40 to 129 of sequence 1; the cut is at 96.
  StepBatch whole, first, second;
  whole.rows = {rowOf(0, 40, 3, {0, 7, 39}), rowOf(100, 90, 70, {1, 55, 56, 89})};
  first.rows = {rowOf(0, 40, 3, {0, 7, 39}), rowOf(100, 56, 70, {1, 55})};
  second.rows = {rowOf(156, 34, 126, {})};
  second.rows[0].leaves = {whole.rows[1].leaves[2], whole.rows[1].leaves[3]};
  second.rows[0].leaves[0].token -= 56;
  second.rows[0].leaves[1].token -= 56;
  Step step(whole, 1000, 8);
  StepSplit split;
  ASSERT_TRUE(split.split(step.inputs.dims(), step.arrays, 1000, 8));
  EXPECT_EQ(split.firstLeaves, 5);
  expectSame(split.parts[0], Step(first).inputs, 0);
  expectSame(split.parts[1], Step(second).inputs, 1);
  // Also the token after the last one of a part.
  EXPECT_EQ(static_cast<const int32_t *>(split.parts[1].arrays.inputs[PLAIT_IN_NEXT]) -
                static_cast<const int32_t *>(step.arrays.inputs[PLAIT_IN_NEXT]),
            96);
  auto distance = [&](plait_output_t output) {
    return static_cast<float *>(split.parts[1].arrays.outputs[size_t(output)]) -
           static_cast<float *>(split.parts[0].arrays.outputs[size_t(output)]);
  };
  EXPECT_EQ(split.parts[0].arrays.outputs, step.arrays.outputs);
  EXPECT_EQ(distance(PLAIT_OUT_TOKENS), 5);
  EXPECT_EQ(distance(PLAIT_OUT_STATUS), 5);
  EXPECT_EQ(distance(PLAIT_OUT_LOGPROB), 5);
  EXPECT_EQ(distance(PLAIT_OUT_TOP_TOKENS), 5 * step.inputs.dims()[PLAIT_DIM_TOPS]);
  EXPECT_EQ(distance(PLAIT_OUT_LOGITS), 5000);
  EXPECT_EQ(distance(PLAIT_OUT_HIDDEN), 40);
}

TEST(StepSplits, WithoutLeaves) {
  StepBatch whole, first, second;
  whole.rows = {rowOf(0, 200, 0, {})};
  first.rows = {rowOf(0, 128, 0, {})};
  second.rows = {rowOf(128, 72, 128, {})};
  Step step(whole);
  StepSplit split;
  ASSERT_TRUE(split.split(step.inputs.dims(), step.arrays, 0, 0));
  expectSame(split.parts[0], Step(first).inputs, 0);
  expectSame(split.parts[1], Step(second).inputs, 0);
}

TEST(StepSplits, WhatIsNotSplit) {
  StepSplit split;
  StepBatch few, tree, drafts;
  few.rows = {rowOf(0, 63, 0, {62})};
  tree.rows = {rowOf(0, 80, 0, {79}), rowOf(200, 3, 5, {0, 1, 2})};
  tree.rows[1].parents = {-1, 0, 0};
  drafts.rows = {rowOf(0, 80, 0, {78, 79})};
  drafts.rows[0].leaves[1].parent = 0;
  for (const StepBatch &batch : {few, tree, drafts}) {
    Step step(batch);
    EXPECT_FALSE(split.split(step.inputs.dims(), step.arrays, 0, 0));
  }
  few.rows = {rowOf(0, 64, 0, {63})};
  Step step(few);
  ASSERT_TRUE(split.split(step.inputs.dims(), step.arrays, 0, 0));
  EXPECT_EQ(split.parts[0].dims[PLAIT_DIM_TOKENS], 32);
  EXPECT_EQ(split.parts[1].dims[PLAIT_DIM_TOKENS], 32);
}

} // namespace
