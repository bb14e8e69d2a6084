//===- CpuDevice.cpp - This machine's processors as a device --------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/device/cpu/CpuDevice.h"

#include "runtime/device/cpu/Topology.h"

#include <cstring>

using namespace plait;

Expected<std::unique_ptr<Device>>
CpuDevice::create(const plait_model_v4_t &model, std::span<const plait_plan_v2_t *const> plans, const uint8_t *weights,
                  const RankCommunicators &communicators, uint64_t arenaBytes, std::span<const uint64_t> stateBytes,
                  std::vector<int64_t> capacityPages, std::vector<int64_t> shareTokens) {
  std::unique_ptr<CpuDevice> device(new CpuDevice(model, plans, weights, communicators, std::move(shareTokens)));
  PLAIT_ASSIGN_OR_RETURN(device->arena, PageMemory::allocate(arenaBytes, "arena"));
  Executor::StepMemory &memory = device->memory;
  memory.arena = device->arena.data();
  memory.capacityPages = std::move(capacityPages);
  const std::vector<int> nodes = memoryNodes();
  for (int32_t i = 0; i < model.state_count; ++i) {
    int64_t capacity = memory.capacityPages[size_t(model.states[i].table)];
    std::string what = "key/value cache of " + std::to_string(capacity) + " pages";
    PLAIT_ASSIGN_OR_RETURN(PageMemory pages, PageMemory::allocate(stateBytes[size_t(i)], what));
    if (nodes.size() > 1) // whose tiles read a page changes with the length of its row
      pages.interleave(nodes);
    memory.states.push_back(pages.data());
    device->states.push_back(std::move(pages));
  }
  for (size_t plan = 0; plan < plans.size(); ++plan)
    device->executors.push_back(device->makeExecutor(plan));
  return std::unique_ptr<Device>(std::move(device));
}

std::unique_ptr<Executor> CpuDevice::makeExecutor(size_t plan) const {
  return std::make_unique<Executor>(model, *plans[plan], weights, communicators, /*firstLaunch=*/0, shareTokens[plan]);
}

Status CpuDevice::run(size_t plan, ThreadPool &pool, const plait_context_v1_t &context, const StepDims &dims,
                      const StepArrays &arrays, StepProfile *profile) {
  memory.inputs = arrays.inputs;
  memory.outputs = arrays.outputs;
  memory.tables = arrays.tables;
  return executors[plan]->run(pool, context, dims, memory, profile);
}

Status CpuDevice::runAhead(size_t plan, ThreadPool &pool, const plait_context_v1_t &context, const StepDims &dims,
                           const StepArrays &arrays, StepProfile *profile) {
  if (!comm) {
    PLAIT_ASSIGN_OR_RETURN(comm, CommThread::create());
  }
  memory.inputs = arrays.inputs;
  memory.outputs = arrays.outputs;
  memory.tables = arrays.tables;
  return executors[plan]->runAhead(pool, *comm, context, dims, memory, profile);
}

Status CpuDevice::runWoven(size_t plan, ThreadPool &pool, const std::array<StepPart, 2> &parts, StepProfile *profile) {
  if (!secondExecutors[plan])
    secondExecutors[plan] = makeExecutor(plan);
  if (!comm) {
    PLAIT_ASSIGN_OR_RETURN(comm, CommThread::create());
  }
  auto memoryOf = [&](const StepPart &part, int64_t arenaBegin) {
    Executor::StepMemory result = memory;
    result.inputs = part.arrays.inputs;
    result.outputs = part.arrays.outputs;
    result.tables = part.arrays.tables;
    result.arena += arenaBegin;
    return result;
  };
  // Each part has half of the arena.
  Executor::Part first = {parts[0].context, parts[0].dims, memoryOf(parts[0], 0)};
  Executor::Part second = {parts[1].context, parts[1].dims, memoryOf(parts[1], int64_t(arena.size() / 128 * 64))};
  return executors[plan]->runWoven(*secondExecutors[plan], pool, *comm, first, second, profile);
}

Status CpuDevice::copyState(const StateCopy &copy) {
  uint8_t *pages = memory.states[size_t(copy.state)];
  for (int64_t i = 0; i < copy.pieces; ++i)
    std::memmove(pages + copy.to + uint64_t(i) * copy.stride, pages + copy.from + uint64_t(i) * copy.stride,
                 copy.bytes);
  return Status::success();
}

uint64_t CpuDevice::stateBytes() const {
  uint64_t total = 0;
  for (const PageMemory &state : states)
    total += state.size();
  return total;
}
