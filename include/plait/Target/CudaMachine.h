//===- CudaMachine.h - What a CUDA target is compiled for -------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TARGET_CUDAMACHINE_H
#define PLAIT_TARGET_CUDAMACHINE_H

#include "runtime/base/Status.h"

#include <cstdint>
#include <string>

namespace plait {

/// What multiplies matrices: mma.sync, by warps that load registers (every target), or
/// wgmma, by groups of four warps that read shared memory which TMA has filled.
enum class MatrixUnit { mma, wgmma };

/// A compute capability that kernels are compiled for. "a" in a name: with the
/// instructions that only this one architecture has, so that its code runs on no other.
struct CudaMachine {
  std::string name;     ///< behind "cuda:", as ptxas calls it: sm_90a
  std::string features; ///< LLVM's: the version of PTX that is asked for, "+ptx80"
  MatrixUnit unit = MatrixUnit::mma;
  /// Shared memory that a block may have, in bytes (CUDA C++ Programming Guide,
  /// "Technical Specifications per Compute Capability").
  int64_t sharedBytes = 0;
  /// Streaming multiprocessors of the largest GPU of the kind (NVIDIA's whitepapers: A100, H100
  /// and H200 SXM, B200).
  int64_t processors = 0;
};

/// Whether `spec` begins with "cuda:".
bool isCudaTarget(const std::string &spec);

/// `spec`: a name of docs/cuda.md behind "cuda:".
Expected<CudaMachine> resolveCudaMachine(const std::string &spec);

/// What `spec` may be, for texts: "cuda:sm_80, cuda:sm_90a or cuda:sm_100a".
std::string cudaMachineNames();

} // namespace plait

#endif // PLAIT_TARGET_CUDAMACHINE_H
