//===- PlanCollectives.h - The collectives of a launch plan -----*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From plait_collective_v4_t, which speaks of matrices and their parts, to what a
// Communicator does with arrays.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_DEVICE_CPU_PLANCOLLECTIVES_H
#define PLAIT_RUNTIME_DEVICE_CPU_PLANCOLLECTIVES_H

#include "plait-abi/Model.h"
#include "runtime/base/Status.h"
#include "runtime/comm/ReduceTree.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace plait {

using StepDims = std::array<int64_t, PLAIT_DIM_COUNT>;

/// The first of the tokens that rank `rank` has where `ranks` share them out.
inline int64_t firstTokenOf(int64_t rank, int64_t ranks, int64_t tokens) { return tokens * rank / ranks; }

/// Whether ranks share out the tokens of a step, which they do from `shareTokens` of them on (Manifest.h).
inline bool sharesTokens(int64_t tokens, int64_t shareTokens) { return tokens >= shareTokens; }
/// The tokens of a step that a rank has (PLAIT_DIM_TOKENS_PART).
inline int64_t tokensOfRank(int64_t rank, int64_t ranks, int64_t tokens, int64_t shareTokens) {
  return sharesTokens(tokens, shareTokens) ? firstTokenOf(rank + 1, ranks, tokens) - firstTokenOf(rank, ranks, tokens)
                                           : tokens;
}
/// The most that any rank has of any step of up to `tokens` tokens.
inline int64_t mostTokensOfRank(int64_t ranks, int64_t tokens, int64_t shareTokens) {
  return std::max((tokens + ranks - 1) / ranks, std::min(tokens, shareTokens - 1));
}

/// The communicators of a rank.
struct RankCommunicators {
  Communicator *all = nullptr;             ///< of the model's ranks
  std::vector<Communicator *> groups = {}; ///< of each group of the model's table; null: this rank is not in it
};

struct CollectiveMatrix;

class PlanCollectives {
public:
  PlanCollectives(const plait_model_v4_t &model, const plait_plan_v2_t &plan, RankCommunicators communicators);

  /// Whether parts of rows are those of PLAIT_DIM_TOKENS_PART, or each rank has all rows.
  void shareTokens(bool shares) { hasParts = shares; }

  /// Carries out collective `index` of the plan; `op` names it for people.
  Status run(int32_t index, const StepDims &dims, float *source, float *target, const char *op) const;
  /// Carries out collective `index`, a reduce_gather, with its arguments; `epilogue` computes rows of this rank.
  Status runFused(int32_t index, const StepDims &dims, void *const *buffers, const RowEpilogue &epilogue,
                  const char *op) const;

private:
  Status runOnAllRows(const CollectiveMatrix &matrix, int32_t index, float *source, float *target,
                      const char *op) const;
  Status sum(const CollectiveMatrix &matrix, int32_t index, float *source, float *target, const char *op) const;
  Status exchangeParts(const CollectiveMatrix &matrix, int32_t kind, int32_t dim, float *source, float *target,
                       const char *op) const;
  Status swapParts(const CollectiveMatrix &matrix, Communicator &communicator, float *source, float *target,
                   const char *op) const;
  Communicator &communicatorOf(const plait_collective_v4_t &c) const {
    return c.group < 0 ? *communicators.all : *communicators.groups[size_t(c.group)];
  }

  const plait_model_v4_t &model;
  const plait_plan_v2_t &plan;
  RankCommunicators communicators;
  std::vector<std::optional<ReduceTree>> trees; ///< of a collective with nodes
  bool hasParts = true;
};

} // namespace plait

#endif // PLAIT_RUNTIME_DEVICE_CPU_PLANCOLLECTIVES_H
