//===- Machine.h - The machine that a model is compiled for -----*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_LIB_DRIVER_MACHINE_H
#define PLAIT_LIB_DRIVER_MACHINE_H

#include "dialects/Par/Par.h"
#include "runtime/base/Mesh.h"
#include "runtime/base/Status.h"

#include "mlir/IR/BuiltinOps.h"

namespace plait {

/// Reads the file of --machine, which holds one `par.machine` with a device for each rank of
/// `mesh`, and puts it into `module`, which has none.
Status addMachine(ModuleOp module, const std::string &path, const Mesh &mesh);

} // namespace plait

#endif // PLAIT_LIB_DRIVER_MACHINE_H
