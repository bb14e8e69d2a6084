//===- Device.h - What runs the steps of an instance ------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_DEVICE_DEVICE_H
#define PLAIT_RUNTIME_DEVICE_DEVICE_H

#include "plait-abi/Model.h"
#include "runtime/base/Status.h"
#include "runtime/device/cpu/PlanCollectives.h"
#include "runtime/device/cpu/StepProfile.h"
#include "runtime/device/cpu/ThreadPool.h"

#include <array>
#include <cstdint>
#include <vector>

namespace plait {

/// The arrays of one step, which this process has.
struct StepArrays {
  std::array<const void *, PLAIT_IN_COUNT> inputs{};
  std::array<void *, PLAIT_OUT_COUNT> outputs{};
  std::vector<const int32_t *> tables; ///< of pages
};

/// Some of the tokens of a step.
struct StepPart {
  plait_context_v1_t context;
  StepDims dims{};
  StepArrays arrays;
};

/// Pieces of the pages of a state that are copied to other places in them. No piece is
/// read after another one was written to its place.
struct StateCopy {
  int32_t state = 0;
  uint64_t to = 0, from = 0; ///< bytes from the first page of layer 0 on, of the first piece
  uint64_t bytes = 0;        ///< of a piece
  int64_t pieces = 1;
  uint64_t stride = 0; ///< from one piece to the next
};

/// Processors, and the memory that the states and intermediate values of an instance lie in.
/// One thread at a time calls a device.
class Device {
public:
  virtual ~Device() = default;

  /// Once all ranks have made theirs, and before a step: they come to know how they exchange. All of them call it.
  virtual Status connect() { return Status::success(); }

  /// Runs plan `plan` of the instance once. What is done by this machine's CPU is done by all threads of
  /// `pool`. Times are taken only if `profile` is given. After an error what the step has
  /// computed is of no use.
  virtual Status run(size_t plan, ThreadPool &pool, const plait_context_v1_t &context, const StepDims &dims,
                     const StepArrays &arrays, StepProfile *profile) = 0;
  /// The same for two parts of the step's tokens, one of which is computed while what the other one has
  /// computed goes from rank to rank (Executor::runWoven).
  virtual Status runWoven(size_t plan, ThreadPool &pool, const std::array<StepPart, 2> &parts, StepProfile *profile);
  /// Whether most collectives of a plan can be carried out beside launches that do not wait for them.
  virtual bool leavesTime(size_t) const { return false; }
  /// As `run`, with collectives beside launches (Executor::runAhead), of a plan that leaves time.
  virtual Status runAhead(size_t plan, ThreadPool &pool, const plait_context_v1_t &context, const StepDims &dims,
                          const StepArrays &arrays, StepProfile *profile) {
    return run(plan, pool, context, dims, arrays, profile);
  }
  /// After the steps before it.
  virtual Status copyState(const StateCopy &copy) = 0;
  /// The first page of layer 0 of a state; null if it is not in this process's memory.
  virtual uint8_t *statePages(size_t state) = 0;

  virtual uint64_t arenaBytes() const = 0;
  virtual uint64_t stateBytes() const = 0;
};

inline Status Device::runWoven(size_t, ThreadPool &, const std::array<StepPart, 2> &, StepProfile *) {
  return internalError("device: found a step in two parts; expected none of this device");
}

} // namespace plait

#endif // PLAIT_RUNTIME_DEVICE_DEVICE_H
