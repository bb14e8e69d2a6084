//===- PartTime.h - What a part of a region takes -----------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_OVERLAP_PARTTIME_H
#define PLAIT_PASSES_OVERLAP_PARTTIME_H

#include "plait/Timeline/Machine.h"

#include "dialects/Overlap/Overlap.h"

#include <functional>

namespace plait {

/// An overlap.tiles or overlap.trigger: how often a rank runs its body, and what that computes and exchanges.
class RegionPart {
public:
  /// `op` of a program of `ranks` ranks.
  RegionPart(Operation *op, int64_t ranks);

  overlap::PoolAttr getPool() const;
  void setPool(overlap::PoolAttr pool);
  /// More workers have nothing to do.
  int64_t getMostWorkers() const { return std::max<int64_t>(runs, 1); }
  bool multiplies() const { return work.kind == timeline::EventKind::product; }

  /// Predicted seconds with `workers` of the machine's `units`: of what it computes the share that they have, in whole
  /// tiles; or what the exchange takes with so many, if that is longer.
  double getSeconds(const timeline::Machine &machine, int64_t units, int64_t workers) const;
  /// Without a machine: operations if it multiplies, bytes that are exchanged otherwise, by the most that one of so
  /// many workers has.
  double getShare(int64_t workers) const;

  Operation *op;

private:
  void add(Operation &inner, SmallVectorImpl<Value> &weights);
  void exchange(timeline::EventKind kind, double bytes);

  int64_t ranks, runs = 0;
  timeline::Event work; ///< of all runs, of so many tokens as there are rows
  timeline::EventKind exchangeKind = timeline::EventKind::other;
  double exchanged = 0;  ///< bytes of the whole matrix
  double multiplied = 0; ///< operations of products
};

/// So many workers for each part, one at least, and `workers` together at most, that the longest of `seconds` (of a
/// part with a number of workers, which more never make longer) is as short as can be. Nobody gets more than `most` of
/// his or than make him quicker. As many workers as parts at least.
SmallVector<int64_t> splitWorkers(ArrayRef<std::function<double(int64_t)>> seconds, ArrayRef<int64_t> most,
                                  int64_t workers);

} // namespace plait

#endif // PLAIT_PASSES_OVERLAP_PARTTIME_H
