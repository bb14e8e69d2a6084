//===- ProgramModel.cpp - An overlap program on all ranks -----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Overlap/ProgramModel.h"

using namespace plait;

bool Access::overlaps(const Access &other) const {
  if (!isSamePlace(other))
    return false;
  for (size_t d = 0; d < begin.size(); ++d)
    if (begin[d] + size[d] <= other.begin[d] || other.begin[d] + other.size[d] <= begin[d])
      return false;
  return true;
}

bool Access::contains(const Access &other) const {
  if (!isSamePlace(other))
    return false;
  for (size_t d = 0; d < begin.size(); ++d)
    if (other.begin[d] < begin[d] || other.begin[d] + other.size[d] > begin[d] + size[d])
      return false;
  return true;
}

std::string ProgramModel::describe(const Step &step) const {
  return "rank " + std::to_string(step.rank) + ", epoch " + std::to_string(step.epoch);
}

std::string ProgramModel::describe(unsigned cell) const {
  std::string text = "[";
  for (auto [i, index] : llvm::enumerate(cells[cell].index))
    text += (i ? ", " : "") + std::to_string(index);
  return text + "] on rank " + std::to_string(cells[cell].rank);
}

int64_t plait::getMaxSlots(overlap::ProgramOp program) {
  int64_t slots = 1;
  program.walk([&](overlap::AllocOp op) { slots = std::max(slots, op.getResult().getType().getSlots()); });
  return slots;
}

bool UniformChoices::advance() {
  while (!made.empty() && !made.back().second)
    made.pop_back();
  if (made.empty())
    return false;
  made.back().second = false;
  return true;
}

bool UniformChoices::choose(Value condition) {
  for (auto [known, holds] : made)
    if (known == condition)
      return holds;
  made.push_back({condition, true});
  return true;
}
