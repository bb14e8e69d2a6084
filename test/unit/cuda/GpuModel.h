//===- GpuModel.h - A model of a GPU's thread blocks ------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Threads of a block take turns on this machine's processor, with stacks of their own. What a
// kernel calls in the place of a GPU's instructions are the functions plait_test_*: shuffles,
// ldmatrix and mma.sync exchange values within warps, mbarriers count, TMA copies and swizzles,
// and wgmma reads shared memory through descriptors, as PTX ISA describes them. Copies to shared memory that are
// asynchronous on a GPU are made at once, so races of those do not show, and all else happens in the order of the code.
// How a tensor core rounds inside of an instruction is unknown: the model sums exactly.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TEST_UNIT_CUDA_GPUMODEL_H
#define PLAIT_TEST_UNIT_CUDA_GPUMODEL_H

#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <vector>

namespace plait::test {

/// What a CUtensorMap holds here: a matrix of bf16 by rows, copied in boxes with swizzle.
struct ModelTensorMap {
  uint64_t magic;
  const uint8_t *base;
  uint64_t columns, rows, rowBytes;
  uint32_t boxColumns, boxRows;
};
inline constexpr uint64_t kTensorMapMagic = 0x50414d524f534e54;

/// Calls `function` in each thread of each of `blocks` blocks, one after the other, with
/// `arguments`: pointers to values, as cuLaunchKernel has them.
void runGrid(void (*function)(void **), void **arguments, int64_t blocks, size_t threads, size_t sharedBytes);

/// What runGrid takes.
struct ModelLaunch {
  void (*function)(void **);
  void **arguments;
  int64_t blocks;
  size_t threads, sharedBytes;
};
/// A launch that is under way. All of its blocks are there at once, and take turns, also with those of other launches.
/// Bulk copies out of shared memory are made as late as they may be.
class ModelGrid {
public:
  explicit ModelGrid(const ModelLaunch &launch);
  ~ModelGrid();
  /// One of the blocks has some turns; whether any has more to do.
  bool run(std::mt19937_64 &random);

private:
  struct Blocks;
  std::unique_ptr<Blocks> blocks;
};
/// Runs launches of several streams, those of one in order, at the same time, in an order that `seed` says.
void runStreams(const std::vector<std::vector<ModelLaunch>> &streams, uint64_t seed);

/// A function that kernels call, by name.
struct ModelFunction {
  const char *name;
  void *address;
};
extern const ModelFunction kModelFunctions[];
extern const size_t kModelFunctionCount;

} // namespace plait::test

#endif // PLAIT_TEST_UNIT_CUDA_GPUMODEL_H
