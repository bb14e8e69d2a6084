//===- RingSum.h - Sums that go around ------------------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_COMM_RINGSUM_H
#define PLAIT_RUNTIME_COMM_RINGSUM_H

#include "runtime/comm/Algorithms.h"

namespace plait {

/// An all-reduce of rows of `columns` elements by a ring, as `Reduction` has it.
Status allReduceAround(const Courier &courier, std::span<float> data, size_t columns, std::vector<uint8_t> &memory);

} // namespace plait

#endif // PLAIT_RUNTIME_COMM_RINGSUM_H
