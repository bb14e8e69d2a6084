//===- Program.h - A model's kernels and weights on a GPU -------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_DEVICE_CUDA_PROGRAM_H
#define PLAIT_RUNTIME_DEVICE_CUDA_PROGRAM_H

#include "plait-abi/Model.h"
#include "runtime/device/cuda/Gpu.h"

#include <memory>
#include <mutex>
#include <vector>

namespace plait {
class Progress;
}

namespace plait::cuda {

/// What all instances of a model share. Any thread may use it.
class Program {
public:
  /// Loads the images of `model`, whose tables have been checked and have code for a GPU.
  static Expected<std::shared_ptr<Program>> load(std::shared_ptr<const Gpu> gpu, const plait_model_v4_t &model);
  ~Program();
  Program(const Program &) = delete;

  const std::shared_ptr<const Gpu> &gpu() const { return device; }
  const plait_model_v4_t &model() const { return tables; }
  /// Of entry `entry` of kernel `kernel`.
  Function function(int32_t kernel, int32_t entry) const { return functions[size_t(kernel)][size_t(entry)]; }

  /// Copies the pack to the GPU, the first time that it is called.
  Status loadWeights(const uint8_t *pack, Progress *progress);
  Address weights() const { return pack.address(); }
  /// Bytes of weights that are there.
  uint64_t weightBytes() const;

  /// How its ranks exchange, for people: "by NCCL 2.28.9"; empty as long as they do not.
  void noteExchange(std::string how);
  std::string exchange() const;

private:
  Program(std::shared_ptr<const Gpu> gpu, const plait_model_v4_t &model) : device(std::move(gpu)), tables(model) {}
  Status loadKernel(int32_t kernel);
  Status copyWeights(const uint8_t *from, Progress *progress);

  std::shared_ptr<const Gpu> device;
  const plait_model_v4_t &tables;
  std::vector<Module> modules;
  std::vector<std::vector<Function>> functions;
  mutable std::mutex mutex;
  DeviceMemory pack;
  std::string exchanges;
};

} // namespace plait::cuda

#endif // PLAIT_RUNTIME_DEVICE_CUDA_PROGRAM_H
