//===- Explanation.h - What a step costs and why ---------------*- C++ -*--===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// explain.json of an artifact (lib/Driver/Explain.h says what is in it), and what
// follows from it for a step of a given size on a given machine.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TOOLS_PLAIT_EXPLANATION_H
#define PLAIT_TOOLS_PLAIT_EXPLANATION_H

#include "plait/Timeline/Machine.h"
#include "runtime/base/Json.h"
#include "runtime/base/Status.h"
#include "runtime/core/Model.h"
#include "runtime/device/cpu/Peak.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace plait {

/// How much a step has to do.
struct StepLoad {
  int64_t tokens = 1, rows = 1, leaves = 1;
  int64_t positions = 1; ///< attended to, summed over the tokens

  /// One token of a sequence of `context` positions, itself included.
  static StepLoad decode(int64_t context) { return {1, 1, 1, context}; }
  /// The first `tokens` tokens of one sequence; the last one gets logits.
  static StepLoad prefill(int64_t tokens) { return {tokens, 1, 1, tokens * (tokens + 1) / 2}; }
};

/// A linear form in the extents of a step.
struct CostForm {
  int64_t constant = 0, tokens = 0, rows = 0, leaves = 0, positions = 0;

  double at(const StepLoad &load) const;
  /// "12 + 34 T + 5 P" with numbers like 73.7K; "-" for nothing.
  std::string text() const;
  Json json() const; ///< the terms that are not 0
};

/// What the compiler knows of one launch, for one layer.
struct LaunchCost {
  std::string op, element; ///< `element`: what it multiplies by, like "bf16"
  CostForm flops, weightBytes, activationBytes;
};

struct Explanation {
  struct Pass {
    std::string phase, name;
  };
  struct Remark {
    std::string pass, name, kind, at, text;
  };
  struct Variant {
    std::string name;
    std::vector<LaunchCost> launches; ///< as many as the plan of that name has
  };
  std::vector<Pass> passes;
  std::vector<Remark> remarks;
  std::vector<Variant> variants;
  std::optional<timeline::Machine> machine; ///< that it was compiled for

  /// Reads explain.json of `model` and compares it with the model's plans.
  static Expected<Explanation> read(const Model &model);
  /// What is known of the launches of a plan of `model`.
  Expected<std::vector<LaunchCost>> costsOf(const Model &model, const plait_plan_v2_t &plan) const;
};

/// The least time that a machine needs: memory is read at full speed while full
/// vectors multiply and add (Williams, Waterman, Patterson 2009). Activations are
/// taken to be in the caches.
struct Roofline {
  double flops = 0, bytes = 0, seconds = 0;
  bool memoryBound = false;
};
Roofline rooflineOf(const LaunchCost &cost, int64_t layers, const StepLoad &load, const MachinePeak &peak);

/// Bytes that running the model takes.
struct MemoryLedger {
  int64_t weights = 0, statePerPosition = 0;
  int64_t stateOfWindows = 0; ///< of one sequence, whatever its length
  int64_t stateOfContext = 0; ///< of one sequence of `context` positions, in whole pages
  int64_t decodeArena = 0, prefillArena = 0;
  int64_t total = 0;        ///< weights, one sequence and the larger arena
  int64_t available = 0;    ///< what the two below are to fit in, with the larger arena
  int64_t maxContext = 0;   ///< of a single sequence, at most the model's
  int64_t maxSequences = 0; ///< of `context` positions each
};
/// `shareTokens` as in the manifest.
MemoryLedger ledgerOf(const plait_model_v4_t &model, const plait_plan_v2_t &plan, int64_t context, int64_t tokens,
                      int64_t available, int64_t shareTokens);

/// "1.02 G", for people.
std::string countText(double count);
/// "1.7 us"
std::string secondsText(double seconds);

} // namespace plait

#endif // PLAIT_TOOLS_PLAIT_EXPLANATION_H
