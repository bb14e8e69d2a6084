//===- Protocols.h - Epochs of protocols, and their answers -------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An epoch has arguments that follow from a seed, and what it must give on each rank, computed from those of all ranks
// by plain loops: sums over ranks in their order, products and norms in the order of CPU kernels (docs/targets.md),
// with four lanes and without fused multiply-add.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TEST_UNIT_PROTOCOLS_PROTOCOLS_H
#define PLAIT_TEST_UNIT_PROTOCOLS_PROTOCOLS_H

#include "test/unit/runtime/comm/delayed/Guarded.h"

#include <string>
#include <vector>

namespace plait {

/// Those of Inputs/programs.mlir, by name.
inline constexpr const char *kProtocolNames[] = {"one_shot",
                                                 "two_shot",
                                                 "all_reduce_norm",
                                                 "gemm_reduce_scatter",
                                                 "all_gather_gemm",
                                                 "reduce_gather",
                                                 "reduce_gather_1",
                                                 "linear_reduce_gather",
                                                 "linear_reduce_scatter",
                                                 "all_gather_linear",
                                                 "reduce_gather_one_shot",
                                                 "reduce_gather_lamport",
                                                 "reduce_gather_ring",
                                                 "reduce_gather_multimem",
                                                 "all_reduce",
                                                 "all_reduce_one_shot",
                                                 "all_reduce_lamport",
                                                 "all_reduce_ring",
                                                 "all_reduce_multimem"};

class ProtocolEpoch {
public:
  ProtocolEpoch(const std::string &name, size_t ranks, uint64_t seed);
  /// Of a rank: arguments, then results.
  void *const *buffersOf(size_t rank) const { return pointers[rank].data(); }
  /// What differs from what must be, in a bit; empty if nothing does.
  std::string check() const;
  std::string checkRank(size_t rank) const;

private:
  using Matrix = std::vector<float>;
  Matrix draw(uint64_t kind, size_t rank, size_t count) const;
  Matrix drawIntegers(uint64_t kind, size_t rank, size_t count) const;
  Matrix sum(const std::vector<Matrix> &parts) const;
  /// That of a ring: rows of rank p in the order p + 1, p + 2, ..., p.
  Matrix sumAround(const std::vector<Matrix> &parts) const;
  void give(size_t rank, const Matrix &values);
  void expect(size_t rank, Matrix values);

  void makeSum(size_t rows, size_t columns);
  /// With residual and norm; `total` is the sum of what was given. Without `rowsOfRank` all ranks have all rows.
  void makeNorm(Matrix total, size_t rowsOfRank, size_t columns);
  /// Rows of all ranks, and their product with a weight of each of `widths` rows of `k`.
  void makeGather(size_t rowsOfRank, size_t k, const std::vector<size_t> &widths);

  uint64_t seed;
  size_t ranks;
  bool isRing; ///< sums are those of a ring
  Random placing;
  std::vector<std::vector<Guarded<float>>> arguments, results;
  std::vector<std::vector<Matrix>> given, wanted;
  std::vector<std::vector<void *>> pointers;
};

} // namespace plait

#endif // PLAIT_TEST_UNIT_PROTOCOLS_PROTOCOLS_H
