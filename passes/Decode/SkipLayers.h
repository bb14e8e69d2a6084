//===- SkipLayers.h - A model without some layers ---------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_DECODE_SKIPLAYERS_H
#define PLAIT_PASSES_DECODE_SKIPLAYERS_H

#include "dialects/Lm/Lm.h"

#include <string>

namespace plait {

/// `name` with the layers that are left out: "forward" without 1 and 2 is "forward_skip_1_2".
std::string nameWithout(StringRef name, ArrayRef<int64_t> skip);

/// The function beside `forward` that leaves out some layers, made if it is not there yet:
/// the residual stream passes them by, and so do their states. It shares all weights. Errors
/// are at `user`.
FailureOr<lm::FuncOp> skipLayers(lm::FuncOp forward, ArrayRef<int64_t> skip, Operation *user);

} // namespace plait

#endif // PLAIT_PASSES_DECODE_SKIPLAYERS_H
