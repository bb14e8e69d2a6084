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
#include "runtime/device/cpu/CommThread.h"
#include "runtime/device/cpu/ExchangePoints.h"
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
/// its weights. It holds no memory of a step but for threads' copies of a few rows: that is in
/// `StepMemory`.
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
  /// before `firstLaunch`, which are outside of loops over layers, are left out. In steps of fewer
  /// tokens than `shareTokens` each rank has all tokens that ranks would share out.
  Executor(const plait_model_v4_t &model, const plait_plan_v2_t &plan, const uint8_t *weights,
           RankCommunicators communicators = {}, int32_t firstLaunch = 0, int64_t shareTokens = 0);

  /// Runs the plan once on all threads of `pool`. One call at a time. Times are
  /// taken only if `profile` is given. An error is that of a collective: what the step
  /// has computed is of no use then.
  Status run(ThreadPool &pool, const plait_context_v1_t &context, const StepDims &dims, const StepMemory &memory,
             StepProfile *profile = nullptr);

  /// Some of the tokens of a step.
  struct Part {
    const plait_context_v1_t &context;
    StepDims dims;
    StepMemory memory;
  };
  /// Runs the plan for two parts of a step's tokens in turn, from collective to collective: while
  /// `comm` exchanges what one part has computed, the team computes the other one. `second`, of
  /// the same plan, is for the second part, whose tokens may come later in the sequences of
  /// the first: whatever these write into states has been written when a launch of the second part
  /// begins. Bits are those of two steps one after the other.
  Status runWoven(Executor &second, ThreadPool &pool, CommThread &comm, const Part &firstPart, const Part &secondPart,
                  StepProfile *profile = nullptr);

  /// Whether launches leave most collectives time (ExchangePoints.h).
  bool leavesTime() const { return !points.empty(); }
  /// Runs the plan once, with collectives on `comm` beside the launches that do not wait for them. Bits are those of
  /// `run`.
  Status runAhead(ThreadPool &pool, CommThread &comm, const plait_context_v1_t &context, const StepDims &dims,
                  const StepMemory &memory, StepProfile *profile = nullptr);

private:
  /// Launch `launch` of the plan in a layer.
  struct Position {
    int32_t launch, layer;
    bool repeats; ///< the first one of a loop's body, not for the first time
  };
  /// A launch of the current step, as all threads find it.
  struct Launch {
    plait_kernel_fn_v1 run; ///< null: a collective, which is a single tile
    int32_t firstArg, argCount;
    bool cyclic, barrier;
    bool perLayer;  ///< some argument lies elsewhere in each layer
    bool hasCopies; ///< some argument is each thread's own, in a step with copies
    bool redundant; ///< all threads compute all tiles of it in this step
    int64_t tiles;
    int32_t epilogue = 0;  ///< launches behind a collective that are part of it
    bool isInside = false; ///< it is part of a collective
  };

  void addLaunches(int32_t firstLaunch);
  void bind(unsigned threads, const StepDims &dims, const StepMemory &memory);
  void setAddress(int32_t arg, const void *base, uint64_t stride = 0, uint64_t threadStride = 0);
  bool makeCopies(unsigned threads, const StepDims &dims, const StepMemory &memory);
  /// Positions [begin, end) of the step's order.
  template <typename Observer>
  void walk(ThreadPool &pool, const plait_context_v1_t &context, unsigned thread, size_t begin, size_t end,
            Observer &observer);
  /// The two executors of a woven step, on one thread of the team.
  template <typename Observer>
  static void weave(const std::array<Executor *, 2> &halves, const std::array<const plait_context_v1_t *, 2> &contexts,
                    ThreadPool &pool, CommThread &comm, unsigned thread, Observer &observer);
  /// A step with collectives beside it, on one thread of the team.
  template <typename Observer>
  void walkAhead(ThreadPool &pool, CommThread &comm, const plait_context_v1_t &context, unsigned thread,
                 Observer &observer);
  /// Gives `comm` the collective at a place of the order; returns the number to wait for.
  uint64_t post(CommThread &comm, const plait_context_v1_t &context, size_t place, Executor *other);
  /// Runs `walkThread` with an observer on every thread.
  template <typename Walk> static void runThreads(ThreadPool &pool, StepProfile *profile, Walk walkThread);
  void runCollective(int32_t index, int32_t layer, const RowEpilogue &epilogue);
  void runEpilogue(const plait_context_v1_t &context, int32_t index, int32_t layer, size_t begin, size_t end) const;
  /// Whether all threads compute rows of a collective.
  bool sharesRows(const Launch &launch, unsigned threads) const;
  void shareCollective(ThreadPool &pool, const plait_context_v1_t &context, int32_t index, int32_t layer,
                       unsigned thread);
  void *const *getBuffers(const Launch &launch, int32_t layer, unsigned thread, void **scratch) const;

  const plait_model_v4_t &model;
  const plait_plan_v2_t &plan;
  std::vector<Launch> launches;
  std::vector<Position> order;   ///< of a step, but for launches that are part of a collective
  std::vector<size_t> exchanges; ///< collectives among them
  std::vector<ExchangePoint> points;
  uint32_t firstOfStep = 0; ///< number of its first launch among all that were ever run
  TileShares shares;
  // The address of argument i of the plan is addresses[i] + layer * strides[i], and in a step with
  // copies + thread * threadStrides[i].
  std::vector<void *> addresses;
  std::vector<uint64_t> strides, threadStrides;
  int32_t maxArgs = 0;

  /// Slots that threads may have copies of, and where they lie in what a thread has.
  struct Copy {
    int32_t slot;
    uint64_t offset;
  };
  struct alignas(64) Line {
    uint8_t bytes[64];
  };
  std::vector<Copy> copies;
  std::vector<Line> copyMemory; ///< of all threads
  bool hasCopies = false;       ///< the current step
  uint64_t copyBytes = 0;       ///< of a thread in it

  // Of collectives.
  PlanCollectives collectives;
  int64_t shareTokens;
  StepDims stepDims{};
  std::vector<std::vector<std::string>> names; ///< of a launch that is one, by layer
  std::atomic<bool> broken{false};             ///< one has failed in this step
  Status failure;                              ///< written by who carries collectives out
  /// Rows of an epilogue that all threads compute; none: the collective is done. Written by thread 0
  /// between barriers.
  std::pair<size_t, size_t> shared;
};

} // namespace plait

#endif // PLAIT_RUNTIME_DEVICE_CPU_EXECUTOR_H
