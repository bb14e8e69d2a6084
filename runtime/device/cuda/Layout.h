//===- Layout.h - Where an instance's arrays lie on a GPU -------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_DEVICE_CUDA_LAYOUT_H
#define PLAIT_RUNTIME_DEVICE_CUDA_LAYOUT_H

#include "plait-abi/Model.h"
#include "runtime/device/cpu/PlanCollectives.h"

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace plait::cuda {

/// How many of a plan's launches the GPU runs; the others, which follow, its host does.
/// Launches of a plan that are the GPU's, with collectives between them; those behind are its host's.
int32_t gpuLaunches(const plait_model_v4_t &model, const plait_plan_v2_t &plan);

/// Bytes of an input or an output in a step of these extents, of a plan with `hidden` columns of hidden
/// states. Of paths the most that the GPU has room for.
int64_t inputBytes(plait_input_t input, const StepDims &dims, int64_t hidden);
int64_t outputBytes(plait_output_t output, const StepDims &dims, int64_t vocabulary, int64_t hidden);

/// An array in a block of memory.
struct Span {
  uint64_t offset = 0, bytes = 0;
};

/// Offsets of all arrays of the largest step, so that no address depends on the step. Plans
/// share the memory, as their steps run one after the other.
struct Layout {
  struct Plan {
    int32_t gpuLaunches = 0;     ///< with collectives between them
    std::vector<Span> slots;     ///< on the GPU; without bytes: it uses none
    std::vector<Span> hostSlots; ///< likewise of its host
    std::array<Span, PLAIT_IN_COUNT> inputs{};
    std::array<Span, PLAIT_OUT_COUNT> outputs{};     ///< that the GPU writes
    std::array<Span, PLAIT_OUT_COUNT> hostOutputs{}; ///< the same in the host's memory
    std::array<Span, 2> exchange{}; ///< there: what goes into the largest collective, and what comes of one
    Span staging;                   ///< on the GPU: of a collective that puts parts in order
  };
  Span dims;                ///< the step's extents; then come inputs that are copied with them
  uint64_t headBytes = 0;   ///< of what is copied in every step
  std::vector<Span> tables; ///< of pages
  std::vector<Plan> plans;
  uint64_t inputBytes = 0;  ///< of all inputs: on the GPU, and as much pinned on its host
  uint64_t deviceBytes = 0; ///< inputs, slots and outputs
  uint64_t hostBytes = 0;   ///< pinned: slots, outputs, and what is exchanged

  /// `dims` are those of the largest step.
  Layout(const plait_model_v4_t &model, std::span<const plait_plan_v2_t *const> plans, const StepDims &dims);
};

} // namespace plait::cuda

#endif // PLAIT_RUNTIME_DEVICE_CUDA_LAYOUT_H
