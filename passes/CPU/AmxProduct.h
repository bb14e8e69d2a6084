//===- AmxProduct.h - Products with packed weights on tiles -----*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_CPU_AMXPRODUCT_H
#define PLAIT_PASSES_CPU_AMXPRODUCT_H

#include "passes/CPU/KernelEmitter.h"

namespace plait {

/// Writes the kernel of `op`, a product with a weight: result[t, n] = sum over k of
/// input[t, k] * weight[n, k], plus bias[n] unless `bias` is null. The input is of
/// bf16 (lm.round), the weight of bf16 in panels of 32 rows. Fails, with a message
/// at `op`, if the target has no tiles or the layout is another.
LogicalResult emitAmxProduct(Operation *op, CpuKernelEmitter &emitter, Value input, Value weight, Value bias);

} // namespace plait

#endif // PLAIT_PASSES_CPU_AMXPRODUCT_H
