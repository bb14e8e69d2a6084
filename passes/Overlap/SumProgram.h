//===- SumProgram.h - What programs of a fused sum share ------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_OVERLAP_SUMPROGRAM_H
#define PLAIT_PASSES_OVERLAP_SUMPROGRAM_H

#include "passes/Overlap/FusedSite.h"
#include "passes/Overlap/ProgramWriter.h"

namespace plait {

/// Writes a program of a fused sum. How the sum is taken is `writeSum`.
class SumProgram : public ProgramWriter {
public:
  SumProgram(ModuleOp module, const FusedSite &site, const ProtocolOptions &options)
      : ProgramWriter(module, site.op, options), site(site) {}
  /// The program, whose name tells of `algorithm`, and the function that it implements, at the end of the module.
  overlap::ProgramOp write(par::SumAlgorithm algorithm);

protected:
  /// Puts all rows into `gathered`, and by `compute` what is kept of the rank's own.
  virtual void writeSum() = 0;
  SmallVector<Value> writeBody() final;

  /// Of rows of the sum.
  Value alloc(int64_t rows, int64_t slots = 1) { return ProgramWriter::alloc(site.getType(rows, site.columns), slots); }
  /// The ops on the tile of the sum whose first row is `row`. Returns what is gathered, and puts into `keptViews` what
  /// is kept.
  Value compute(Value sum, Value row);

  const FusedSite &site;
  Value firstOwn; ///< row; null: the rank computes all
  Value gathered; ///< buffer of all rows
  SmallVector<Value> keptViews;
};

} // namespace plait

#endif // PLAIT_PASSES_OVERLAP_SUMPROGRAM_H
