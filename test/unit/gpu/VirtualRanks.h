//===- VirtualRanks.h - Several ranks on one GPU ----------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs the code of a protocol as on several GPUs: each rank has a part of one GPU's memory as its symmetric memory, a
// plait_team_v1_t of its own, and a stream, on which its launches of many epochs follow each other. Launches of
// different ranks wait for each other, so all their blocks have to have room at the same time, whatever the others
// do; what has not is not run (docs/cuda.md, "Tests on a GPU").
//
// The host launches in a random order with pauses, so that ranks are ahead of and behind each other by up to
// `epochsAtOnce`. Every result of every epoch is compared. Nothing that waits for ever holds up the host: it asks how
// far streams are, and gives up.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TEST_UNIT_GPU_VIRTUALRANKS_H
#define PLAIT_TEST_UNIT_GPU_VIRTUALRANKS_H

#include "runtime/device/cuda/Gpu.h"
#include "test/unit/gpu/ProtocolCase.h"

namespace plait::test {

struct VirtualRanksOptions {
  uint32_t epochs = 10'000;
  uint32_t epochsAtOnce = 64; ///< that are launched before the host waits
  uint32_t inputs = 7;        ///< different ones, which epochs take in turn; no multiple of a number of slots
  uint64_t seed = 1;
  uint32_t longestPause = 20; ///< of the host between launches, now and then, in microseconds
  uint32_t patience = 60'000; ///< how often it asks before it gives up
  uint32_t pause = 500;       ///< in between, in microseconds
};

struct VirtualRanksOutcome {
  enum Kind {
    right,
    wrong,    ///< results or errors of the driver
    excluded, ///< not run
    hung      ///< and will for ever: the process has to end, and nothing of the GPU is given back
  } kind = right;
  std::string text; ///< what was found; empty if right
};

VirtualRanksOutcome runVirtualRanks(std::shared_ptr<const cuda::Gpu> gpu, const ProtocolCase &protocol,
                                    const VirtualRanksOptions &options);

} // namespace plait::test

#endif // PLAIT_TEST_UNIT_GPU_VIRTUALRANKS_H
