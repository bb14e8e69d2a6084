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
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace plait {

/// A page table of an instance: the pages of the states that use it.
struct TableLimits {
  int64_t window = 0; ///< of its states; 0: they keep every position
  int64_t capacityPages = 0;
};

/// One of the steps that an instance runs: a plan of its model.
struct StepKind {
  std::string name;
  int64_t hidden = 0;    ///< columns of the hidden states that it returns, or begins with
  bool isHead = false;   ///< it begins with hidden states alone
  bool recurs = false;   ///< it begins with hidden states, each with a token in a row of its own
  bool hasPages = false; ///< it reads or writes states
  /// From so many tokens on it is computed in two parts (StepSplit.h); 0: never.
  int64_t weaveTokens = 0;
  /// From so many tokens on they are shared out by ranks that may do so; with fewer, each has all.
  int64_t shareTokens = 0;
  bool hasTops = false; ///< it returns most probable tokens
  /// The step with the same bits of leaves that choose greedily, from logits as they are; -1: none.
  int32_t greedy = -1;

  bool operator==(const StepKind &) const = default;
};

/// The largest step that an instance accepts, and the model's own limits.
struct StepLimits {
  int64_t maxTokens = 0, maxRows = 0, maxLeaves = 0, maxStops = 0;
  int64_t maxEdits = 0, maxTopLogprobs = 0; ///< of one leaf; 0: the plan knows none
  int64_t vocabulary = 0, maxPositions = 0;
  int64_t promptTokens = 0; ///< ids beyond the vocabulary that may be read
  int64_t pageTokens = 1;
  std::vector<TableLimits> tables;
  std::vector<StepKind> steps; ///< the first one is what runs unless another is asked for

  /// The number of the step called `name`; -1: there is none.
  int32_t findStep(std::string_view name) const;
  bool isHead(int32_t step) const { return size_t(step) < steps.size() && steps[size_t(step)].isHead; }
  bool recurs(int32_t step) const { return size_t(step) < steps.size() && steps[size_t(step)].recurs; }
  /// Whether rows of a step have pages.
  bool hasPages(int32_t step) const { return !isHead(step) && (!recurs(step) || steps[size_t(step)].hasPages); }
  /// Columns of the hidden states that a step returns; 0: none.
  int64_t returnedHidden(int32_t step) const {
    return size_t(step) < steps.size() && !isHead(step) ? steps[size_t(step)].hidden : 0;
  }

  /// The first page that a token at `position`, or a later one, may read.
  int64_t firstPage(const TableLimits &table, int64_t position) const {
    return table.window && position >= table.window ? (position - table.window + 1) / pageTokens : 0;
  }
  /// Pages that hold `count` positions from 0 on.
  int64_t wholePages(int64_t count) const { return (count + pageTokens - 1) / pageTokens; }
  /// The most pages that a row of at most `step` tokens uses at once, however
  /// long its sequence is: its window, the step's tokens, and one page because
  /// they begin anywhere within a page. None is enough without a window: then
  /// INT64_MAX.
  int64_t ringPages(const TableLimits &table, int64_t step) const {
    return table.window ? wholePages(table.window + step) + 1 : INT64_MAX;
  }
};

/// Checks that the compiled code can run `batch` without reading or writing
/// anything but what belongs to it.
Status checkBatch(const StepBatch &batch, const StepLimits &limits);

/// A batch as the arrays of plait_input_t. Reused from step to step.
class StepInputs {
public:
  /// Fills the arrays from a checked batch.
  void pack(const StepBatch &batch, const StepLimits &limits);

  /// For other ranks, which fill theirs with it. They take part in the same program
  /// and trust what it says; an error is a message of another size.
  std::vector<uint8_t> serialize() const;
  Status deserialize(std::span<const uint8_t> bytes, size_t tableCount);

  const StepDims &dims() const { return extents; }
  int32_t step() const { return number; }
  /// Whether all leaves choose greedily, from logits as they are.
  bool choosesGreedily() const { return !extents[PLAIT_DIM_DRAWS] && !extents[PLAIT_DIM_EDITS]; }
  std::array<const void *, PLAIT_IN_COUNT> pointers() const;
  /// i32[rows][pages] of each page table.
  const std::vector<std::vector<int32_t>> &pageTables() const { return tables; }

private:
  /// Calls `visit` with each array.
  template <typename Inputs, typename Visit> static void forEachArray(Inputs &inputs, Visit visit);

  StepDims extents{};
  int32_t number = 0; ///< of the step
  std::vector<int32_t> tokens, positions, tokenRows, pathEnds, paths, leaves, topK, stops, editEnds, editTokens,
      topCounts, parents, next;
  std::vector<std::vector<int32_t>> tables;
  std::vector<float> temperature, topP, minP, editBiases, editScales, editOffsets, hidden;
  std::vector<int64_t> seed, sequence;
};

} // namespace plait

#endif // PLAIT_RUNTIME_CORE_STEPINPUTS_H
