//===- StepInputs.h - The input arrays of one step -------------*- C++ -*--===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_CORE_STEPINPUTS_H
#define PLAIT_RUNTIME_CORE_STEPINPUTS_H

#include "plait-abi/Model.h"
#include "runtime/base/Status.h"
#include "runtime/core/StepBatch.h"
#include "runtime/device/cpu/Executor.h"

#include <array>
#include <cstdint>
#include <vector>

namespace plait {

/// The largest step that an instance accepts, and the model's own limits.
struct StepLimits {
  int64_t maxTokens = 0, maxRows = 0, maxLeaves = 0, maxStops = 0;
  int64_t capacityPages = 0, pageTokens = 1;
  int64_t vocabulary = 0, maxPositions = 0;
};

/// Checks that the compiled code can run `batch` without reading or writing
/// anything but what belongs to it.
Status checkBatch(const StepBatch &batch, const StepLimits &limits);

/// A batch as the arrays of plait_input_t. Reused from step to step.
class StepInputs {
public:
  /// Fills the arrays from a checked batch.
  void pack(const StepBatch &batch, int64_t pageTokens);

  const StepDims &dims() const { return extents; }
  std::array<const void *, PLAIT_IN_COUNT> pointers() const;

private:
  StepDims extents{};
  std::vector<int32_t> tokens, positions, tokenRows, pageTable, leaves, topK, stops;
  std::vector<float> temperature, topP, minP;
  std::vector<int64_t> seed, sequence;
};

} // namespace plait

#endif // PLAIT_RUNTIME_CORE_STEPINPUTS_H
