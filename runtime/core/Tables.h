//===- Tables.h - Checks the tables of a model binary ----------*- C++ -*--===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_CORE_TABLES_H
#define PLAIT_RUNTIME_CORE_TABLES_H

#include "plait-abi/Model.h"
#include "runtime/base/PanelLayout.h"
#include "runtime/base/Status.h"

#include <array>
#include <cstddef>
#include <string_view>
#include <vector>

namespace plait {

/// The loaded segments of a model binary: a table that points outside them is
/// damaged and must not be read.
class LoadedImage {
public:
  struct Segment {
    const char *begin, *end;
    bool executable;
  };
  LoadedImage() = default;
  explicit LoadedImage(std::vector<Segment> segments) : segments(std::move(segments)) {}

  bool holds(const void *pointer, size_t bytes) const;
  bool holdsCode(const void *pointer) const;
  /// A zero-terminated string within one segment.
  bool holdsString(const char *text) const;

private:
  std::vector<Segment> segments;
};

/// Checks that every size, index and pointer of the tables is one that the
/// runtime can follow. After success no index of the tables needs a check.
Status checkTables(const plait_model_v4_t *model, const LoadedImage &image);

/// The code for a GPU, or null.
const plait_gpu_v1_t *gpuOf(const plait_model_v4_t &model);

/// The plan called `variant`, or null.
const plait_plan_v2_t *findPlan(const plait_model_v4_t &model, std::string_view variant);
/// What runs in the place of `plan` where all leaves choose greedily: its twin (PLAIT_GREEDY_SUFFIX), or itself.
const plait_plan_v2_t &greedyPlan(const plait_model_v4_t &model, const plait_plan_v2_t &plan);

/// Positions of one page, the same in all states. 1 for a model without state.
int64_t pageTokens(const plait_model_v4_t &model);

/// The window of the states that use a page table; 0: they keep every position.
int64_t tableWindow(const plait_model_v4_t &model, int32_t table);

/// Bytes of one page of a page table, in all layers of all states that use it.
int64_t tablePageBytes(const plait_model_v4_t &model, int32_t table);

/// The name of a launch's kernel or collective, for people.
const char *launchName(const plait_model_v4_t &model, const plait_plan_v2_t &plan, const plait_launch_v3_t &launch);

/// The most bytes that a collective of `plan` sends in a step of these extents.
int64_t collectiveBytes(const plait_plan_v2_t &plan, const std::array<int64_t, PLAIT_DIM_COUNT> &dims);

/// Bytes of one layer's slice of a weight in its layout; -1 on overflow.
int64_t packedBytes(const plait_weight_v4_t &weight);

/// How integers stand for the elements of a weight, if they are integers.
std::optional<WeightQuantization> quantizationOf(const plait_weight_v4_t &weight);
/// The layout of a weight in panels.
PanelLayout panelLayoutOf(const plait_weight_v4_t &weight);

/// Bytes of an element of a plait_dtype_t; 0 if unknown, or smaller than a byte or
/// with scales.
int64_t dtypeBytes(int32_t dtype);

} // namespace plait

#endif // PLAIT_RUNTIME_CORE_TABLES_H
