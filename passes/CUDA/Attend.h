//===- Attend.h - Attention on CUDA ------------------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_CUDA_ATTEND_H
#define PLAIT_PASSES_CUDA_ATTEND_H

#include "passes/CUDA/KernelEmitter.h"

namespace plait {

/// A block for each token and key/value head, in f32 (AttendTokens.cpp).
void emitAttendTokens(lm::AttendOp op, CudaKernelEmitter &e);

/// A block for a tile of queries, by tensor cores (AttendTiles.h).
void emitAttendTiles(lm::AttendOp op, CudaKernelEmitter &e);
void emitAttendTiles(lm::AttendSpansOp op, CudaKernelEmitter &e);
/// What `op` is emitted for: few tokens take small tiles.
SmallVector<CudaKernelEmitter::Entry> attendTilesEntries(lm::AttendOp op);
SmallVector<CudaKernelEmitter::Entry> attendTilesEntries(lm::AttendSpansOp op);

} // namespace plait

#endif // PLAIT_PASSES_CUDA_ATTEND_H
