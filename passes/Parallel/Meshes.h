//===- Meshes.h - Which mesh is meant ---------------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_PARALLEL_MESHES_H
#define PLAIT_PASSES_PARALLEL_MESHES_H

#include "dialects/Par/Par.h"

#include "mlir/IR/BuiltinOps.h"

namespace plait {

/// The mesh of `module` that is called `name`, or with an empty name the only one. Else an
/// error at the module.
FailureOr<par::MeshOp> findMesh(ModuleOp module, StringRef name);

/// The machine that has the devices of `mesh`, or null.
par::MachineOp findMachine(par::MeshOp mesh);

} // namespace plait

#endif // PLAIT_PASSES_PARALLEL_MESHES_H
