//===- machine.cpp - What this machine can do, by plain loops -------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Prints one JSON line: the read bandwidth of a plain loop over memory far
// larger than the caches (GB/s) and the multiply-add rates of registers, in f32
// (GFLOP/s), in bytes (GOP/s) and in pairs of bf16 (GFLOP/s), and of AMX tiles in bf16 (GFLOP/s), all with the given
// number of threads. Best of several rounds, because a shared machine is only ever slower than it is.
//
//   plait-machine [threads]
//
//===----------------------------------------------------------------------===//

#include "runtime/device/cpu/Peak.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <thread>

int main(int argc, char **argv) {
  int threads = argc > 1 ? std::atoi(argv[1]) : int(std::max(1u, std::thread::hardware_concurrency()));
  if (threads <= 0) {
    std::fprintf(stderr, "plait-machine: expected a positive number of threads\n");
    return 2;
  }
  auto peak = plait::measurePeak(unsigned(threads), size_t(1) << 30, /*rounds=*/7);
  if (!peak) {
    std::fprintf(stderr, "plait-machine: %s\n", peak.status().message().c_str());
    return 1;
  }
  std::printf("{\"threads\": %d, \"read_gbs\": %.2f, \"fma_gflops\": %.1f, \"int8_gops\": %.1f, \"pair_gflops\": %.1f, "
              "\"tile_gflops\": %.1f}\n",
              threads, peak->readBytesPerSecond / 1e9, peak->flopsPerSecond / 1e9, peak->int8OpsPerSecond / 1e9,
              peak->pairFlopsPerSecond / 1e9, peak->tileFlopsPerSecond / 1e9);
  return 0;
}
