//===- Nccl.h - NCCL, found when it is needed -------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// libnccl.so.2 is loaded when ranks of a model have a GPU each; nothing needs it to be built, or to run
// otherwise. Types and numbers are those of its nccl.h, under names of our own.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_DEVICE_CUDA_NCCL_H
#define PLAIT_RUNTIME_DEVICE_CUDA_NCCL_H

#include "runtime/device/cuda/Driver.h"

namespace plait::cuda {

using NcclResult = int;                   // ncclResult_t
using NcclComm = struct NcclCommHandle *; // ncclComm_t
struct NcclUniqueId {
  char bytes[128];
};

/// The beginning of ncclConfig_t that NCCL 2.14 had; later ones take the rest from `version`.
struct NcclConfig {
  size_t size = 24;
  unsigned magic = 0xcafebeef;
  unsigned version = 21400;
  int blocking = 0; ///< no call waits for other ranks
};
static_assert(sizeof(NcclUniqueId) == 128 && sizeof(NcclConfig) == 24);

inline constexpr NcclResult kNcclSuccess = 0, kNcclCudaError = 1, kNcclSystemError = 2, kNcclInvalidUsage = 5,
                            kNcclRemoteError = 6, kNcclInProgress = 7;
inline constexpr int kNcclUint8 = 1; // ncclDataType_t
inline constexpr int kNcclLeast = 21400;

struct NcclApi {
#define PLAIT_NCCL_CALL(result, name, symbol, parameters) result(*name) parameters = nullptr;
#include "runtime/device/cuda/NcclApi.def"
#undef PLAIT_NCCL_CALL
};

class Nccl {
public:
  /// libnccl.so.2, or the file in $PLAIT_NCCL. An error says what is missing. It stays loaded, as it has threads.
  static Expected<std::shared_ptr<const Nccl>> load();

  const NcclApi *operator->() const { return &api; }
  /// 22809 is 2.28.9.
  int version() const { return number; }
  static std::string nameOf(int version);
  /// The error that `call` returned for `what`, with what to do about it. `comm` may be null.
  Status error(NcclResult result, const char *call, const std::string &what, NcclComm comm) const;

private:
  Nccl() = default;
  NcclApi api;
  int number = 0;
};

} // namespace plait::cuda

#endif // PLAIT_RUNTIME_DEVICE_CUDA_NCCL_H
