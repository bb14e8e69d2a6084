//===- MemoryCheck.h - Refuses what does not fit in memory ------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_CORE_MEMORYCHECK_H
#define PLAIT_RUNTIME_CORE_MEMORYCHECK_H

#include "runtime/base/Status.h"
#include "runtime/core/Instance.h"
#include "runtime/core/Manifest.h"

namespace plait {

/// Whether an instance of `options` on every replica of `model` fits in this machine's
/// memory next to what is there. The error says what each rank needs and what would
/// make it fit, the cheapest first.
Status checkMemory(const Model &model, const InstanceOptions &options);

/// The same for weights that are made rather than mapped, before they are.
Status checkMemoryForWeights(const Manifest &manifest);

/// The most pages of a page table, of `least` to `most`, with which it fits with a
/// fifth of the memory to spare; else `least`.
int64_t pagesThatFit(const Model &model, InstanceOptions options, int64_t least, int64_t most);

/// How many sequences of how many positions an instance is to hold at once.
struct Demand {
  int64_t sequences = 1;
  int64_t positions = 1;      ///< of each, at most
  int64_t totalPositions = 1; ///< of all together, each rounded up to pages
};

/// Pages of each page table for `demand` on an instance of `options`
/// (InstanceOptions::capacityPages), as far as they fit in memory, but enough for one
/// sequence of the demanded length.
int64_t pagesToReserve(const Model &model, const InstanceOptions &options, const Demand &demand);

/// The pages that hold `positions` positions of the model.
int64_t wholePages(const Model &model, int64_t positions);

} // namespace plait

#endif // PLAIT_RUNTIME_CORE_MEMORYCHECK_H
