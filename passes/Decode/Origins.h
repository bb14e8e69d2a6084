//===- Origins.h - Where sequences of a strategy come from ------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_DECODE_ORIGINS_H
#define PLAIT_PASSES_DECODE_ORIGINS_H

#include "dialects/Decode/Decode.h"

namespace plait {

/// Where the value of a strategy comes from, through loops, groups and ops that pass on what they
/// use up: an argument of the strategy, or a fork.
mlir::Value originOf(mlir::Value value);

/// What a fork is of, or the sequence itself.
mlir::Value baseOf(mlir::Value sequence);

} // namespace plait

#endif // PLAIT_PASSES_DECODE_ORIGINS_H
