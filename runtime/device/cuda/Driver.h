//===- Driver.h - The CUDA driver, found when it is needed ------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// libcuda.so.1 is loaded when a model with code for a GPU is opened to run, so that nothing of
// CUDA is needed to build Plait or to run what has none. Types and numbers are those of
// "CUDA Driver API", under names of our own.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_DEVICE_CUDA_DRIVER_H
#define PLAIT_RUNTIME_DEVICE_CUDA_DRIVER_H

#include "runtime/base/Status.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace plait::cuda {

using Result = int;       // CUresult
using DeviceNumber = int; // CUdevice
using Address = uint64_t; // CUdeviceptr
using Context = struct ContextHandle *;
using Stream = struct StreamHandle *;
using Event = struct EventHandle *;
using Module = struct ModuleHandle *;
using Function = struct FunctionHandle *;
using Graph = struct GraphHandle *;
using GraphExec = struct GraphExecHandle *;

/// CUtensorMap: what TMA is told of a matrix.
struct alignas(64) TensorMap {
  uint64_t words[16];
};

/// CUDA_MEMCPY2D, all in the GPU's memory.
struct Copy2D {
  size_t fromColumn = 0, fromRow = 0;
  int fromKind = kDeviceMemory;
  const void *fromHost = nullptr;
  Address from = 0;
  void *fromArray = nullptr;
  size_t fromPitch = 0;
  size_t toColumn = 0, toRow = 0;
  int toKind = kDeviceMemory;
  void *toHost = nullptr;
  Address to = 0;
  void *toArray = nullptr;
  size_t toPitch = 0;
  size_t width = 0, height = 0;

  static constexpr int kDeviceMemory = 2; // CU_MEMORYTYPE_DEVICE
};
static_assert(sizeof(TensorMap) == 128 && sizeof(Copy2D) == 128);

inline constexpr Result kSuccess = 0, kOutOfMemory = 2, kNoDevice = 100, kNoBinaryForGpu = 209, kNotReady = 600;
inline constexpr int kMajorCapability = 75, kMinorCapability = 76; // CUdevice_attribute
inline constexpr int kProcessors = 16, kThreadsOfProcessor = 39, kSharedOfProcessor = 81, kRegistersOfProcessor = 82,
                     kBlocksOfProcessor = 106;             // likewise, of an SM and how many of them there are
inline constexpr int kRegistersOfThread = 4;               // CUfunction_attribute
inline constexpr int kMaxDynamicShared = 8, kCarveout = 9; // likewise
inline constexpr unsigned kNonBlocking = 1;                // CUstream_flags
inline constexpr unsigned kNoTiming = 2;                   // CUevent_flags
inline constexpr unsigned kPortable = 1;                   // CU_MEMHOSTALLOC_PORTABLE
inline constexpr int kCaptureThread = 1;                   // CUstreamCaptureMode: of this thread
inline constexpr int kBf16Elements = 9;                    // CUtensorMapDataType
inline constexpr int kSwizzle128 = 3, kPromoteL2256 = 3;   // CUtensorMapSwizzle, CUtensorMapL2promotion

struct DriverApi {
#define PLAIT_CUDA_CALL(name, symbol, parameters) Result(*name) parameters = nullptr;
#include "runtime/device/cuda/DriverApi.def"
#undef PLAIT_CUDA_CALL
};

class Driver {
public:
  /// The driver of this machine: libcuda.so.1, or the file in $PLAIT_CUDA_DRIVER. An error
  /// says what is missing.
  static Expected<std::shared_ptr<const Driver>> load();
  ~Driver();
  Driver(const Driver &) = delete;

  const DriverApi *operator->() const { return &api; }
  const DriverApi &table() const { return api; }
  /// The error that `call` returned for `what`, with what to do about it.
  Status error(Result result, const char *call, const std::string &what) const;
  Status check(Result result, const char *call, const char *what) const {
    return result == kSuccess ? Status::success() : error(result, call, what);
  }

private:
  Driver() = default;
  void *library = nullptr;
  DriverApi api;
};

} // namespace plait::cuda

#endif // PLAIT_RUNTIME_DEVICE_CUDA_DRIVER_H
