//===- machine.cpp - What this machine can do, by plain loops -------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Prints one JSON line: the read bandwidth of a plain loop over memory far
// larger than the caches (GB/s) and the f32 multiply-add rate of registers
// (GFLOP/s), both with the given number of threads. Best of several rounds,
// because a shared machine is only ever slower than it is.
//
//   plait-machine [threads]
//
//===----------------------------------------------------------------------===//

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <sys/mman.h>
#include <thread>
#include <vector>

namespace {

constexpr size_t kBytes = size_t(1) << 30;
constexpr int kRounds = 7;
typedef float Vector __attribute__((vector_size(32))); // 8 x f32: one AVX2 register

template <typename Work> double bestSeconds(unsigned threads, Work work) {
  double best = 1e30;
  for (int round = 0; round < kRounds; ++round) {
    auto begin = std::chrono::steady_clock::now();
    std::vector<std::thread> workers;
    for (unsigned t = 1; t < threads; ++t)
      workers.emplace_back(work, t);
    work(0u);
    for (std::thread &worker : workers)
      worker.join();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  return best;
}

volatile float sink;

/// Sums a slice: eight independent accumulators, so loads are all that counts.
__attribute__((target("avx2,fma"))) void readSlice(const float *data, size_t count) {
  Vector sums[8] = {};
  for (size_t i = 0; i + 64 <= count; i += 64)
    for (int j = 0; j < 8; ++j)
      sums[j] += *reinterpret_cast<const Vector *>(data + i + j * 8);
  for (int j = 1; j < 8; ++j)
    sums[0] += sums[j];
  sink = sums[0][0];
}

/// Twelve independent chains of x = x * a + b in registers.
__attribute__((target("avx2,fma"))) void multiplyAdd(long iterations) {
  Vector x[12], a, b;
  for (int l = 0; l < 8; ++l) {
    a[l] = 0.999f;
    b[l] = 0.001f;
  }
  for (int j = 0; j < 12; ++j)
    x[j] = a * float(j);
  for (long i = 0; i < iterations; ++i)
    for (int j = 0; j < 12; ++j)
      asm volatile("vfmadd213ps %2, %1, %0" : "+x"(x[j]) : "x"(a), "x"(b));
  for (int j = 1; j < 12; ++j)
    x[0] += x[j];
  sink = x[0][0];
}

} // namespace

int main(int argc, char **argv) {
  unsigned threads = argc > 1 ? unsigned(std::atoi(argv[1])) : std::max(1u, std::thread::hardware_concurrency());
  if (threads == 0 || !__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) {
    std::fprintf(stderr, "plait-machine: expected a positive number of threads and a CPU with AVX2 and FMA\n");
    return 2;
  }
  void *memory = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    std::fprintf(stderr, "plait-machine: cannot map %zu bytes\n", kBytes);
    return 1;
  }
  madvise(memory, kBytes, MADV_HUGEPAGE);
  float *data = static_cast<float *>(memory);
  std::fill(data, data + kBytes / 4, 1.0f);
  size_t slice = kBytes / 4 / threads;
  double read = bestSeconds(threads, [&](unsigned t) { readSlice(data + t * slice, slice); });
  constexpr long kIterations = 20'000'000;
  double fma = bestSeconds(threads, [&](unsigned) { multiplyAdd(kIterations); });
  std::printf("{\"threads\": %u, \"read_gbs\": %.2f, \"fma_gflops\": %.1f}\n", threads, double(kBytes) / read / 1e9,
              double(kIterations) * 12 * 8 * 2 * threads / fma / 1e9);
  return 0;
}
