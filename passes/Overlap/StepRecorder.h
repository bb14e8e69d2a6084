//===- StepRecorder.h - Writes down the steps of a program ------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The only place that knows which steps of one worker take effect in order.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_OVERLAP_STEPRECORDER_H
#define PLAIT_PASSES_OVERLAP_STEPRECORDER_H

#include "passes/Overlap/ProgramModel.h"

namespace plait {

/// The model, and what its numbers stand for.
class StepRecorder {
public:
  StepRecorder(overlap::ProgramOp program, int64_t epochs) {
    model.program = program;
    model.ranks = program.countRanks();
    model.epochs = epochs;
  }

  ProgramModel model;
  std::vector<unsigned> definedBy; ///< the step that defines a value; ~0u: none

  unsigned nameBuffer(overlap::AllocOp op);
  unsigned nameCounter(overlap::TrackOp op);
  int64_t countIndices(unsigned counter) const { return counters[counter].second; }
  /// Whether `rank` waits for an index.
  bool isOwner(unsigned counter, int64_t index, int64_t rank) const;
  unsigned getCell(unsigned counter, int64_t index, int64_t rank) const {
    return unsigned(counters[counter].first + rank * counters[counter].second + index);
  }

private:
  DenseMap<Operation *, unsigned> names;
  std::vector<std::pair<int64_t, int64_t>> counters; ///< first cell, and cells of a rank
};

/// The number of `index` in each dimension.
SmallVector<int64_t> getIndices(ArrayRef<int64_t> extents, int64_t index);
/// Steps of one worker, in program order.
class StepSequence {
public:
  /// Begins after step `begin`, if there is one.
  StepSequence(StepRecorder &recorder, int64_t rank, int64_t epoch, std::optional<unsigned> begin)
      : recorder(recorder), rank(rank), epoch(epoch), fence(begin) {}

  Step make(StepKind kind, Operation *op) const { return Step{kind, op, rank, epoch, {}, {}, {}, {}, {}}; }
  /// Puts `step` in order. Returns its number.
  unsigned add(Step step) {
    Step steps[] = {std::move(step)};
    return add(MutableArrayRef<Step>(steps));
  }
  /// The same of steps that have no order among each other. Returns the number of the first.
  unsigned add(MutableArrayRef<Step> steps);
  /// A step before which all others of the sequence take effect, and `others` as well, and
  /// after which all that follow do.
  void addFence(StepKind kind, Operation *op, ArrayRef<unsigned> others = {}, ArrayRef<unsigned> uses = {});

  std::optional<unsigned> getFence() const { return fence; }
  ArrayRef<unsigned> getSteps() const { return all; }

private:
  void addOrder(Step &step) const;
  void note(unsigned number);
  unsigned append(Step step);

  StepRecorder &recorder;
  int64_t rank, epoch;
  std::optional<unsigned> fence, lastWait, lastRelease;
  SmallVector<unsigned> all;         ///< since the fence
  SmallVector<unsigned> accesses;    ///< of memory
  SmallVector<unsigned> unreleased;  ///< since the last release, less asynchronous stores
  SmallVector<unsigned> outstanding; ///< asynchronous stores
};

} // namespace plait

#endif // PLAIT_PASSES_OVERLAP_STEPRECORDER_H
