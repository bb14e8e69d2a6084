//===- StepOutputs.h - What one step gives back ----------------*- C++ -*--===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_CORE_STEPOUTPUTS_H
#define PLAIT_RUNTIME_CORE_STEPOUTPUTS_H

#include "runtime/base/Status.h"
#include "runtime/core/StepBatch.h"
#include "runtime/device/cpu/Executor.h"

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace plait {

/// The arrays of plait_output_t. Reused from step to step.
class StepOutputs {
public:
  /// Makes room for those of a step; `vocabulary` of logits, and columns of hidden states,
  /// or 0 for none.
  void prepare(const StepDims &dims, int64_t vocabulary, int64_t hiddenColumns = 0);
  std::array<void *, PLAIT_OUT_COUNT> pointers();
  /// Takes the tokens back whose logits were not finite.
  void refuse(std::span<const int64_t> leaves);
  /// Checks what is there and hands the logits over.
  Expected<StepResult> read(int64_t vocabulary);

  /// For another process, which prepares and then reads them as its own. An error is a
  /// message of another step.
  std::vector<uint8_t> serialize() const;
  Status deserialize(std::span<const uint8_t> bytes);

private:
  /// Calls `visit` with each array.
  template <typename Outputs, typename Visit> static void forEachArray(Outputs &outputs, Visit visit);
  Status readLeaf(size_t leaf, int64_t vocabulary, LeafResult &result) const;

  size_t topWidth = 0, hiddenWidth = 0;
  std::vector<int32_t> tokens, status, topTokens;
  std::vector<float> logprob, topLogprobs, logits, hidden;
};

} // namespace plait

#endif // PLAIT_RUNTIME_CORE_STEPOUTPUTS_H
