//===- CpuDevice.h - This machine's processors as a device ------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_DEVICE_CPU_CPUDEVICE_H
#define PLAIT_RUNTIME_DEVICE_CPU_CPUDEVICE_H

#include "runtime/device/Device.h"
#include "runtime/device/cpu/Executor.h"
#include "runtime/device/cpu/PageMemory.h"

#include <memory>
#include <span>
#include <vector>

namespace plait {

class CpuDevice final : public Device {
public:
  /// For `plans` of a model; `capacityPages` of each page table and the bytes of each state. Of each plan
  /// `shareTokens`, as of an Executor.
  static Expected<std::unique_ptr<Device>> create(const plait_model_v4_t &model,
                                                  std::span<const plait_plan_v2_t *const> plans, const uint8_t *weights,
                                                  const RankCommunicators &communicators, uint64_t arenaBytes,
                                                  std::span<const uint64_t> stateBytes,
                                                  std::vector<int64_t> capacityPages, std::vector<int64_t> shareTokens);

  Status run(size_t plan, ThreadPool &pool, const plait_context_v1_t &context, const StepDims &dims,
             const StepArrays &arrays, StepProfile *profile) override;
  Status runWoven(size_t plan, ThreadPool &pool, const std::array<StepPart, 2> &parts, StepProfile *profile) override;
  bool leavesTime(size_t plan) const override { return executors[plan]->leavesTime(); }
  Status runAhead(size_t plan, ThreadPool &pool, const plait_context_v1_t &context, const StepDims &dims,
                  const StepArrays &arrays, StepProfile *profile) override;
  Status copyState(const StateCopy &copy) override;
  uint8_t *statePages(size_t state) override { return memory.states[state]; }
  uint64_t arenaBytes() const override { return arena.size(); }
  uint64_t stateBytes() const override;

private:
  CpuDevice(const plait_model_v4_t &model, std::span<const plait_plan_v2_t *const> plans, const uint8_t *weights,
            const RankCommunicators &communicators, std::vector<int64_t> shareTokens)
      : model(model), plans(plans.begin(), plans.end()), weights(weights), communicators(communicators),
        shareTokens(std::move(shareTokens)), secondExecutors(plans.size()) {}

  std::unique_ptr<Executor> makeExecutor(size_t plan) const;

  const plait_model_v4_t &model;
  std::vector<const plait_plan_v2_t *> plans;
  const uint8_t *weights;
  RankCommunicators communicators;
  std::vector<int64_t> shareTokens;                 ///< of each plan
  std::vector<std::unique_ptr<Executor>> executors; ///< of each plan
  /// Of steps in two parts, from the first of them on.
  std::vector<std::unique_ptr<Executor>> secondExecutors;
  std::unique_ptr<CommThread> comm;
  PageMemory arena;
  std::vector<PageMemory> states;
  Executor::StepMemory memory;
};

} // namespace plait

#endif // PLAIT_RUNTIME_DEVICE_CPU_CPUDEVICE_H
