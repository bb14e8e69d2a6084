//===- ProtocolBuilder.h - Programs of fused sums -------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_OVERLAP_PROTOCOLBUILDER_H
#define PLAIT_PASSES_OVERLAP_PROTOCOLBUILDER_H

#include "passes/Overlap/FusedSite.h"

#include "dialects/Overlap/Overlap.h"

namespace plait {

/// Who runs a program, and how a product is cut.
struct ProtocolOptions {
  overlap::Resource resource = overlap::Resource::threads;
  int64_t workers = 2;     ///< of a rank
  int64_t commWorkers = 1; ///< of them those that add up and distribute
  int64_t columnTiles = 1; ///< of a product
  int64_t tileRows = 1;    ///< of a tile, and of what is added up at once: divides a rank's rows
};

/// The program of `site`, at the end of `module`, in natural order: tiles make summands and arrive at the owner of
/// their block of rows; it adds up each block that is complete, computes it and arrives at all; all load it.
overlap::ProgramOp buildProtocol(ModuleOp module, const FusedSite &site, const ProtocolOptions &options);

} // namespace plait

#endif // PLAIT_PASSES_OVERLAP_PROTOCOLBUILDER_H
