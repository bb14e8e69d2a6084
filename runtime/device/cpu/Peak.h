//===- Peak.h - What plain loops reach on this machine ----------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_DEVICE_CPU_PEAK_H
#define PLAIT_RUNTIME_DEVICE_CPU_PEAK_H

#include "runtime/base/Status.h"

#include <cstddef>

namespace plait {

struct MachinePeak {
  double readBytesPerSecond = 0; ///< of memory, by all threads together
  double flopsPerSecond = 0;     ///< f32, a multiply-add is two
  double int8OpsPerSecond = 0;   ///< of products of bytes added up in i32, likewise
  double pairFlopsPerSecond = 0; ///< bf16 in vectors (AVX512-BF16), likewise; 0 without
  double tileFlopsPerSecond = 0; ///< bf16 on AMX tiles, likewise; 0 without
};

/// The best of `rounds` rounds of some loops on `threads` threads: one reads `bytes`
/// of memory, which should exceed the caches, in four streams a thread; two multiply
/// and add in registers with the widest vectors there are (AVX-512, AVX2 or SSE; for
/// bytes AVX-512 VNNI, AVX2 or SSE with more than one instruction; for bf16 AVX512-BF16); the last one
/// multiplies 2 x 2 tiles that it loads from the L1 cache, as a product must.
Expected<MachinePeak> measurePeak(unsigned threads, size_t bytes, int rounds);

} // namespace plait

#endif // PLAIT_RUNTIME_DEVICE_CPU_PEAK_H
