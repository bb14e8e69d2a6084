//===- Ptx.h - From LLVM dialect to PTX and cubins --------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TARGET_PTX_H
#define PLAIT_TARGET_PTX_H

#include "runtime/base/Status.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"

#include <cstdint>
#include <string>
#include <vector>

namespace plait {

/// The PTX of `module` (llvm and nvvm dialect only), for its one #nvvm.target, with LLVM's
/// optimiser.
Expected<std::string> compileToPtx(mlir::gpu::GPUModuleOp module);

/// What a function takes of a GPU, as ptxas -v says it. Bytes are those of a thread, but
/// for `shared`, of a block, without what is dynamic.
struct KernelResources {
  std::string entry;
  int64_t registers = 0, spillStores = 0, spillLoads = 0, stack = 0, shared = 0;
};

struct Cubin {
  std::string bytes;
  std::vector<KernelResources> entries; ///< in the order of their names
  std::vector<std::string> warnings;    ///< of ptxas, a line each
};

/// Assembles `ptx` for `chip` (sm_90a) by ptxas, a program of CUDA 13.0 or later, which is
/// looked for on PATH, then in $CUDA_HOME/bin or, without that variable, in /usr/local/cuda/bin.
Expected<Cubin> assemblePtx(const std::string &ptx, const std::string &chip);

/// What `log`, the output of ptxas -v, says. An error if it is not understood.
Status readPtxasLog(const std::string &log, Cubin &cubin);

} // namespace plait

#endif // PLAIT_TARGET_PTX_H
