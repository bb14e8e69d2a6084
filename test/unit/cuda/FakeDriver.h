//===- FakeDriver.h - A CUDA driver without a GPU ---------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A shared object with the functions of runtime/device/cuda/DriverApi.def over the memory of
// the host; $PLAIT_CUDA_DRIVER names it to the runtime. What is put into a stream is done when somebody
// waits for it or asks how far it is, and not before, so that whoever does not wait is found out. Copies that do not
// lie in one allocation are errors, and memory is full of 0xcc until it is written.
//
// An image may be: a kernel of demo_model.c; an ELF file for this machine with functions
// plait_packed_NAME, which run on the model of GpuModel.h; or a cubin, whose launches
// are noted and do nothing.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TEST_UNIT_CUDA_FAKEDRIVER_H
#define PLAIT_TEST_UNIT_CUDA_FAKEDRIVER_H

#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

namespace plait::test {

struct FakeLaunch {
  std::string function;
  unsigned blocks, threads, sharedBytes;
  bool fromGraph;
};

/// What tests say to the driver and ask it; one for the process.
struct FakeCuda {
  // The machine.
  int devices = std::getenv("PLAIT_FAKE_GPUS") ? std::atoi(std::getenv("PLAIT_FAKE_GPUS")) : 1;
  int major = 9, minor = 0;
  int processors = 132;
  uint64_t memoryBytes = uint64_t(1) << 30;
  /// Whoever waits for a stream lets all go on: their launches take turns block by block, at random, and may wait for
  /// each other. Otherwise its launches run one block after the other, and one block more than were asked for.
  bool isConcurrent = false;
  // What fails: call `failing`, after `failAfter` others of its kind, with `failCode`.
  std::string failing;
  int failAfter = 0, failCode = 0;
  // A launch of this function fails while it runs.
  std::string failingKernel;
  int kernelCode = 700;
  // A launch of this function, after so many others of it, does nothing.
  std::string losingKernel;
  int loseAfter = 0;
  // What was seen.
  std::map<std::string, int> calls;
  std::vector<FakeLaunch> launches; ///< that have run
  uint64_t bytesToHost = 0;         ///< that were asked for
  // What is alive.
  int64_t memories = 0, hostMemories = 0, modules = 0, streams = 0, events = 0, graphs = 0, contexts = 0;
  uint64_t usedBytes = 0;
};

/// The symbol that returns it. What has failed, and what still is in streams, is forgotten.
inline constexpr const char *kFakeCudaSymbol = "plait_fake_cuda";
using FakeCudaFunction = FakeCuda *(*)();

} // namespace plait::test

#endif // PLAIT_TEST_UNIT_CUDA_FAKEDRIVER_H
