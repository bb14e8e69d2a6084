//===- Meshes.cpp - Which mesh is meant -----------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Parallel/Meshes.h"

using namespace plait;

FailureOr<par::MeshOp> plait::findMesh(ModuleOp module, StringRef name) {
  auto meshes = llvm::to_vector(module.getOps<par::MeshOp>());
  if (name.empty() && meshes.size() == 1)
    return meshes.front();
  for (par::MeshOp mesh : meshes)
    if (mesh.getSymName() == name)
      return mesh;
  if (name.empty() && meshes.empty())
    return module.emitError("expected a 'par.mesh' but got none");
  InFlightDiagnostic error = module.emitError("expected ");
  if (name.empty())
    error << "one 'par.mesh', or the option 'mesh' to name one of";
  else
    error << "a 'par.mesh' @" << name << " but got";
  for (par::MeshOp mesh : meshes)
    error << " @" << mesh.getSymName();
  if (meshes.empty())
    error << " none";
  return error;
}

par::MachineOp plait::findMachine(par::MeshOp mesh) {
  if (!mesh.getMachine())
    return nullptr;
  return SymbolTable::lookupNearestSymbolFrom<par::MachineOp>(mesh, mesh.getMachineAttr());
}
