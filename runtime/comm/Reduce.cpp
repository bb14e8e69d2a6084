//===- Reduce.cpp - Sums in the order of the ranks ------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/comm/Reduce.h"

#include "runtime/comm/Delay.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

using namespace plait;

#if defined(__clang__) // with sanitizers the loop below stays as it is
#pragma clang diagnostic ignored "-Wpass-failed"
#endif

namespace {
struct Sum {
  static float of(float a, float b) { return a + b; }
};
struct Max {
  static float of(float a, float b) { return a > b ? a : b; }
};

/// Pieces that stay in registers while all ranks' parts are read.
constexpr size_t kPiece = 64;

template <typename Op>
[[gnu::always_inline]] inline void reduceAll(float *target, std::span<const float *const> parts, size_t count) {
  size_t i = 0;
  if (parts.size() == 2) { // the most frequent, and no more than a loop
    const float *a = parts[0], *b = parts[1];
#if defined(__clang__)
#pragma clang loop vectorize(assume_safety) interleave_count(4)
#endif
    for (; i < count; ++i) {
      target[i] = Op::of(a[i], b[i]);
      delayHere();
    }
    return;
  }
  for (; i + kPiece <= count; i += kPiece) {
    float sum[kPiece];
    std::memcpy(sum, parts[0] + i, sizeof(sum));
    for (size_t p = 1; p < parts.size(); ++p) {
      delayHere();
      for (size_t j = 0; j < kPiece; ++j)
        sum[j] = Op::of(sum[j], parts[p][i + j]);
    }
    std::memcpy(target + i, sum, sizeof(sum));
  }
  for (; i < count; ++i) {
    float sum = parts[0][i];
    for (size_t p = 1; p < parts.size(); ++p)
      sum = Op::of(sum, parts[p][i]);
    target[i] = sum;
    delayHere();
  }
}
} // namespace

// One loop, compiled for several widths of vectors.
#define PLAIT_REDUCE(name, attributes)                                                                                 \
  attributes static void name(float *target, std::span<const float *const> parts, size_t count, ReduceKind kind) {     \
    if (kind == ReduceKind::sum)                                                                                       \
      reduceAll<Sum>(target, parts, count);                                                                            \
    else                                                                                                               \
      reduceAll<Max>(target, parts, count);                                                                            \
  }
PLAIT_REDUCE(reduceNarrow, )
#if defined(__x86_64__)
PLAIT_REDUCE(reduceAvx2, [[gnu::target("avx2")]])
#endif

namespace {
/// Sums of a few elements in another order, or in f64.
template <typename T> struct Pieces {
  std::span<const float *const> parts;
  size_t first, count; ///< elements

  using Sums = std::array<T, kPiece>;
  Sums load(size_t part) const {
    Sums sums;
    std::copy_n(parts[part] + first, count, sums.begin());
    delayHere();
    return sums;
  }
  void add(Sums &left, const Sums &right) const {
    for (size_t i = 0; i < count; ++i)
      left[i] += right[i];
  }
  Sums inOrder() const {
    Sums sums = load(0);
    for (size_t part = 1; part < parts.size(); ++part)
      add(sums, load(part));
    return sums;
  }
  Sums alongTree(size_t begin, size_t end) const {
    if (end - begin == 1)
      return load(begin);
    size_t middle = begin + std::bit_floor(end - begin - 1);
    Sums sums = alongTree(begin, middle);
    add(sums, alongTree(middle, end));
    return sums;
  }
};

template <typename T> void sumPieces(float *target, std::span<const float *const> parts, size_t count, SumOrder order) {
  for (size_t first = 0; first < count; first += kPiece) {
    Pieces<T> pieces = {parts, first, std::min(kPiece, count - first)};
    auto sums = order == SumOrder::tree ? pieces.alongTree(0, parts.size()) : pieces.inOrder();
    std::copy_n(sums.begin(), pieces.count, target + first);
  }
}
} // namespace

void plait::reduceParts(float *target, std::span<const float *const> parts, size_t count, const Reduction &how) {
  ReduceKind kind = how.kind;
  delayHere();
  if (kind == ReduceKind::sum && how.wide)
    return sumPieces<double>(target, parts, count, how.order);
  if (kind == ReduceKind::sum && how.order == SumOrder::tree)
    return sumPieces<float>(target, parts, count, how.order);
#if defined(__x86_64__)
  static const bool wide = __builtin_cpu_supports("avx2");
  if (wide)
    return reduceAvx2(target, parts, count, kind);
#endif
  reduceNarrow(target, parts, count, kind);
}
