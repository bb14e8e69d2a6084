//===- Nccl.cpp - NCCL, found when it is needed ---------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/device/cuda/Nccl.h"

#include <cstdlib>

#include <dlfcn.h>

using namespace plait;
using namespace plait::cuda;

Expected<std::shared_ptr<const Nccl>> Nccl::load() {
  const char *path = std::getenv("PLAIT_NCCL");
  std::string name = path && *path ? path : "libnccl.so.2";
  void *library = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (!library) {
    const char *reason = dlerror();
    return unsupported("NCCL: found no library (" + std::string(reason ? reason : name) +
                       "); expected NCCL 2.14 or later; install it, or name its file in PLAIT_NCCL");
  }
  std::shared_ptr<Nccl> nccl(new Nccl);
#define PLAIT_NCCL_CALL(result, member, symbol, parameters)                                                            \
  nccl->api.member = reinterpret_cast<result(*) parameters>(dlsym(library, #symbol));                                  \
  if (!nccl->api.member)                                                                                               \
    return unsupported("NCCL: found a library without " #symbol " (" + name +                                          \
                       "); expected NCCL 2.14 or later; install a newer one");
#include "runtime/device/cuda/NcclApi.def"
#undef PLAIT_NCCL_CALL
  if (NcclResult result = nccl->api.getVersion(&nccl->number); result != kNcclSuccess)
    return nccl->error(result, "ncclGetVersion", name, nullptr);
  if (nccl->number < kNcclLeast)
    return unsupported("NCCL: found " + nameOf(nccl->number) + " (" + name +
                       "); expected 2.14 or later; install a newer one");
  return std::shared_ptr<const Nccl>(std::move(nccl));
}

std::string Nccl::nameOf(int version) {
  return std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." +
         std::to_string(version % 100);
}

static const char *remedyFor(NcclResult result) {
  switch (result) {
  case kNcclCudaError:
  case kNcclSystemError:
    return "run it again with NCCL_DEBUG=WARN, which says what failed, or with PLAIT_GPU_EXCHANGE=host, which does "
           "without NCCL";
  case kNcclRemoteError:
    return "see what the other ranks say: one of them has failed";
  default:
    return "run it again with NCCL_DEBUG=WARN and report that, or with PLAIT_GPU_EXCHANGE=host, which does without "
           "NCCL";
  }
}

Status Nccl::error(NcclResult result, const char *call, const std::string &what, NcclComm comm) const {
  const char *text = api.getErrorString(result), *last = api.getLastError(comm);
  return resourceError("NCCL: " + what + ": found error " + std::to_string(result) + " (" +
                       (text ? text : "no description") + (last && *last ? std::string("; ") + last : "") + ") from " +
                       call + "; expected success; " + remedyFor(result));
}
