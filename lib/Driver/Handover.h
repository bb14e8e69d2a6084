//===- Handover.h - What goes from prefill to decode -------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The plan by which keys and values of a sequence go from the ranks that have computed
// its prompt to those that go on from there: IR for people (handover.mlir), and the table
// that the runtime follows ("handover" of manifest.json, see runtime/core/HandoverPlan.h).
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_LIB_DRIVER_HANDOVER_H
#define PLAIT_LIB_DRIVER_HANDOVER_H

#include "runtime/base/Json.h"

#include "mlir/IR/BuiltinOps.h"

#include <string>

namespace plait {

/// Adds to `phases` the mesh and the 'par.phase' of `program`, that of a rank after the
/// parallel phase.
void addPhase(mlir::ModuleOp phases, mlir::ModuleOp program);

/// The table of the 'par.handover' in `phases`, which plait-insert-kv-reshard has added.
Json describeHandover(mlir::ModuleOp phases);

} // namespace plait

#endif // PLAIT_LIB_DRIVER_HANDOVER_H
