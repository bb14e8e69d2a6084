//===- OverlapSites.h - What a fused sum saves ------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Predictions for par.reduce_gather, by event lists (docs/overlap.md): what the sum and the rows
// behind it take as one, and as an all-reduce after which every device computes all rows.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_COST_OVERLAPSITES_H
#define PLAIT_COST_OVERLAPSITES_H

#include "plait/Timeline/Schedules.h"

#include "dialects/Par/Par.h"

namespace plait {

/// What a step is to be good for: so many sequences at once, each a prompt of so many tokens and
/// an answer of so many.
struct OverlapLoad {
  int64_t sequences = 1, prompt = 512, answer = 128;
};

/// Seconds of the load, in all layers.
struct SiteTimes {
  double before = 0, after = 0;
};

/// The times of `fused`, whose devices are those of `machine` in order.
SiteTimes predictSite(par::ReduceGatherOp fused, const timeline::Machine &machine, const OverlapLoad &load);

/// "all_reduce, add, rms_norm": what `fused` consists of, for people.
std::string getSiteText(par::ReduceGatherOp fused);

} // namespace plait

#endif // PLAIT_COST_OVERLAPSITES_H
