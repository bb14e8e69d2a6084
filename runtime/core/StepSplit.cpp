//===- StepSplit.cpp - A step in two parts --------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/core/StepSplit.h"

#include <algorithm>

using namespace plait;

static void advance(const void *&array, int64_t bytes) {
  if (array)
    array = static_cast<const uint8_t *>(array) + bytes;
}
static void advance(void *&array, int64_t bytes) {
  if (array)
    array = static_cast<uint8_t *>(array) + bytes;
}

bool StepSplit::split(const StepDims &dims, const StepArrays &arrays, int64_t logitColumns, int64_t hiddenColumns) {
  int64_t tokens = dims[PLAIT_DIM_TOKENS], count = dims[PLAIT_DIM_LEAVES];
  if (tokens < 2 * kSplitAlign)
    return false;
  auto ints = [&](plait_input_t input) { return static_cast<const int32_t *>(arrays.inputs[size_t(input)]); };
  const int32_t *parents = ints(PLAIT_IN_PARENTS), *all = ints(PLAIT_IN_LEAVES), *ends = ints(PLAIT_IN_EDIT_ENDS);
  if (ints(PLAIT_IN_PATH_ENDS)[tokens - 1] != 0 ||
      std::any_of(parents, parents + count, [](int32_t parent) { return parent >= 0; }))
    return false;
  int64_t first = (tokens / 2 + kSplitAlign - 1) / kSplitAlign * kSplitAlign;
  // Leaves are in the order of their tokens.
  firstLeaves = std::lower_bound(all, all + count, first) - all;
  int32_t firstEdits = firstLeaves ? ends[firstLeaves - 1] : 0;
  leaves.assign(all + firstLeaves, all + count);
  for (int32_t &leaf : leaves)
    leaf -= int32_t(first);
  editEnds.assign(ends + firstLeaves, ends + count);
  for (int32_t &end : editEnds)
    end -= firstEdits;

  int64_t tops = dims[PLAIT_DIM_TOPS];
  for (size_t p = 0; p < 2; ++p) {
    StepDims &own = parts[p].dims = dims;
    int64_t ownLeaves = p ? count - firstLeaves : firstLeaves;
    own[PLAIT_DIM_TOKENS] = p ? tokens - first : first;
    own[PLAIT_DIM_LEAVES] = ownLeaves;
    own[PLAIT_DIM_EDITS] = p ? dims[PLAIT_DIM_EDITS] - firstEdits : firstEdits;
    for (plait_dim_t dim : {PLAIT_DIM_DRAWS, PLAIT_DIM_WARPS})
      own[size_t(dim)] = dims[size_t(dim)] ? ownLeaves : 0;
    own[PLAIT_DIM_TOP_ENTRIES] = ownLeaves * tops;
    parts[p].arrays = arrays;
  }
  StepArrays &second = parts[1].arrays;
  auto advanceInputs = [&](int64_t bytes, std::initializer_list<plait_input_t> inputs) {
    for (plait_input_t input : inputs)
      advance(second.inputs[size_t(input)], bytes);
  };
  advanceInputs(4 * first,
                {PLAIT_IN_TOKENS, PLAIT_IN_POSITIONS, PLAIT_IN_TOKEN_ROWS, PLAIT_IN_PATH_ENDS, PLAIT_IN_NEXT});
  advanceInputs(4 * firstLeaves, {PLAIT_IN_TEMPERATURE, PLAIT_IN_TOP_K, PLAIT_IN_TOP_P, PLAIT_IN_MIN_P,
                                  PLAIT_IN_TOP_COUNTS, PLAIT_IN_PARENTS});
  advanceInputs(8 * firstLeaves, {PLAIT_IN_SEED, PLAIT_IN_SEQUENCE});
  advanceInputs(4 * firstLeaves * dims[PLAIT_DIM_STOPS], {PLAIT_IN_STOPS});
  advanceInputs(4 * int64_t(firstEdits),
                {PLAIT_IN_EDIT_TOKENS, PLAIT_IN_EDIT_BIASES, PLAIT_IN_EDIT_SCALES, PLAIT_IN_EDIT_OFFSETS});
  second.inputs[PLAIT_IN_LEAVES] = leaves.data();
  second.inputs[PLAIT_IN_EDIT_ENDS] = editEnds.data();
  auto advanceOutputs = [&](int64_t columns, std::initializer_list<plait_output_t> outputs) {
    for (plait_output_t output : outputs)
      advance(second.outputs[size_t(output)], 4 * firstLeaves * columns);
  };
  advanceOutputs(1, {PLAIT_OUT_TOKENS, PLAIT_OUT_STATUS, PLAIT_OUT_LOGPROB});
  advanceOutputs(tops, {PLAIT_OUT_TOP_TOKENS, PLAIT_OUT_TOP_LOGPROBS});
  advanceOutputs(logitColumns, {PLAIT_OUT_LOGITS});
  advanceOutputs(hiddenColumns, {PLAIT_OUT_HIDDEN});
  return true;
}
