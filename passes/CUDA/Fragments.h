//===- Fragments.h - What mma.sync works on ---------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_CUDA_FRAGMENTS_H
#define PLAIT_PASSES_CUDA_FRAGMENTS_H

#include "passes/CUDA/IndexMath.h"
#include "passes/CUDA/KernelEmitter.h"

namespace plait {

/// A i32 that a kernel computes, for the templates of IndexMath.h.
struct CudaIndex {
  CudaKernelEmitter *e;
  Value value;

  CudaIndex operator+(CudaIndex y) const { return {e, e->add(value, y.value)}; }
  CudaIndex operator+(int64_t y) const { return {e, e->add(value, y)}; }
  CudaIndex operator*(int64_t y) const { return {e, e->mul(value, y)}; }
  CudaIndex operator/(int64_t y) const { return {e, e->div(value, y)}; }
  CudaIndex operator%(int64_t y) const { return {e, e->rem(value, y)}; }
  CudaIndex operator^(CudaIndex y) const;
};

/// Four matrices of 8 by 8 of 16 bits, to whose rows in shared memory the lanes of a warp point (ldmatrix.x4): four
/// registers with two columns each, or with two rows each.
SmallVector<Value> loadMatrices(CudaKernelEmitter &e, Value address, bool transposed);
/// `sums` (4 f32) plus the product of 16 rows (4 registers) with 8 columns (2 registers), by mma.m16n8k16.
SmallVector<Value> multiplyAdd(CudaKernelEmitter &e, ValueRange first, ValueRange second, ValueRange sums);
/// Begins to copy 16 bytes to shared memory, of which `bytes` (i32) are read; the others become zero.
void copyChunk(CudaKernelEmitter &e, Value to, Value from, Value bytes);

} // namespace plait

#endif // PLAIT_PASSES_CUDA_FRAGMENTS_H
