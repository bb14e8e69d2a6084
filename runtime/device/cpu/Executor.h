//===- Executor.h - Walks a launch plan on CPU threads ---------*- C++ -*--===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_DEVICE_CPU_EXECUTOR_H
#define PLAIT_RUNTIME_DEVICE_CPU_EXECUTOR_H

#include "plait-abi/Model.h"
#include "runtime/base/Status.h"
#include "runtime/device/cpu/PlanCollectives.h"
#include "runtime/device/cpu/StepProfile.h"
#include "runtime/device/cpu/ThreadPool.h"
#include "runtime/device/cpu/TileShares.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace plait {

/// Bytes of a slot in a step of these extents; -1 if they do not fit in 63 bits.
int64_t extentBytes(const plait_extent_v4_t &extent, const StepDims &dims);

/// Bytes of the arena when every slot of `plan` begins on a 64-byte boundary;
/// -1 if that does not fit in 63 bits.
int64_t arenaBytes(const plait_plan_v2_t &plan, const StepDims &dims);

/// PLAIT_DIM_SPANS of a step on so many threads: those of few tokens and a long row have spans.
int64_t spansOf(const StepDims &dims, int64_t pageTokens, unsigned threads);
/// The largest of all steps with up to so many tokens, of rows of up to `pages` pages.
int64_t mostSpans(int64_t tokens, int64_t pages, int64_t pageTokens);

/// One plan of a model whose tables have been checked (core/Tables.h), bound to
/// its weights. It holds no memory of a step: that is in `StepMemory`.
class Executor {
public:
  struct StepMemory {
    std::array<const void *, PLAIT_IN_COUNT> inputs{};
    std::array<void *, PLAIT_OUT_COUNT> outputs{};
    uint8_t *arena = nullptr;
    std::vector<uint8_t *> states;       ///< first page of layer 0 of each state
    std::vector<const int32_t *> tables; ///< of pages
    std::vector<int64_t> capacityPages;  ///< of each page table
    std::vector<uint8_t *> slots;        ///< where they lie; empty: one after the other in the arena
  };

  /// A plan with collectives needs communicators of the model's ranks and groups. Launches
  /// before `firstLaunch`, which are outside of loops over layers, are left out.
  Executor(const plait_model_v4_t &model, const plait_plan_v2_t &plan, const uint8_t *weights,
           RankCommunicators communicators = {}, int32_t firstLaunch = 0);

  /// Runs the plan once on all threads of `pool`. One call at a time. Times are
  /// taken only if `profile` is given. An error is that of a collective: what the step
  /// has computed is of no use then.
  Status run(ThreadPool &pool, const plait_context_v1_t &context, const StepDims &dims, const StepMemory &memory,
             StepProfile *profile = nullptr);

private:
  /// Launches [first, first + count) run in order for each layer of the range.
  struct Segment {
    int32_t first, count;
    int32_t layerBegin, layerEnd;
  };
  /// A launch of the current step, as all threads find it.
  struct Launch {
    plait_kernel_fn_v1 run; ///< null: a collective, which is a single tile
    int32_t firstArg, argCount;
    bool cyclic, barrier;
    bool perLayer; ///< some argument lies elsewhere in each layer
    int64_t tiles;
    int32_t epilogue = 0;  ///< launches behind a collective that are part of it
    bool isInside = false; ///< it is part of a collective
  };

  void bind(unsigned threads, const StepDims &dims, const StepMemory &memory);
  void setAddress(int32_t arg, const void *base, uint64_t stride = 0);
  template <typename Observer>
  void walk(ThreadPool &pool, const plait_context_v1_t &context, const StepDims &dims, unsigned thread,
            Observer observer);
  void runCollective(int32_t index, int32_t layer, const RowEpilogue &epilogue);
  void runEpilogue(const plait_context_v1_t &context, int32_t index, int32_t layer, size_t begin, size_t end) const;
  /// Whether all threads compute rows of a collective.
  bool sharesRows(const Launch &launch, unsigned threads) const;
  void shareCollective(ThreadPool &pool, const plait_context_v1_t &context, int32_t index, int32_t layer,
                       unsigned thread);
  void *const *getBuffers(const Launch &launch, int32_t layer, void **scratch) const;

  const plait_model_v4_t &model;
  const plait_plan_v2_t &plan;
  std::vector<Segment> segments;
  std::vector<Launch> launches;
  uint32_t launchesOfStep = 0; ///< each layer counted
  uint32_t firstOfStep = 0;    ///< number of its first launch among all that were ever run
  TileShares shares;
  // The address of argument i of the plan is addresses[i] + layer * strides[i].
  std::vector<void *> addresses;
  std::vector<uint64_t> strides;
  int32_t maxArgs = 0;

  // Of collectives.
  PlanCollectives collectives;
  StepDims stepDims{};
  std::vector<std::vector<std::string>> names; ///< of a launch that is one, by layer
  std::atomic<bool> broken{false};             ///< one has failed in this step
  Status failure;                              ///< written by thread 0
  /// Rows of an epilogue that all threads compute; none: the collective is done. Written by thread 0
  /// between barriers.
  std::pair<size_t, size_t> shared;
};

} // namespace plait

#endif // PLAIT_RUNTIME_DEVICE_CPU_EXECUTOR_H
