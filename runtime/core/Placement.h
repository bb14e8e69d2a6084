//===- Placement.h - On which memory node weights lie -----------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// On a machine with several memory nodes, a page lies on the node of the thread that
// touches it first; one of a file, of the thread that has it read. A thread reads the
// same panels of the weights in every step of few tokens (TileShares.h), so it is the
// one that should.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_CORE_PLACEMENT_H
#define PLAIT_RUNTIME_CORE_PLACEMENT_H

#include "plait-abi/Model.h"
#include "runtime/device/cpu/ThreadPool.h"

#include <cstdint>
#include <span>
#include <vector>

namespace plait {

/// Bytes [begin, end) of a weight pack, and the thread that reads them.
struct WeightShare {
  uint64_t begin, end;
  unsigned thread;
  bool operator==(const WeightShare &) const = default;
};

/// What each of `threads` threads reads of the weights of a model whose tables have been checked, when it runs
/// `plan`: each byte of the pack once, ascending. Panels go to the thread whose tiles they are; what no
/// product reads is shared out evenly.
std::vector<WeightShare> weightShares(const plait_model_v4_t &model, const plait_plan_v2_t &plan, unsigned threads);

/// Each thread has its shares of the pack at `weights` read into memory, and into its page table. What cannot be
/// read is left for the step that needs it to find out.
void populate(ThreadPool &pool, const uint8_t *weights, std::span<const WeightShare> shares);

} // namespace plait

#endif // PLAIT_RUNTIME_CORE_PLACEMENT_H
