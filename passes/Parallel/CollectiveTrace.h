//===- CollectiveTrace.h - What ranks do with each other --------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A proof that the programs of several ranks fit together. What each does with others is
// written down in order, loops over layers unrolled, and then all are run against each
// other: a collective goes on when all of its group have come to the same one, and a send
// when its peer receives. If all come to their ends so, they do in every run, as nothing
// of it depends on data.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_PARALLEL_COLLECTIVETRACE_H
#define PLAIT_PASSES_PARALLEL_COLLECTIVETRACE_H

#include "dialects/Par/Par.h"

#include "mlir/IR/BuiltinOps.h"

namespace plait {

/// One collective of a rank.
struct CollectiveEvent {
  Location loc;
  std::string name;             ///< of the op
  std::string what;             ///< all that its group has to have in common
  SmallVector<int64_t> members; ///< ranks of the mesh
  int64_t sendsTo = -1, receivesFrom = -1;
};

/// The collectives of a step on one rank.
struct CollectiveTrace {
  int64_t rank;
  std::string step;
  Location loc;
  std::vector<CollectiveEvent> events;
  std::vector<std::pair<size_t, int64_t>> order; ///< events, and the layer that each is of
};

/// Of each step of `program`, which is one rank's.
std::vector<CollectiveTrace> traceCollectives(ModuleOp program);

/// Fails, with a diagnostic that names two ranks and what each is at, if the ranks' steps do
/// not fit together. `traces` are those of each rank.
LogicalResult proveCollectives(ArrayRef<std::vector<CollectiveTrace>> ranks);

} // namespace plait

#endif // PLAIT_PASSES_PARALLEL_COLLECTIVETRACE_H
