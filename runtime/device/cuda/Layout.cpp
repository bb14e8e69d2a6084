//===- Layout.cpp - Where an instance's arrays lie on a GPU ---------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/device/cuda/Layout.h"

#include "runtime/device/cpu/Executor.h"
#include "runtime/device/cuda/StreamExchanges.h"

#include <algorithm>
#include <utility>

using namespace plait;
using namespace plait::cuda;

/// What plait_entry_v1_t promises of addresses.
static constexpr uint64_t kAlignment = 256;
/// Positions of paths that a step has room for, per token: a tree of that depth.
static constexpr int64_t kPathsPerToken = 64;

int32_t cuda::gpuLaunches(const plait_model_v4_t &model, const plait_plan_v2_t &plan) {
  int32_t count = 0;
  for (int32_t i = 0; i < plan.launch_count; ++i) {
    int32_t kernel = plan.launches[i].kernel;
    if (kernel >= 0 && !model.gpu->kernels[kernel].entry_count)
      break;
    count = kernel >= 0 ? i + 1 : count; // collectives behind the last one are the host's
  }
  return count;
}

int64_t cuda::inputBytes(plait_input_t input, const StepDims &dims, int64_t hidden) {
  int64_t tokens = dims[PLAIT_DIM_TOKENS], leaves = dims[PLAIT_DIM_LEAVES];
  switch (input) {
  case PLAIT_IN_TOKENS:
  case PLAIT_IN_POSITIONS:
  case PLAIT_IN_TOKEN_ROWS:
  case PLAIT_IN_PATH_ENDS:
  case PLAIT_IN_NEXT:
    return 4 * tokens;
  case PLAIT_IN_PATHS:
    return 4 * tokens * kPathsPerToken;
  case PLAIT_IN_SEED:
  case PLAIT_IN_SEQUENCE:
    return 8 * leaves;
  case PLAIT_IN_STOPS:
    return 4 * leaves * dims[PLAIT_DIM_STOPS];
  case PLAIT_IN_EDIT_TOKENS:
  case PLAIT_IN_EDIT_BIASES:
  case PLAIT_IN_EDIT_SCALES:
  case PLAIT_IN_EDIT_OFFSETS:
    return 4 * dims[PLAIT_DIM_EDITS];
  case PLAIT_IN_HIDDEN:
    return 4 * leaves * hidden;
  default: // one number for each leaf
    return 4 * leaves;
  }
}

int64_t cuda::outputBytes(plait_output_t output, const StepDims &dims, int64_t vocabulary, int64_t hidden) {
  int64_t leaves = dims[PLAIT_DIM_LEAVES];
  switch (output) {
  case PLAIT_OUT_LOGITS:
    return 4 * leaves * vocabulary;
  case PLAIT_OUT_TOP_TOKENS:
  case PLAIT_OUT_TOP_LOGPROBS:
    return 4 * leaves * dims[PLAIT_DIM_TOPS];
  case PLAIT_OUT_HIDDEN:
    return 4 * leaves * hidden;
  default:
    return 4 * leaves;
  }
}

namespace {
/// Calls `visit` with the arguments of launches [begin, end).
template <typename Visit> void forEachArgument(const plait_plan_v2_t &plan, int32_t begin, int32_t end, Visit visit) {
  for (int32_t i = begin; i < end; ++i)
    for (int32_t a = 0; a < plan.launches[i].arg_count; ++a)
      visit(plan.args[plan.launches[i].first_arg + a]);
}

/// One array after the other.
struct Cursor {
  uint64_t next = 0;
  void place(Span &span, int64_t bytes) {
    if (span.bytes)
      return;
    // At least one unit: an address that is passed must be one.
    span = {next, std::max<uint64_t>(uint64_t(bytes), 1)};
    next += (span.bytes + kAlignment - 1) / kAlignment * kAlignment;
  }
};
} // namespace

Layout::Layout(const plait_model_v4_t &model, std::span<const plait_plan_v2_t *const> all, const StepDims &largest) {
  Cursor device;
  device.place(dims, int64_t(sizeof(int64_t)) * PLAIT_DIM_COUNT);
  plans.resize(all.size());
  // Inputs lie at one place for all plans; hidden states are as wide as those of the widest.
  std::array<Span, PLAIT_IN_COUNT> inputs{};
  int64_t hidden = 0;
  for (const plait_plan_v2_t *plan : all)
    hidden = std::max<int64_t>(hidden, plan->hidden);
  auto placeInputs = [&](bool isLarge) {
    for (size_t p = 0; p < all.size(); ++p) {
      plans[p].gpuLaunches = cuda::gpuLaunches(model, *all[p]);
      forEachArgument(*all[p], 0, plans[p].gpuLaunches, [&](const plait_arg_v1_t &argument) {
        if (argument.kind != PLAIT_ARG_INPUT)
          return;
        auto input = plait_input_t(argument.index);
        if ((input == PLAIT_IN_PATHS || input == PLAIT_IN_HIDDEN) == isLarge)
          device.place(inputs[size_t(input)], cuda::inputBytes(input, largest, hidden));
        plans[p].inputs[size_t(input)] = inputs[size_t(input)];
      });
    }
  };
  placeInputs(/*isLarge=*/false);
  headBytes = device.next;
  placeInputs(/*isLarge=*/true);
  tables.resize(size_t(model.table_count));
  for (Span &table : tables)
    device.place(table, 4 * largest[PLAIT_DIM_ROWS] * largest[PLAIT_DIM_PAGES]);
  inputBytes = deviceBytes = device.next;
  for (size_t p = 0; p < all.size(); ++p) {
    const plait_plan_v2_t &plan = *all[p];
    Plan &own = plans[p];
    Cursor gpu{inputBytes}, host;
    own.slots.resize(size_t(plan.slot_count));
    own.hostSlots.resize(size_t(plan.slot_count));
    auto bytesOf = [&](int32_t slot) { return extentBytes(plan.slots[slot], largest); };
    forEachArgument(plan, 0, own.gpuLaunches, [&](const plait_arg_v1_t &argument) {
      if (argument.kind == PLAIT_ARG_SLOT) {
        gpu.place(own.slots[size_t(argument.index)], bytesOf(argument.index));
      } else if (argument.kind == PLAIT_ARG_OUTPUT) {
        auto output = plait_output_t(argument.index);
        int64_t bytes = cuda::outputBytes(output, largest, model.vocabulary, plan.hidden);
        gpu.place(own.outputs[size_t(output)], bytes);
        host.place(own.hostOutputs[size_t(output)], bytes);
      }
    });
    forEachArgument(plan, own.gpuLaunches, plan.launch_count, [&](const plait_arg_v1_t &argument) {
      if (argument.kind == PLAIT_ARG_SLOT)
        host.place(own.hostSlots[size_t(argument.index)], bytesOf(argument.index));
    });
    for (int32_t i = 0; i < own.gpuLaunches; ++i)
      if (plan.launches[i].kernel < 0)
        for (size_t a = 0; a < own.exchange.size(); ++a) {
          Span &span = own.exchange[a];
          int32_t slot = plan.args[plan.launches[i].first_arg + int32_t(a)].index;
          span.bytes = std::max(span.bytes, uint64_t(bytesOf(slot)));
        }
    for (int32_t i = 0; i < own.gpuLaunches; ++i)
      if (plan.launches[i].kernel < 0) {
        const plait_collective_v4_t &collective = plan.collectives[-1 - plan.launches[i].kernel];
        own.staging.bytes =
            std::max(own.staging.bytes, StreamExchanges::stagingBytes(collective, largest[size_t(collective.rows)]));
      }
    if (uint64_t bytes = std::exchange(own.staging.bytes, 0))
      gpu.place(own.staging, int64_t(bytes));
    for (Span &span : own.exchange)
      if (uint64_t bytes = std::exchange(span.bytes, 0))
        host.place(span, int64_t(bytes));
    deviceBytes = std::max(deviceBytes, gpu.next);
    hostBytes = std::max(hostBytes, host.next);
  }
}
