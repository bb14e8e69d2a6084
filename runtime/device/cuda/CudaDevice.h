//===- CudaDevice.h - A GPU as a device -------------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A step: inputs go to the GPU in one copy, or a few; its launches follow, as a recorded graph if the step is
// small; what the host needs of the results comes back; then the host waits, once, and
// makes the plan's other launches with all threads. Of a model of several ranks the launches are in pieces, and
// between two of them ranks exchange something: on the stream, if all ranks can (StreamExchanges.h), and else through
// the memory of the host.
//
// With PLAIT_CUDA_CHECK=1 in the environment the host waits after each launch, so that an error
// is that of the launch it names.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_DEVICE_CUDA_CUDADEVICE_H
#define PLAIT_RUNTIME_DEVICE_CUDA_CUDADEVICE_H

#include "runtime/device/Device.h"
#include "runtime/device/cpu/Executor.h"
#include "runtime/device/cuda/PlanLaunches.h"
#include "runtime/device/cuda/StreamExchanges.h"

#include <map>
#include <memory>
#include <span>
#include <vector>

namespace plait::cuda {

class CudaDevice final : public Device {
public:
  /// For `plans` of the program's model, whose weights are on the GPU. `largest` are the
  /// extents of the largest step; `hostWeights` is the pack in this process's memory. Ranks of a
  /// model of several need communicators.
  static Expected<std::unique_ptr<Device>>
  create(std::shared_ptr<Program> program, std::span<const plait_plan_v2_t *const> plans, const uint8_t *hostWeights,
         const StepDims &largest, std::span<const uint64_t> stateBytes, std::span<const int64_t> capacityPages,
         const RankCommunicators &communicators = {});
  ~CudaDevice() override;

  Status connect() override;
  Status run(size_t plan, ThreadPool &pool, const plait_context_v1_t &context, const StepDims &dims,
             const StepArrays &arrays, StepProfile *profile) override;
  Status copyState(const StateCopy &copy) override;
  uint8_t *statePages(size_t) override { return nullptr; }
  uint64_t arenaBytes() const override { return arena.size(); }
  uint64_t stateBytes() const override;

private:
  struct Plan {
    const plait_plan_v2_t *tables;
    std::unique_ptr<PlanLaunches> launches;
    std::unique_ptr<PlanCollectives> collectives;            ///< between those
    std::unique_ptr<Executor> host;                          ///< of the launches after those; null: there are none
    std::map<std::pair<size_t, StepDims>, GraphExec> graphs; ///< of each piece
    std::vector<uint8_t *> hostSlots;
  };

  CudaDevice(std::shared_ptr<Program> program, std::span<const plait_plan_v2_t *const> plans, const StepDims &largest)
      : program(std::move(program)), gpu(*this->program->gpu()), layout(this->program->model(), plans, largest) {}
  Status prepare(std::span<const plait_plan_v2_t *const> plans, const uint8_t *hostWeights,
                 std::span<const uint64_t> stateBytes, std::span<const int64_t> capacityPages,
                 const RankCommunicators &communicators);
  Status copyInputs(const Layout::Plan &own, const StepDims &dims, const StepArrays &arrays, int64_t hidden);
  Status launch(Plan &plan, size_t piece, const StepDims &dims);
  /// `times` are those of launches and collectives; `begun` is when the one before had ended.
  Status launchOneByOne(Plan &plan, size_t piece, const StepDims &dims, std::vector<StepProfile::Launch> *times,
                        int64_t &begun);
  Status runOnGpu(Plan &plan, const Layout::Plan &own, const StepDims &dims, const StepArrays &arrays,
                  StepProfile *profile, std::vector<StepProfile::Launch> &times, int64_t begun);
  /// Exchanges what the launches of this rank and others have made.
  Status exchange(const Plan &plan, const Layout::Plan &own, const PlanLaunches::Piece &piece, const StepDims &dims);
  Status exchangeByHost(const Plan &plan, const Layout::Plan &own, const PlanLaunches::Piece &piece,
                        const StepDims &dims);
  Status copyOutputs(const Plan &plan, const Layout::Plan &own, const StepDims &dims);
  /// Until everything in the stream is done; `what` was put there since the last time.
  Status wait(const std::string &what);
  uint8_t *pinned(const Span &span) const { return static_cast<uint8_t *>(results.address()) + span.offset; }

  std::shared_ptr<Program> program;
  const Gpu &gpu;
  const Layout layout;
  std::vector<Plan> plans;
  RankCommunicators communicators;
  std::unique_ptr<StreamExchanges> exchanges; ///< null: ranks exchange through their hosts
  size_t underWay = 0;                        ///< exchanges that the step has put into the stream since a wait
  bool hasExchanged = false;                  ///< the step has done so
  Stream stream = nullptr;
  DeviceMemory arena; ///< everything in `layout`
  std::vector<DeviceMemory> states;
  PinnedMemory inputs;  ///< as they lie in the arena
  PinnedMemory results; ///< slots of the host's launches, and outputs
  Executor::StepMemory hostMemory;
  bool waitsAlways = false; ///< PLAIT_CUDA_CHECK
  Status broken;            ///< of an error after which the GPU does nothing more for this process
};

} // namespace plait::cuda

#endif // PLAIT_RUNTIME_DEVICE_CUDA_CUDADEVICE_H
