//===- StepOutputs.cpp - What one step gives back -------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/core/StepOutputs.h"

#include <cstring>
#include <utility>

using namespace plait;

void StepOutputs::prepare(const StepDims &dims, int64_t vocabulary, int64_t hiddenColumns) {
  size_t leaves = size_t(dims[PLAIT_DIM_LEAVES]);
  topWidth = size_t(dims[PLAIT_DIM_TOPS]);
  tokens.assign(leaves, -1);
  status.assign(leaves, PLAIT_LEAF_OK);
  logprob.assign(leaves, 0);
  topTokens.assign(leaves * topWidth, -1);
  topLogprobs.assign(leaves * topWidth, 0);
  logits.resize(leaves * size_t(vocabulary));
  hiddenWidth = size_t(hiddenColumns);
  hidden.resize(leaves * hiddenWidth);
}

std::array<void *, PLAIT_OUT_COUNT> StepOutputs::pointers() {
  std::array<void *, PLAIT_OUT_COUNT> result{};
  result[PLAIT_OUT_TOKENS] = tokens.data();
  result[PLAIT_OUT_STATUS] = status.data();
  result[PLAIT_OUT_LOGPROB] = logprob.data();
  result[PLAIT_OUT_LOGITS] = logits.data();
  result[PLAIT_OUT_TOP_TOKENS] = topTokens.data();
  result[PLAIT_OUT_TOP_LOGPROBS] = topLogprobs.data();
  result[PLAIT_OUT_HIDDEN] = hidden.data();
  return result;
}

void StepOutputs::refuse(std::span<const int64_t> leaves) {
  for (int64_t leaf : leaves)
    if (leaf >= 0 && size_t(leaf) < status.size())
      status[size_t(leaf)] = PLAIT_LEAF_NONFINITE;
}

Expected<StepResult> StepOutputs::read(int64_t vocabulary) {
  StepResult result;
  result.leaves.resize(tokens.size());
  for (size_t i = 0; i < tokens.size(); ++i)
    PLAIT_RETURN_IF_ERROR(readLeaf(i, vocabulary, result.leaves[i]));
  result.logits = std::exchange(logits, {});
  return result;
}

Status StepOutputs::readLeaf(size_t leaf, int64_t vocabulary, LeafResult &result) const {
  auto check = [&](int32_t token) {
    if (token >= 0 && token < vocabulary)
      return Status::success();
    return internalError("step: the model chose token " + std::to_string(token) + " of a vocabulary of " +
                         std::to_string(vocabulary));
  };
  result.status = plait_leaf_status_t(status[leaf]);
  result.logprob = logprob[leaf];
  if (status[leaf] == PLAIT_LEAF_NONFINITE)
    return Status::success(); // there is no token
  PLAIT_RETURN_IF_ERROR(check(tokens[leaf]));
  result.token = tokens[leaf];
  for (size_t i = leaf * topWidth; i < (leaf + 1) * topWidth && topTokens[i] != -1; ++i) {
    PLAIT_RETURN_IF_ERROR(check(topTokens[i]));
    result.top.push_back({topTokens[i], topLogprobs[i]});
  }
  if (hiddenWidth) {
    auto from = hidden.begin() + ptrdiff_t(leaf * hiddenWidth);
    result.hidden = std::make_shared<const std::vector<float>>(from, from + ptrdiff_t(hiddenWidth));
  }
  return Status::success();
}

template <typename Outputs, typename Visit> void StepOutputs::forEachArray(Outputs &outputs, Visit visit) {
  visit(outputs.tokens);
  visit(outputs.status);
  visit(outputs.topTokens);
  visit(outputs.logprob);
  visit(outputs.topLogprobs);
  visit(outputs.logits);
  visit(outputs.hidden);
}

std::vector<uint8_t> StepOutputs::serialize() const {
  std::vector<uint8_t> bytes;
  forEachArray(*this, [&](const auto &array) {
    auto *from = reinterpret_cast<const uint8_t *>(array.data());
    bytes.insert(bytes.end(), from, from + array.size() * sizeof(array[0]));
  });
  return bytes;
}

Status StepOutputs::deserialize(std::span<const uint8_t> bytes) {
  size_t expected = 0;
  forEachArray(*this, [&](const auto &array) { expected += array.size() * sizeof(array[0]); });
  if (bytes.size() != expected)
    return internalError("ranks: found outputs of a step of " + std::to_string(bytes.size()) + " bytes; expected " +
                         std::to_string(expected));
  forEachArray(*this, [&](auto &array) {
    size_t size = array.size() * sizeof(array[0]);
    if (size)
      std::memcpy(array.data(), bytes.data(), size);
    bytes = bytes.subspan(size);
  });
  return Status::success();
}
