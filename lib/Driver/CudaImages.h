//===- CudaImages.h - Kernels of a GPU as parts of a model binary *- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_LIB_DRIVER_CUDAIMAGES_H
#define PLAIT_LIB_DRIVER_CUDAIMAGES_H

#include "plait/Driver/Compile.h"
#include "plait/Target/CudaMachine.h"
#include "plait/Target/Ptx.h"

#include "dialects/Rt/Rt.h"

#include "mlir/IR/BuiltinOps.h"

namespace plait {

/// What ptxas says of entry `entry`, or an error if it says nothing.
Expected<KernelResources> resourcesOf(const Cubin &cubin, rt::EntryAttr entry);

/// Puts the image of each gpu.module of `module`, which is after the cuda phase, and what its
/// entries take into its `rt.kernel`, and removes the gpu.module. Says by `options.log` what
/// the assembler warns of, and how long it took.
Status makeCudaImages(mlir::ModuleOp module, const CudaMachine &machine, const CompileOptions &options);

} // namespace plait

#endif // PLAIT_LIB_DRIVER_CUDAIMAGES_H
