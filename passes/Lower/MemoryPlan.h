//===- MemoryPlan.h - Buffers of a step's values ----------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_LOWER_MEMORYPLAN_H
#define PLAIT_PASSES_LOWER_MEMORYPLAN_H

#include "dialects/Decode/Decode.h"
#include "dialects/Kernel/Kernel.h"
#include "dialects/Par/Par.h"
#include "dialects/Rt/Rt.h"

namespace plait {

/// Gives every value of a step its buffers: an input or output of the ABI, a
/// state with its page table, or an arena slot.
class MemoryPlan {
public:
  struct Buffer {
    rt::ArgKind kind;
    int64_t index;
    bool operator==(const Buffer &) const = default;
  };
  /// Bytes of a slot: per unit of one extent (or constant if `dim` < 0). Those that threads have copies of hold nothing
  /// else, so that a copy takes no more than it must.
  struct Slot {
    int dim;
    int64_t bytes;
    bool copies;
  };

  /// Plans `step`; errors are reported at the op that does not fit.
  static FailureOr<MemoryPlan> create(decode::StepOp step);

  /// The buffers of a launch's argument or result, in the order of the ABI
  /// (kernel::getArgumentBuffers, getResultBuffers). Weights are not values of
  /// the plan and have none.
  ArrayRef<Buffer> getBuffers(Value value) const;
  ArrayRef<Slot> getSlots() const { return slots; }

private:
  DenseMap<Value, SmallVector<Buffer, 2>> buffers;
  SmallVector<Slot> slots;
  friend class MemoryPlanner;
};

} // namespace plait

#endif // PLAIT_PASSES_LOWER_MEMORYPLAN_H
