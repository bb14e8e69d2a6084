//===- Analyses.h - What is proved of an overlap program --------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each fails with a diagnostic at one site and notes at the others. Later ones take it that
// those before have succeeded.
//
// One epoch more than slots is enough for all: nothing but the slot and the number that is
// waited for depends on the epoch, so what is ordered across these epochs is so across all.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_OVERLAP_ANALYSES_H
#define PLAIT_PASSES_OVERLAP_ANALYSES_H

#include "passes/Overlap/ProgramModel.h"

#include "llvm/ADT/BitVector.h"

namespace plait {

/// As many arrive at each counter in an epoch as are expected. Fills in what tables say at run
/// time.
LogicalResult verifyBalance(ProgramModel &model);

/// Everything runs to its end. Returns steps in an order in which they may take effect, waits
/// behind all arrivals of their epoch and of those before it.
///
/// One order is as good as all: an arrival never ends what another step could do, so if one
/// run comes to its end all do.
FailureOr<std::vector<unsigned>> proveProgress(const ProgramModel &model);

/// Which steps have taken effect before which, in every run.
class HappensBefore {
public:
  HappensBefore(const ProgramModel &model, ArrayRef<unsigned> order);
  bool isBefore(unsigned a, unsigned b) const { return before[b].test(a); }
  bool areOrdered(unsigned a, unsigned b) const { return isBefore(a, b) || isBefore(b, a); }

private:
  std::vector<llvm::BitVector> before;
};

/// Whoever reads what another has written in the same epoch has waited for it and holds the
/// token.
LogicalResult verifyReads(const ProgramModel &model, const HappensBefore &order);

/// Slots and counters are used again only when those of an epoch before are done with them.
LogicalResult verifyReuse(const ProgramModel &model, const HappensBefore &order);

/// A program's model, and what has been proved of it.
struct ProvedProgram {
  ProgramModel model;
  HappensBefore order;
};

/// `buildProgramModel`, and of that all of the above.
FailureOr<ProvedProgram> proveProgram(overlap::ProgramOp program, int64_t epochs, UniformChoices &choices,
                                      bool reusesSlots = true);

/// Attention of a part of the tokens takes the state that attention of the part before it
/// returns.
LogicalResult verifyTokenOrder(overlap::SplitTokensOp split);

} // namespace plait

#endif // PLAIT_PASSES_OVERLAP_ANALYSES_H
