//===- Executor.cpp - Walks a launch plan on CPU threads ------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/device/cpu/Executor.h"

#include <algorithm>

using namespace plait;

namespace {

/// constant + sum of per[d] * dims[d]; false on overflow.
bool evaluate(const plait_extent_v2_t &extent, const StepDims &dims, int64_t &result) {
  result = extent.constant;
  for (int d = 0; d < PLAIT_DIM_COUNT; ++d) {
    int64_t product;
    if (__builtin_mul_overflow(extent.per[d], dims[d], &product) || __builtin_add_overflow(result, product, &result))
      return false;
  }
  return result >= 0;
}

int64_t roundUp64(int64_t bytes) { return (bytes + 63) & ~int64_t(63); }

int64_t tilesOf(const plait_kernel_v1_t &kernel, const StepDims &dims) {
  if (kernel.tile_dim < 0)
    return kernel.tile_count;
  int64_t extent = dims[kernel.tile_dim];
  return kernel.tile_count * ((extent + kernel.tile_block - 1) / kernel.tile_block);
}

} // namespace

int64_t plait::arenaBytes(const plait_plan_v1_t &plan, const StepDims &dims) {
  int64_t total = 0;
  for (int32_t i = 0; i < plan.slot_count; ++i) {
    int64_t bytes;
    if (!evaluate(plan.slots[i], dims, bytes) || bytes > INT64_MAX - 64 ||
        __builtin_add_overflow(total, roundUp64(bytes), &total))
      return -1;
  }
  return total;
}

Executor::Executor(const plait_model_v3_t &model, const plait_plan_v1_t &plan, const uint8_t *weights)
    : model(model), plan(plan), addresses(size_t(plan.arg_count)) {
  for (int32_t i = 0; i < plan.launch_count; ++i) {
    const plait_launch_v1_t &launch = plan.launches[i];
    maxArgs = std::max(maxArgs, launch.arg_count);
    bool repeats = launch.layer_end - launch.layer_begin > 1;
    if (repeats && !launch.loop_begin && !segments.empty())
      ++segments.back().count; // checked: same range as the launch before
    else
      segments.push_back({i, 1, launch.layer_begin, launch.layer_end});
  }
  for (int32_t i = 0; i < plan.arg_count; ++i)
    if (plan.args[i].kind == PLAIT_ARG_WEIGHT) {
      const plait_weight_v3_t &weight = model.weights[plan.args[i].index];
      addresses[i] = {const_cast<uint8_t *>(weights) + weight.pack_offset, weight.layers > 1 ? weight.layer_bytes : 0};
    }
}

void Executor::bind(const StepDims &dims, const StepMemory &memory) {
  // Offsets of slots; the table is short and was checked not to overflow.
  thread_local std::vector<uint8_t *> slots;
  slots.resize(size_t(plan.slot_count));
  uint8_t *next = memory.arena;
  for (int32_t i = 0; i < plan.slot_count; ++i) {
    int64_t bytes = 0;
    evaluate(plan.slots[i], dims, bytes);
    slots[i] = next;
    next += roundUp64(bytes);
  }
  for (int32_t i = 0; i < plan.arg_count; ++i) {
    int32_t index = plan.args[i].index;
    switch (plan.args[i].kind) {
    case PLAIT_ARG_SLOT:
      addresses[i] = {slots[index], 0};
      break;
    case PLAIT_ARG_STATE: {
      const plait_state_v2_t &state = model.states[index];
      addresses[i] = {memory.states[index], uint64_t(memory.capacityPages[state.table]) * state.page_bytes};
      break;
    }
    case PLAIT_ARG_PAGES:
      addresses[i] = {reinterpret_cast<uint8_t *>(const_cast<int32_t *>(memory.tables[index])), 0};
      break;
    case PLAIT_ARG_INPUT:
      // Kernels take one pointer type for all buffers; none writes an input.
      addresses[i] = {static_cast<uint8_t *>(const_cast<void *>(memory.inputs[index])), 0};
      break;
    case PLAIT_ARG_OUTPUT:
      addresses[i] = {static_cast<uint8_t *>(memory.outputs[index]), 0};
      break;
    default: // weights were bound once and for all
      break;
    }
  }
}

void Executor::run(ThreadPool &pool, const plait_context_v1_t &context, const StepDims &dims,
                   const StepMemory &memory) {
  bind(dims, memory);
  pool.run([&](unsigned thread) { walk(pool, context, dims, thread); });
}

void Executor::walk(ThreadPool &pool, const plait_context_v1_t &context, const StepDims &dims, unsigned thread) const {
  thread_local std::vector<void *> buffers;
  buffers.resize(size_t(maxArgs));
  unsigned threads = pool.size();
  for (const Segment &segment : segments)
    for (int32_t layer = segment.layerBegin; layer < segment.layerEnd; ++layer)
      for (int32_t i = segment.first; i < segment.first + segment.count; ++i) {
        const plait_launch_v1_t &next = plan.launches[i];
        bool repeat = layer > segment.layerBegin && i == segment.first;
        if (next.barrier || repeat)
          pool.barrier(thread);
        launch(next, layer, context, dims, thread, threads, buffers.data());
      }
}

void Executor::launch(const plait_launch_v1_t &launch, int32_t layer, const plait_context_v1_t &context,
                      const StepDims &dims, unsigned thread, unsigned threads, void **buffers) const {
  const plait_kernel_v1_t &kernel = model.kernels[launch.kernel];
  int64_t tiles = tilesOf(kernel, dims);
  int64_t begin, end, step;
  if (kernel.cyclic) {
    begin = thread;
    end = tiles;
    step = threads;
  } else {
    // The first `tiles % threads` threads take one tile more.
    int64_t share = tiles / threads, rest = tiles % threads;
    begin = thread * share + std::min<int64_t>(thread, rest);
    end = begin + share + (thread < rest ? 1 : 0);
    step = 1;
  }
  if (begin >= end)
    return;
  for (int32_t a = 0; a < launch.arg_count; ++a) {
    const Address &address = addresses[launch.first_arg + a];
    buffers[a] = address.base + uint64_t(layer) * address.stride;
  }
  kernel.run(&context, buffers, dims.data(), begin, end, step);
}
