//===- EvaluateRanks.h - Reference evaluation of all ranks ------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs the partitioned programs of all ranks in lockstep: where one reaches a collective
// it waits until the others of its group have. What comes out is compared with the program
// of one rank, without a runtime and without a lowering.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_ANALYSIS_EVALUATERANKS_H
#define PLAIT_ANALYSIS_EVALUATERANKS_H

#include "plait/Analysis/Evaluate.h"

namespace plait {

/// Block and arguments of each rank's program; their numbers are the mesh's. Returns what each
/// block yields. Fails, with a diagnostic, where a rank fails, where those who meet are at
/// different collectives, and where all wait.
llvm::FailureOr<std::vector<std::vector<EvalValue>>> evaluateRanks(llvm::ArrayRef<mlir::Block *> blocks,
                                                                   std::vector<std::vector<EvalValue>> arguments,
                                                                   WeightSource &weights);

} // namespace plait

#endif // PLAIT_ANALYSIS_EVALUATERANKS_H
