//===- Gpu.h - A GPU that code can run on -----------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_DEVICE_CUDA_GPU_H
#define PLAIT_RUNTIME_DEVICE_CUDA_GPU_H

#include "runtime/device/cuda/Driver.h"

#include <array>
#include <memory>
#include <string>
#include <utility>

namespace plait::cuda {

class Gpu;

/// Memory of a GPU, or of the host for copies to and from it, which is given back with this.
template <typename T, Result (*DriverApi::*release)(T)> class Memory {
public:
  Memory() = default;
  Memory(std::shared_ptr<const Gpu> gpu, T base, uint64_t bytes) : gpu(std::move(gpu)), base(base), length(bytes) {}
  Memory(Memory &&other) noexcept { *this = std::move(other); }
  Memory &operator=(Memory &&other) noexcept {
    std::swap(gpu, other.gpu);
    std::swap(base, other.base);
    std::swap(length, other.length);
    return *this;
  }
  ~Memory();

  T address() const { return base; }
  uint64_t size() const { return length; }

private:
  std::shared_ptr<const Gpu> gpu;
  T base{};
  uint64_t length = 0;
};
using DeviceMemory = Memory<Address, &DriverApi::memoryFree>;
using PinnedMemory = Memory<void *, &DriverApi::hostFree>;

/// One of the GPUs that the driver shows (CUDA_VISIBLE_DEVICES says which those are), with its
/// primary context.
class Gpu : public std::enable_shared_from_this<Gpu> {
public:
  /// That of a rank, for code for `chip`, such as "sm_90a": ranks take them in turn, so with fewer
  /// GPUs than ranks some share one.
  static Expected<std::shared_ptr<const Gpu>> open(const std::string &chip, int64_t rank = 0);
  ~Gpu();
  Gpu(const Gpu &) = delete;

  const Driver &driver() const { return *cuda; }
  /// "GPU 0 (NVIDIA H100 80GB HBM3)"
  const std::string &name() const { return shownName; }
  /// Makes the context that of the calling thread; before any other call.
  Status enter() const;
  /// CUdevice_attribute `number`.
  Expected<int> attribute(int number) const;
  /// Its number, which no other GPU has.
  Expected<std::array<uint8_t, 16>> uuid() const;
  /// Bytes of its memory that nobody has.
  Expected<uint64_t> freeBytes() const;
  /// What is not 0; `what` names it in errors.
  Expected<DeviceMemory> allocate(uint64_t bytes, const std::string &what) const;
  Expected<PinnedMemory> allocatePinned(uint64_t bytes, const std::string &what) const;

private:
  Gpu() = default;
  Status checkCapability(const std::string &chip) const;

  std::shared_ptr<const Driver> cuda;
  DeviceNumber device = 0;
  Context context = nullptr;
  std::string shownName;
};

template <typename T, Result (*DriverApi::*release)(T)> Memory<T, release>::~Memory() {
  if (base && gpu->enter()) // what cannot be freed goes with the process
    (void)(gpu->driver().table().*release)(base);
}

} // namespace plait::cuda

#endif // PLAIT_RUNTIME_DEVICE_CUDA_GPU_H
