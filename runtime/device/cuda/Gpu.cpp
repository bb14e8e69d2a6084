//===- Gpu.cpp - A GPU that code can run on -------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/device/cuda/Gpu.h"

#include <charconv>

using namespace plait;
using namespace plait::cuda;

Expected<std::shared_ptr<const Gpu>> Gpu::open(const std::string &chip, int64_t rank) {
  std::shared_ptr<Gpu> gpu(new Gpu);
  PLAIT_ASSIGN_OR_RETURN(gpu->cuda, Driver::load());
  const Driver &cuda = *gpu->cuda;
  char name[256] = {};
  int count = 0;
  PLAIT_RETURN_IF_ERROR(cuda.check(cuda->deviceGetCount(&count), "cuDeviceGetCount", "GPUs"));
  int number = count > 0 ? int(rank % count) : 0;
  gpu->shownName = "GPU " + std::to_string(number);
  PLAIT_RETURN_IF_ERROR(cuda.check(cuda->deviceGet(&gpu->device, number), "cuDeviceGet", gpu->shownName.c_str()));
  PLAIT_RETURN_IF_ERROR(
      cuda.check(cuda->deviceGetName(name, sizeof(name) - 1, gpu->device), "cuDeviceGetName", gpu->shownName.c_str()));
  gpu->shownName += " (" + std::string(name) + ")";
  PLAIT_RETURN_IF_ERROR(gpu->checkCapability(chip));
  PLAIT_RETURN_IF_ERROR(cuda.check(cuda->primaryContextRetain(&gpu->context, gpu->device), "cuDevicePrimaryCtxRetain",
                                   gpu->shownName.c_str()));
  PLAIT_RETURN_IF_ERROR(gpu->enter());
  return std::shared_ptr<const Gpu>(std::move(gpu));
}

Gpu::~Gpu() {
  if (context)
    (void)(*cuda)->primaryContextRelease(device);
}

/// Code for an architecture with "a" runs on that alone; other code on those of the same
/// major version that are no older.
Status Gpu::checkCapability(const std::string &chip) const {
  int number = 0, major = 0, minor = 0;
  const char *digits = chip.data() + std::min<size_t>(chip.size(), 3), *end = chip.data() + chip.size();
  auto [rest, failed] = std::from_chars(digits, end, number);
  if (!chip.starts_with("sm_") || failed != std::errc() || (rest != end && std::string(rest, end) != "a"))
    return corrupt("CUDA: found code for '" + chip +
                   "'; expected the name of an architecture, such as sm_90a; the "
                   "artifact is damaged, compile the model again");
  PLAIT_ASSIGN_OR_RETURN(major, attribute(kMajorCapability));
  PLAIT_ASSIGN_OR_RETURN(minor, attribute(kMinorCapability));
  bool isExact = rest != end;
  bool fits = major == number / 10 && (isExact ? minor == number % 10 : minor >= number % 10);
  if (fits)
    return Status::success();
  return unsupported("CUDA: found " + shownName + " of compute capability " + std::to_string(major) + "." +
                     std::to_string(minor) + "; expected " + std::to_string(number / 10) + "." +
                     std::to_string(number % 10) + (isExact ? "" : " or a later one of the same major version") +
                     ", which the code is for (" + chip + "); compile the model for this GPU (--target cuda:...)");
}

Status Gpu::enter() const {
  return cuda->check((*cuda)->contextSetCurrent(context), "cuCtxSetCurrent", shownName.c_str());
}

Expected<int> Gpu::attribute(int number) const {
  int value = 0;
  PLAIT_RETURN_IF_ERROR(
      cuda->check((*cuda)->deviceGetAttribute(&value, number, device), "cuDeviceGetAttribute", shownName.c_str()));
  return value;
}

Expected<std::array<uint8_t, 16>> Gpu::uuid() const {
  std::array<uint8_t, 16> bytes{};
  PLAIT_RETURN_IF_ERROR(
      cuda->check((*cuda)->deviceGetUuid(bytes.data(), device), "cuDeviceGetUuid", shownName.c_str()));
  return bytes;
}

Expected<uint64_t> Gpu::freeBytes() const {
  PLAIT_RETURN_IF_ERROR(enter());
  size_t free = 0, total = 0;
  PLAIT_RETURN_IF_ERROR(cuda->check((*cuda)->memoryGetInfo(&free, &total), "cuMemGetInfo", shownName.c_str()));
  return uint64_t(free);
}

Expected<DeviceMemory> Gpu::allocate(uint64_t bytes, const std::string &what) const {
  PLAIT_RETURN_IF_ERROR(enter());
  Address address = 0;
  if (!bytes)
    return DeviceMemory();
  if (Result result = (*cuda)->memoryAllocate(&address, size_t(bytes)); result != kSuccess)
    return cuda->error(result, "cuMemAlloc", what + " of " + std::to_string(bytes) + " bytes");
  return DeviceMemory(shared_from_this(), address, bytes);
}

Expected<PinnedMemory> Gpu::allocatePinned(uint64_t bytes, const std::string &what) const {
  PLAIT_RETURN_IF_ERROR(enter());
  void *address = nullptr;
  if (!bytes)
    return PinnedMemory();
  if (Result result = (*cuda)->hostAllocate(&address, size_t(bytes), kPortable); result != kSuccess)
    return cuda->error(result, "cuMemHostAlloc", what + " of " + std::to_string(bytes) + " bytes of the host");
  return PinnedMemory(shared_from_this(), address, bytes);
}
