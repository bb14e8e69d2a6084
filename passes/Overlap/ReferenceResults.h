//===- ReferenceResults.h - What an overlap program should give -*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_OVERLAP_REFERENCERESULTS_H
#define PLAIT_PASSES_OVERLAP_REFERENCERESULTS_H

#include "passes/Overlap/Execution.h"

namespace plait {

/// Random integers as arguments of each epoch and rank, and what the function gives that
/// `program` implements, evaluated on all ranks in lockstep.
FailureOr<RunValues> makeRunValues(overlap::ProgramOp program, int64_t epochs, uint64_t seed);

} // namespace plait

#endif // PLAIT_PASSES_OVERLAP_REFERENCERESULTS_H
