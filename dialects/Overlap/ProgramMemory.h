//===- ProgramMemory.h - Where a program's memory lies ----------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lowerings put buffers and counters of a program into one piece of memory of each rank, the same for all ranks
// and epochs.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECTS_OVERLAP_PROGRAMMEMORY_H
#define PLAIT_DIALECTS_OVERLAP_PROGRAMMEMORY_H

#include "dialects/Overlap/Overlap.h"

namespace plait::overlap {

struct ProgramMemory {
  explicit ProgramMemory(ProgramOp program);
  /// Bytes of one slot of a buffer: all slots begin at multiples of 1024.
  static int64_t slotBytes(BufferType type);
  /// Slots that epochs take turns at: as many as the buffer has, or more, so that they divide 2^32, where the numbers
  /// of epochs wrap around. A program that is right with fewer is right with more.
  static int64_t countSlots(BufferType type) { return int64_t(llvm::PowerOf2Ceil(uint64_t(type.getSlots()))); }

  /// Of `overlap.alloc`; of `overlap.track`, an i32 for each index; of `overlap.trigger`, an i32 for each index that
  /// tells how many epochs have begun with it. Counters do not share lines with others.
  llvm::DenseMap<mlir::Operation *, int64_t> offsets;
  int64_t bytes = 0;
};

} // namespace plait::overlap

#endif // PLAIT_DIALECTS_OVERLAP_PROGRAMMEMORY_H
