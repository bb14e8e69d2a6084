//===- ModelCost.h - Symbolic cost of a piece of a model --------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_ANALYSIS_MODELCOST_H
#define PLAIT_ANALYSIS_MODELCOST_H

#include "plait/Support/Cost.h"

#include "mlir/IR/Operation.h"
#include "mlir/IR/Region.h"

namespace plait {

/// The cost of one execution of `op` with all that it runs: its own, that of
/// its regions (lm.layers: once per layer) and that of a function it calls. Ops
/// without CostOpInterface cost nothing.
Cost getTotalCost(mlir::Operation *op);

/// The sum over the ops of a region.
Cost getTotalCost(mlir::Region &region);

} // namespace plait

#endif // PLAIT_ANALYSIS_MODELCOST_H
