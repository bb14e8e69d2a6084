//===- SumSteps.h - In how many steps CPU ranks take a sum ------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For the runtime, which carries sums out, and for those who predict what that takes. In one step everybody gets and
// adds up what all have; in two everybody adds up its share, and then gets the sums of the others. As measured
// (docs/parallel.md, "How ranks add up").
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_SUMSTEPS_H
#define PLAIT_RUNTIME_BASE_SUMSTEPS_H

#include <cstddef>

namespace plait {

/// Up to so many bytes of each of `ranks` in shared memory one step takes less.
constexpr size_t getOneStepBytes(size_t ranks) {
  return ranks == 2 ? size_t(1) << 20 : (size_t(256) << 10) / (ranks > 1 ? ranks - 1 : 1);
}
/// The same of ranks that send messages.
inline constexpr size_t kOneStepMessageBytes = 8 << 10;
/// In shared memory two steps are taken for each piece of so many bytes, which stays in caches.
inline constexpr size_t kSumPieceBytes = 256 << 10;

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_SUMSTEPS_H
