//===- NarrowSum.h - Sums that are sent as bf16 -----------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PLAIT_SUM_BF16: half of the bytes of a sum in f32, for links that are slow. Each summand is
// rounded to bf16, to the nearest, ties to even; they are added in f32, in the order that is
// asked for; and the sum is rounded likewise. So all ranks hold the same bits, and each
// element's depend on its own summands alone.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_COMM_NARROWSUM_H
#define PLAIT_RUNTIME_COMM_NARROWSUM_H

#include "runtime/comm/Communicator.h"

namespace plait {

/// The sums of `communicator`, with the same arguments (Communicator.h), but sent as bf16.
class NarrowSum {
public:
  NarrowSum(Communicator &communicator, SumOrder order) : communicator(communicator), order(order) {}

  Status allReduce(std::span<float> data, const char *op);
  Status reduceScatter(std::span<const float> in, std::span<float> out, std::span<const size_t> counts, const char *op);
  /// What is gathered is sent as it is.
  Status reduceGather(const RowExchange &rows, const RowEpilogue &epilogue, const char *op);

private:
  /// Rank r's part of the sum, rounded: of the counts[r] elements of `in` behind those of the ranks before it.
  Status scatter(std::span<const float> in, std::span<const size_t> counts, std::vector<uint16_t> &own, const char *op);
  /// sum[i] of `ranks` rows of `count` elements
  void addUp(const uint16_t *rows, size_t count, uint16_t *sum) const;

  Communicator &communicator;
  SumOrder order;
};

} // namespace plait

#endif // PLAIT_RUNTIME_COMM_NARROWSUM_H
