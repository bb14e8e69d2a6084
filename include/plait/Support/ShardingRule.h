//===- ShardingRule.h - How an op may be split over devices -----*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The factors of an op, as in an einsum: a product [T, K] x [N, K] -> [T, N] has
// the factors t, n and k. Devices that share a factor out each compute the op on
// their parts of all dimensions that the factor runs through (Shardy's sharding
// rules, and the indexing maps of MLIR's shard dialect, say the same).
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_SUPPORT_SHARDINGRULE_H
#define PLAIT_SUPPORT_SHARDINGRULE_H

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"

#include <cstdint>

namespace plait {

/// A dimension of an operand or a result. It is split at multiples of `granule`
/// elements only. Of several dimensions of a factor, a part of one holds the same
/// share of it as the parts of the others, rounded outwards to their granules: the
/// parts of a shorter dimension may overlap, as key/value heads do that several
/// devices' query heads use.
struct FactorDim {
  bool isResult;
  unsigned value;
  unsigned dim;
  int64_t granule = 1;
};

enum class FactorKind {
  parallel, ///< each device computes its part of the results
  sum,      ///< each device computes a summand of the results
  /// Each device computes all of the results, from its part and what the devices tell
  /// each other (decode.PartsOpInterface).
  exchange,
  gather ///< the op gets the dimension whole, its parts put together
};

struct ShardingFactor {
  FactorKind kind = FactorKind::parallel;
  llvm::SmallVector<FactorDim, 4> dims;
};

/// Dimensions that no factor runs through have to be whole.
struct ShardingRule {
  llvm::SmallVector<ShardingFactor, 3> factors;
  /// The last operands, from this one on, are added to a sum: one device alone has
  /// them when the sum is shared out.
  unsigned firstSummand = ~0u;
  /// Of summands of all operands the result is a summand.
  bool isLinear = false;
  /// Of the summands of an element all but one are zero.
  bool isSelection = false;

  ShardingRule &add(FactorKind kind, std::initializer_list<FactorDim> dims) {
    factors.push_back({kind, dims});
    return *this;
  }
};

inline FactorDim operandDim(unsigned operand, unsigned dim, int64_t granule = 1) {
  return {false, operand, dim, granule};
}
inline FactorDim resultDim(unsigned result, unsigned dim, int64_t granule = 1) { return {true, result, dim, granule}; }

} // namespace plait

#endif // PLAIT_SUPPORT_SHARDINGRULE_H
