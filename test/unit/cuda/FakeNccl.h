//===- FakeNccl.h - NCCL without GPUs ---------------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The functions of runtime/device/cuda/NcclApi.def, in the shared object of the fake driver: $PLAIT_NCCL may name that.
// Ranks are threads. A message is over when it was taken, so ranks that send to each other outside of a group would
// wait for ever; that is noted instead, as is all that NCCL's documentation forbids. Every call goes on after it has
// returned, as it may with communicators that do not block.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TEST_UNIT_CUDA_FAKENCCL_H
#define PLAIT_TEST_UNIT_CUDA_FAKENCCL_H

#include <map>
#include <string>

namespace plait::test {

/// What tests say to it and ask it; one for the process.
struct FakeNccl {
  int version = 22809;
  // What fails: call `failing` of rank `failingRank`, or of any with -1, with `failCode`.
  std::string failing;
  int failingRank = -1, failCode = 2;
  // The GPU of this rank does nothing of what it was given after `silentAfter` groups; with `silentCode` NCCL says so.
  int silentRank = -1, silentAfter = 0, silentCode = 0;
  // What was seen.
  std::map<std::string, int> calls;
  std::string misuse; ///< the first
  int aborts = 0;
  // What is alive.
  int communicators = 0;
};

/// The symbol that returns it.
inline constexpr const char *kFakeNcclSymbol = "plait_fake_nccl";
using FakeNcclFunction = FakeNccl *(*)();

} // namespace plait::test

#endif // PLAIT_TEST_UNIT_CUDA_FAKENCCL_H
