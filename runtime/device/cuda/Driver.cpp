//===- Driver.cpp - The CUDA driver, found when it is needed --------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/device/cuda/Driver.h"

#include <cstdlib>

#include <dlfcn.h>

using namespace plait;
using namespace plait::cuda;

Expected<std::shared_ptr<const Driver>> Driver::load() {
  const char *path = std::getenv("PLAIT_CUDA_DRIVER");
  std::string name = path && *path ? path : "libcuda.so.1";
  std::shared_ptr<Driver> driver(new Driver);
  driver->library = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!driver->library) {
    const char *reason = dlerror();
    return unsupported("CUDA: found no driver (" + std::string(reason ? reason : name) +
                       "); expected a machine with an NVIDIA GPU and its driver; run the model there, or compile it "
                       "for this machine's CPU (--target cpu)");
  }
  auto find = [&](const char *symbol) -> void * { return dlsym(driver->library, symbol); };
#define PLAIT_CUDA_CALL(member, symbol, parameters)                                                                    \
  driver->api.member = reinterpret_cast<Result(*) parameters>(find(#symbol));                                          \
  if (!driver->api.member)                                                                                             \
    return unsupported("CUDA: found a driver without " #symbol " (" + name +                                           \
                       "); expected that of CUDA 12.0 or later; update the GPU's driver");
#include "runtime/device/cuda/DriverApi.def"
#undef PLAIT_CUDA_CALL
  if (Result result = driver->api.init(0); result == kNoDevice)
    return unsupported("CUDA: found no GPU; expected one; run the model on a machine with an NVIDIA GPU, or compile it "
                       "for this machine's CPU (--target cpu)");
  else if (result != kSuccess)
    return driver->error(result, "cuInit", "the driver");
  return std::shared_ptr<const Driver>(std::move(driver));
}

Driver::~Driver() {
  if (library)
    dlclose(library);
}

/// What to do about an error, by its name: numbers of "CUDA Driver API", CUresult.
static const char *remedyFor(Result result) {
  switch (result) {
  case kOutOfMemory:
    return "use a shorter context, a smaller batch or a smaller model, or end other programs on the GPU";
  case kNoBinaryForGpu:
    return "compile the model for this GPU";
  case 3:   // not initialised
  case 802: // not yet initialised
  case 803: // driver and kernel module differ
  case 999: // unknown
    return "see whether nvidia-smi finds the GPU; restart the machine if it was updated";
  case 700: // illegal address
  case 702: // timeout
  case 714: // hardware stack
  case 715: // illegal instruction
  case 716: // misaligned address
  case 717: // address space
  case 718: // program counter
  case 719: // launch failed
    return "run it again with PLAIT_CUDA_CHECK=1, which finds the launch, and report that";
  case 214: // uncorrectable ECC error
  case 720: // contained
    return "the GPU's memory has failed; use another GPU";
  default:
    return "restart the program";
  }
}

Status Driver::error(Result result, const char *call, const std::string &what) const {
  const char *name = nullptr, *text = nullptr;
  if (api.getErrorName(result, &name) != kSuccess || !name)
    name = "an unknown error";
  if (api.getErrorString(result, &text) != kSuccess || !text)
    text = "no description";
  return resourceError("CUDA: " + what + ": found " + name + " (" + std::to_string(result) + ", " + text + ") from " +
                       call + "; expected success; " + remedyFor(result));
}
