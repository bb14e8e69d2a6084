//===- CudaProtocolCases.h - Protocols for a machine with a GPU -*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Programs as test/unit/gpu/VirtualRanks.h runs them: NAME-RANKS.json, and an image of their functions. If
// $PLAIT_GPU_PROTOCOLS names a folder, a test leaves all of them there as cubins.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TEST_UNIT_COMPILER_CUDAPROTOCOLCASES_H
#define PLAIT_TEST_UNIT_COMPILER_CUDAPROTOCOLCASES_H

#include "CudaProtocol.h"

#include "plait/Target/Ptx.h"
#include "runtime/base/Json.h"

#include <functional>

namespace plait::test {

struct CudaProtocolCase {
  std::string name, text;
  int64_t ranks;
  /// As ProtocolCase reads them (test/unit/gpu/ProtocolCase.h).
  std::vector<Json> arguments, results;
  std::function<void(mlir::PassManager &)> write = [](mlir::PassManager &) {};
};

/// All programs that there are for so many ranks.
std::vector<CudaProtocolCase> cudaProtocolCases(int64_t ranks);

/// Compiles it for sm_90a, and writes FOLDER/NAME-RANKS.json and .image, which `assemble` makes. The path without
/// ending.
std::string writeCudaProtocolCase(const CudaProtocolCase &protocol, const std::string &folder,
                                  llvm::function_ref<Expected<Cubin>(mlir::gpu::GPUModuleOp)> assemble,
                                  const char *fault = nullptr, const std::string &multicast = "loop");

} // namespace plait::test

#endif // PLAIT_TEST_UNIT_COMPILER_CUDAPROTOCOLCASES_H
