//===- StepProfile.h - What each thread did in a step ----------*- C++ -*--===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_DEVICE_CPU_STEPPROFILE_H
#define PLAIT_RUNTIME_DEVICE_CPU_STEPPROFILE_H

#include <chrono>
#include <cstdint>
#include <vector>

namespace plait {

/// Nanoseconds of the clock that profiles are in.
inline int64_t profileClock() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

/// The times of one step. Each thread has the same launches in the same order; in a
/// thread begin <= walkBegin <= waited <= begun <= ended <= (of the next launch:
/// waited ..) <= walkEnd <= end.
struct StepProfile {
  struct Launch {
    int32_t index; ///< in the plan
    int32_t layer;
    int64_t waited; ///< came to the barrier before the launch; as `begun` without one
    int64_t begun, ended;
  };
  /// Apart from the others', as each thread writes its own.
  struct alignas(64) Thread {
    std::vector<Launch> launches;
  };

  int64_t begin = 0, end = 0;         ///< of the step
  int64_t walkBegin = 0, walkEnd = 0; ///< of its launches on all threads
  int parts = 1; ///< in which the step was computed: each has all launches, for some of the tokens
  std::vector<Thread> threads;
};

} // namespace plait

#endif // PLAIT_RUNTIME_DEVICE_CPU_STEPPROFILE_H
