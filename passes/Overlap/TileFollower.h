//===- TileFollower.h - Steps of tiles, as a program is followed -*- C++ -*-==//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_OVERLAP_TILEFOLLOWER_H
#define PLAIT_PASSES_OVERLAP_TILEFOLLOWER_H

#include "passes/Overlap/KnownValues.h"
#include "passes/Overlap/StepRecorder.h"

namespace plait {

/// What ops on memory, counters and tiles do on one rank in one epoch.
class TileFollower : protected KnownValues {
protected:
  TileFollower(overlap::ProgramOp program, int64_t epochs, bool reusesSlots)
      : recorder(program, epochs), reusesSlots(reusesSlots) {}

  LogicalResult visit(overlap::AllocOp op, StepSequence &at);
  LogicalResult visit(overlap::TrackOp op, StepSequence &at);
  LogicalResult visit(overlap::ViewOp op, StepSequence &at);
  LogicalResult visit(overlap::RankOp op, StepSequence &at);
  LogicalResult visit(overlap::NumRanksOp op, StepSequence &at);
  LogicalResult visit(overlap::PutOp op, StepSequence &at);
  LogicalResult visit(overlap::ReduceAddOp op, StepSequence &at);
  LogicalResult visit(overlap::LoadOp op, StepSequence &at);
  LogicalResult visit(overlap::LoadReduceOp op, StepSequence &at);
  LogicalResult visit(overlap::PublishOp op, StepSequence &at);
  LogicalResult visit(overlap::PollOp op, StepSequence &at);
  LogicalResult visit(overlap::ClearOp op, StepSequence &at);
  LogicalResult visit(overlap::QuietOp op, StepSequence &at);
  LogicalResult visit(overlap::ArriveOp op, StepSequence &at);
  LogicalResult visit(overlap::WaitOp op, StepSequence &at);
  LogicalResult visit(overlap::MergeOp op, StepSequence &at);
  /// An op on numbers, or one that computes a tile.
  LogicalResult compute(Operation *op, StepSequence &at);
  unsigned addWait(Operation *op, unsigned counter, int64_t index, bool isRelaxed, StepSequence &at);

  StepRecorder recorder;
  int64_t rank = 0, epoch = 0;

private:
  template <typename Op> LogicalResult store(Op op, StepKind kind, bool isAsync, bool isMarked, StepSequence &at);
  template <typename Op> FailureOr<unsigned> load(Op op, const Access &access, StepSequence &at);
  FailureOr<int64_t> getRank(Operation *op, Value value);
  /// The slot that an epoch has of a buffer.
  int64_t getSlot(unsigned buffer, int64_t ofEpoch) const {
    return reusesSlots ? ofEpoch % recorder.model.getBufferType(buffer).getSlots() : ofEpoch;
  }
  FailureOr<Access> getAccess(Operation *op, Value view, OperandRange offsets, ArrayRef<int64_t> tile);
  /// The number of an index of a counter.
  FailureOr<int64_t> getCell(Operation *op, TypedValue<overlap::CounterType> counter, OperandRange indices);

  bool reusesSlots;
};

} // namespace plait

#endif // PLAIT_PASSES_OVERLAP_TILEFOLLOWER_H
