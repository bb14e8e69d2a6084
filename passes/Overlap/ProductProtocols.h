//===- ProductProtocols.h - Products and collectives by tiles -----*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_OVERLAP_PRODUCTPROTOCOLS_H
#define PLAIT_PASSES_OVERLAP_PRODUCTPROTOCOLS_H

#include "passes/Overlap/ProductSite.h"
#include "passes/Overlap/ProgramWriter.h"

namespace plait {

/// The program of `site`, at the end of `module`, in natural order, with two slots of each buffer.
///
/// Of a scattered sum: tiles are stored in the rank's own memory and counted by blocks of rows, for each rank by
/// itself, as one may be an epoch ahead; the owner of a block for which all have come adds it up in the order of ranks.
/// Of a gathering: a rank stores its blocks of rows in the memory of all; tiles of products wait for theirs.
///
/// A rank is not told when others have read what it stored. But it ends an epoch only when all others have begun with
/// that, and so have ended the one before: hence the two slots.
overlap::ProgramOp buildProductProtocol(ModuleOp module, const ProductSite &site, const ProtocolOptions &options);

} // namespace plait

#endif // PLAIT_PASSES_OVERLAP_PRODUCTPROTOCOLS_H
