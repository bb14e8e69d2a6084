//===- Reduce.h - Sums in the order of the ranks ----------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_COMM_REDUCE_H
#define PLAIT_RUNTIME_COMM_REDUCE_H

#include "runtime/comm/Communicator.h"

#include <span>

namespace plait {

/// target[i] = parts[0][i], parts[1][i], ... reduced as `how` says. `target` may be one of
/// the parts.
void reduceParts(float *target, std::span<const float *const> parts, size_t count, const Reduction &how);

} // namespace plait

#endif // PLAIT_RUNTIME_COMM_REDUCE_H
