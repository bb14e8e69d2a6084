//===- Peak.cpp - What plain loops reach on this machine ------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/device/cpu/Peak.h"

#include "runtime/device/cpu/Isa.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <immintrin.h>
#include <sys/mman.h>

using namespace plait;

namespace {

constexpr long kIterations = 2'000'000;
/// Accumulators: more than latency times throughput of any CPU so far.
constexpr int kChains = 12;

volatile float sink;

template <typename Work> double bestSeconds(unsigned threads, int rounds, Work work) {
  double best = 1e30;
  for (int round = 0; round < rounds; ++round) {
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

/// Four streams, which are in flight together, and a prefetch for each: of one stream
/// a processor reads little more than half as much.
#define PLAIT_READ_LOOP(width)                                                                                         \
  typedef float Vector __attribute__((vector_size(width)));                                                            \
  constexpr size_t streams = 4, line = 16, lanes = (width) / 4, perLine = line / lanes;                                \
  size_t part = count / streams / line * line;                                                                         \
  Vector sums[streams][perLine] = {};                                                                                  \
  for (size_t i = 0; i < part; i += line)                                                                              \
    for (size_t s = 0; s < streams; ++s) {                                                                             \
      const float *at = data + s * part + i;                                                                           \
      __builtin_prefetch(at + 16 * line);                                                                              \
      for (size_t j = 0; j < perLine; ++j)                                                                             \
        sums[s][j] += *reinterpret_cast<const Vector *>(at + j * lanes);                                               \
    }                                                                                                                  \
  for (auto &own : sums)                                                                                               \
    for (const Vector &sum : own)                                                                                      \
      sink = sum[0];

__attribute__((target("avx2"))) void readWide(const float *data, size_t count) { PLAIT_READ_LOOP(32) }
void readNarrow(const float *data, size_t count){PLAIT_READ_LOOP(16)}

/// In assembly, because a compiler would see that nothing depends on the loop.
#define PLAIT_COMPUTE_LOOP(width, instruction, inputs)                                                                 \
  typedef float Vector __attribute__((vector_size(width)));                                                            \
  Vector x[kChains], a, b, spare;                                                                                      \
  for (int l = 0; l < (width) / 4; ++l) {                                                                              \
    a[l] = 0.999f;                                                                                                     \
    b[l] = 0.001f;                                                                                                     \
  }                                                                                                                    \
  for (int j = 0; j < kChains; ++j)                                                                                    \
    x[j] = a * float(j);                                                                                               \
  for (long i = 0; i < kIterations; ++i)                                                                               \
    for (int j = 0; j < kChains; ++j)                                                                                  \
      asm volatile(instruction : "+v"(x[j]), "=&v"(spare) : inputs(a), inputs(b));                                     \
  for (int j = 1; j < kChains; ++j)                                                                                    \
    x[0] += x[j];                                                                                                      \
  sink = x[0][0];

__attribute__((target("avx512f"))) void computeAvx512() {
  PLAIT_COMPUTE_LOOP(64, "vfmadd213ps %3, %2, %0", "v")
}
__attribute__((target("avx2,fma"))) void computeAvx2() { PLAIT_COMPUTE_LOOP(32, "vfmadd213ps %3, %2, %0", "v") }
void computeSse() { PLAIT_COMPUTE_LOOP(16, "mulps %2, %0\n\taddps %3, %0", "v") }

/// Two products per f32.
__attribute__((target("avx512f,avx512bf16"))) void multiplyPairs() {
  PLAIT_COMPUTE_LOOP(64, "vdpbf16ps %3, %2, %0", "v")
}

// Bytes: four products per i32 and instruction, or in three instructions by way of
// i16; without SSSE3 those are not there, and two products of i16 are the most.
__attribute__((target("avx512f,avx512vnni"))) void multiplyBytesVnni() {
  PLAIT_COMPUTE_LOOP(64, "vpdpbusd %3, %2, %0", "v")
}
__attribute__((target("avx2"))) void multiplyBytesAvx2() {
  PLAIT_COMPUTE_LOOP(32, "vpmaddubsw %2, %3, %1\n\tvpmaddwd %2, %1, %1\n\tvpaddd %1, %0, %0", "x")
}
void multiplyBytesSse() { PLAIT_COMPUTE_LOOP(16, "pmaddwd %2, %0\n\tpaddd %3, %0", "v") }

constexpr long kTileSteps = 200'000;

__attribute__((target("amx-tile,amx-bf16"))) void multiplyTiles() {
  alignas(64) struct {
    uint8_t palette = 1, row = 0, reserved[14] = {};
    uint16_t rowBytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
  } configuration;
  constexpr size_t tile = 1024, step = 4 * tile, size = 4 * step;
  alignas(64) char memory[size] = {};
  _tile_loadconfig(&configuration);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (long i = 0; i < kTileSteps; ++i) {
    const char *at = memory + size_t(i) * step % size;
    _tile_loadd(4, at, 64);
    _tile_loadd(5, at + tile, 64);
    _tile_loadd(6, at + 2 * tile, 64);
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(2, 5, 6);
    _tile_loadd(7, at + 3 * tile, 64);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(3, 5, 7);
  }
  _tile_release();
}

/// Of all threads together.
double measureTiles(unsigned threads, int rounds) {
  if (!cpuShortage("amx-tile amx-bf16").empty())
    return 0;
  double seconds = bestSeconds(threads, rounds, [](unsigned) { multiplyTiles(); });
  return double(kTileSteps) * 4 * threads * (2.0 * 16 * 16 * 32) / seconds;
}

double measurePairs(unsigned threads, int rounds) {
  if (!cpuShortage("avx512f avx512bf16").empty())
    return 0;
  double seconds = bestSeconds(threads, rounds, [](unsigned) { multiplyPairs(); });
  return double(kIterations) * kChains * threads * (2.0 * 32) / seconds;
}

} // namespace

Expected<MachinePeak> plait::measurePeak(unsigned threads, size_t bytes, int rounds) {
  void *memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    return resourceError("machine: the system gives no " + std::to_string(bytes) + " bytes of memory to measure with");
  madvise(memory, bytes, MADV_HUGEPAGE);
  float *data = static_cast<float *>(memory);
  std::fill(data, data + bytes / 4, 1.0f);
  bool avx512 = __builtin_cpu_supports("avx512f");
  bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  size_t slice = bytes / 4 / threads / 64 * 64; // whole cache lines
  double reading =
      bestSeconds(threads, rounds, [&](unsigned t) { (avx2 ? readWide : readNarrow)(data + t * slice, slice); });
  double computing = bestSeconds(threads, rounds, [&](unsigned) {
    (avx512 ? computeAvx512 : avx2 ? computeAvx2 : computeSse)();
  });
  bool vnni = avx512 && __builtin_cpu_supports("avx512vnni");
  double bytesTime = bestSeconds(threads, rounds, [&](unsigned) {
    (vnni ? multiplyBytesVnni : avx2 ? multiplyBytesAvx2 : multiplyBytesSse)();
  });
  munmap(memory, bytes);
  double steps = double(kIterations) * kChains * threads;
  double lanes = avx512 ? 16 : avx2 ? 8 : 4, products = vnni ? 64 : avx2 ? 32 : 8;
  return MachinePeak{double(slice) * 4 * threads / reading, steps * lanes * 2 / computing,
                     steps * products * 2 / bytesTime, measurePairs(threads, rounds), measureTiles(threads, rounds)};
}
