//===- Schedules.h - Event lists that overlap more --------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rewrites of a list whose events follow each other on each rank, as joinRanks makes it. They
// compose: what is known as TokenWeave is fuseEpilogues and then splitTokens; a product with
// all-reduce, residual and norm by tiles is fuseEpilogues and then tileProducts.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TIMELINE_SCHEDULES_H
#define PLAIT_TIMELINE_SCHEDULES_H

#include "plait/Timeline/Predict.h"

namespace plait::timeline {

/// What follows a sum of n ranks row by row on all of them becomes part of it: each rank computes an
/// n-th of the rows between their sum and their distribution. One kernel in the place of several.
EventList fuseEpilogues(const EventList &list);

/// The first tokens of `step`, and the others. With one row these come later in the same sequence and see the
/// first; with several rows (tokens = rows) each part has some sequences.
std::pair<Extents, Extents> splitExtents(const Extents &step, double first);

/// Computes the first and the second part of the tokens in turn, from exchange to exchange, so that what
/// one part exchanges runs beside what the other computes. What does not grow with tokens is done once,
/// behind both.
EventList splitTokens(const EventList &list, const Extents &step, double first);

/// Exchanges run beside the events that do not wait for them, as models with a delayed residual have them
/// (Ladder Residual, arXiv 2501.06589).
EventList startAhead(const EventList &list);
/// Whether that is so of most exchanges of layers, beside a product.
bool leavesTime(const EventList &list);

/// A product and the sum that follows it at once, or parts that are gathered and the product that
/// follows, go on tile by tile, in `tiles` blocks of rows: one kernel each.
EventList tileProducts(const EventList &list, int tiles);

/// Whether a rewrite is worth it.
struct Decision {
  bool isApplied = false;
  double gain = 0; ///< time before over time after, less 1
  std::string reason;
};

/// It is if the gain is above 3 % and above twice the error of the machine's predictions.
Decision guardFusion(double secondsBefore, double secondsAfter, const Machine &machine);

/// One way to run a step.
struct Alternative {
  std::string name;
  EventList list;
  Prediction prediction;
  Decision decision; ///< against the best of those before that are applied
};

/// The list as it is, with exchanges beside what does not wait for them, with fused epilogues, in tiles, with both, and
/// with fused epilogues and split tokens; parts are multiples of the machine's rows per tile, tiles at least half of
/// one. Those that change nothing, or that have too few tokens, are left out.
Expected<std::vector<Alternative>> compareSchedules(const EventList &list, const Machine &machine, const Extents &step);

/// The last that is applied.
size_t getChosen(const std::vector<Alternative> &alternatives);

} // namespace plait::timeline

#endif // PLAIT_TIMELINE_SCHEDULES_H
