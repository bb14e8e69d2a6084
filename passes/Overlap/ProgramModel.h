//===- ProgramModel.h - An overlap program on all ranks ---------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What all ranks do in some epochs, with every rank, tile, index and slot a number: a list of
// steps, each of which takes effect at once. Of a rank only that is ordered which hardware
// orders (OverlapDialect.td); what ranks order by counters is for those to find out who use
// the model: the analyses of plait-verify-overlap and the executions of plait-check-overlap.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_OVERLAP_PROGRAMMODEL_H
#define PLAIT_PASSES_OVERLAP_PROGRAMMODEL_H

#include "dialects/Overlap/Overlap.h"

#include <map>
#include <vector>

namespace plait {

enum class StepKind { compute, put, add, load, arrive, wait, quiet, fork, join, finish };

/// A box of a buffer's slot in the memory of a rank.
struct Access {
  unsigned buffer = 0;
  int64_t rank = 0, slot = 0;
  SmallVector<int64_t> begin, size;

  bool isSamePlace(const Access &other) const {
    return buffer == other.buffer && rank == other.rank && slot == other.slot;
  }
  bool overlaps(const Access &other) const;
  bool contains(const Access &other) const;
};

/// One thing that a rank does. Steps, values and counters are named by numbers.
struct Step {
  StepKind kind;
  Operation *op;
  int64_t rank, epoch;
  SmallVector<unsigned> after;         ///< steps that take effect before, by the rank's own order
  Access access;                       ///< of put, add and load
  SmallVector<unsigned> uses, defines; ///< values
  SmallVector<unsigned> cells;         ///< counters that are waited for (one) or arrived at
  bool isRelaxed = false;              ///< of arrive and wait: orders nothing
  bool isAsync = false;                ///< of put and add
  bool isTokenless = false;            ///< of a load in a region
  bool isMarked = false;               ///< of publish (put), poll (load) and clear (put)
  int64_t ahead = 0;                   ///< of clear: epochs to the one whose slot it is in

  bool isPublish() const { return isMarked && kind == StepKind::put && !uses.empty(); }
  bool isClear() const { return isMarked && kind == StepKind::put && uses.empty(); }
  bool isPoll() const { return isMarked && kind == StepKind::load; }

  bool isWrite() const { return kind == StepKind::put || kind == StepKind::add; }
  bool isAccess() const { return isWrite() || kind == StepKind::load; }
};

/// One index of a counter on one rank.
struct CounterCell {
  overlap::TrackOp op;
  int64_t rank;
  SmallVector<int64_t> index;
  int64_t expected; ///< arrivals per epoch; -1 if they are known at run time only
};

struct ProgramModel {
  overlap::ProgramOp program;
  int64_t ranks = 0, epochs = 0;
  std::vector<overlap::AllocOp> buffers;
  std::vector<CounterCell> cells;
  std::vector<Step> steps;
  unsigned values = 0;
  std::map<unsigned, Attribute> constants;                   ///< values that are known
  std::vector<std::vector<SmallVector<unsigned>>> arguments; ///< [epoch][rank]: values

  overlap::ProgramOp getProgram() const { return program; }
  overlap::AllocOp getBuffer(const Step &step) const { return buffers[step.access.buffer]; }
  overlap::BufferType getBufferType(unsigned buffer) const {
    return overlap::AllocOp(buffers[buffer]).getResult().getType();
  }
  overlap::TrackOp getCounter(unsigned cell) const { return cells[cell].op; }
  /// "rank 1, epoch 0" for messages.
  std::string describe(const Step &step) const;
  /// "[1, 0] on rank 1", a counter.
  std::string describe(unsigned cell) const;
};

/// Which way conditions go that follow from replicated arguments alone: the same on all ranks.
struct UniformChoices {
  SmallVector<std::pair<Value, bool>> made;

  /// The next ones, of all that there are; false if these were the last.
  bool advance();
  /// What has been decided of `condition`; if nothing has, that it holds.
  bool choose(Value condition);
};

/// Follows `program` for some epochs. Fails, with a diagnostic, where what runs cannot be
/// followed, or may differ between ranks. Unless it `reusesSlots` each epoch has one of its own.
FailureOr<ProgramModel> buildProgramModel(overlap::ProgramOp program, int64_t epochs, UniformChoices &choices,
                                          bool reusesSlots = true);

/// The largest number of slots of a buffer in `program`.
int64_t getMaxSlots(overlap::ProgramOp program);

} // namespace plait

#endif // PLAIT_PASSES_OVERLAP_PROGRAMMODEL_H
