//===- CudaFiles.h - PTX and cubins of a model's kernels --------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_LIB_DRIVER_CUDAFILES_H
#define PLAIT_LIB_DRIVER_CUDAFILES_H

#include "plait/Driver/Compile.h"
#include "plait/Target/CudaMachine.h"

#include "mlir/IR/BuiltinOps.h"

namespace plait {

/// Of `module`, which is after the cuda phase, writes NAME.ptx of each kernel into the folder
/// `options.output`; with --stop-after=cubin also NAME.cubin, and resources.txt, a table of
/// what each function takes of a GPU. Says by `options.log` which kernels have no code, and what
/// ptxas warns of.
Status writeCudaFiles(mlir::ModuleOp module, const CudaMachine &machine, const CompileOptions &options);

} // namespace plait

#endif // PLAIT_LIB_DRIVER_CUDAFILES_H
