//===- AlgorithmPrograms.h - Programs of sums, by algorithm ---*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_OVERLAP_ALGORITHMPROGRAMS_H
#define PLAIT_PASSES_OVERLAP_ALGORITHMPROGRAMS_H

#include "passes/Overlap/FusedSite.h"
#include "passes/Overlap/ProgramWriter.h"

namespace plait {

/// Whether with `algorithm` each rank has and computes all rows (FusedSite::isWhole).
inline bool computesAllRows(par::SumAlgorithm algorithm) {
  return algorithm == par::SumAlgorithm::one_shot || algorithm == par::SumAlgorithm::lamport;
}

/// Workers that a program takes of a rank whose sums go on `options.workers` and `options.commWorkers`.
int64_t countWorkers(par::SumAlgorithm algorithm, int64_t ranks, const ProtocolOptions &options);

/// The program that carries out `site` by `algorithm`, at the end of `module`, in natural order. By `two_shot` it has
/// tiles of so many rows, and of columns of its product, as `options` say; the others go row by row, without products.
overlap::ProgramOp buildProgram(ModuleOp module, const FusedSite &site, const ProtocolOptions &options,
                                par::SumAlgorithm algorithm);

} // namespace plait

#endif // PLAIT_PASSES_OVERLAP_ALGORITHMPROGRAMS_H
