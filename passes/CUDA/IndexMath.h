//===- IndexMath.h - Where what lies in products on CUDA --------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which thread has which element, where it lies in shared memory, and which barrier is
// in which phase: facts of the instructions, from "PTX ISA", sections in brackets. Each
// is stated once, for integers and for values that a kernel computes alike: T has + - * / %
// ^ with T and with int64_t. test/unit/compiler/CudaIndexTest.cpp computes products with
// them on models of the instructions.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_CUDA_INDEXMATH_H
#define PLAIT_PASSES_CUDA_INDEXMATH_H

#include <cstdint>

namespace plait::cuda {

/// Tiles of operands are rows of so many bytes of K, 64 columns of bf16.
inline constexpr int64_t kRowBytes = 128;
/// What is moved and swizzled as a whole, 8 columns of bf16.
inline constexpr int64_t kChunkBytes = 16;
inline constexpr int64_t kTileColumns = kRowBytes / 2;
inline constexpr int64_t kChunkColumns = kChunkBytes / 2;
inline constexpr int64_t kChunks = kRowBytes / kChunkBytes;
/// Columns that one instruction multiplies.
inline constexpr int64_t kStepColumns = 16;
inline constexpr int64_t kSteps = kTileColumns / kStepColumns;
/// Bytes after which swizzling repeats; tiles begin at a multiple of them.
inline constexpr int64_t kSwizzleBytes = 8 * kRowBytes;

/// Byte offset of a chunk of a row in a tile that is swizzled by 128 bytes: the number of
/// the row, modulo 8, is added to that of the chunk without carry ("Swizzling Modes"). Any
/// eight rows from a multiple of 8 on have a chunk of one number in eight different banks.
template <typename T> T swizzledOffset(T row, T chunk) { return row * kRowBytes + (chunk ^ (row % 8)) * kChunkBytes; }

/// Row and chunk (of a step's two) that a lane points ldmatrix.x4 to, which gives each
/// lane four registers with two columns each ("ldmatrix", "Matrix Fragments for mma.m16n8k16").
template <typename T> struct Cell {
  T row, chunk;
};
/// For 16 rows of the first operand; with ldmatrix.trans also for 16 rows of K, of which the second one has two
/// registers for the first eight of 16 columns and two for the others.
template <typename T> Cell<T> firstOperandCell(T lane) { return {lane % 16, lane / 16}; }
/// For 16 rows (columns of the product) of the second one: two registers for the first
/// eight of them, two for the others.
template <typename T> Cell<T> secondOperandCell(T lane) { return {lane / 16 * 8 + lane % 8, lane / 8 % 2}; }

/// Row of element `i` of a lane, among the 16 of a warp, in the sums of mma.m16n8k16 (4
/// elements for 8 columns) and of wgmma.m64nNk16 (N/2 elements), whose warps have 16 rows each.
template <typename T> T sumRow(T lane, int64_t i) { return lane / 4 + i / 2 % 2 * 8; }
/// Its column.
template <typename T> T sumColumn(T lane, int64_t i) { return lane % 4 * 2 + (i / 4 * 8 + i % 2); }

/// Pages have rows of 16 columns of bf16, two chunks. Byte offset of a chunk of a row of such a tile, in which every
/// second four rows have theirs exchanged: any eight rows from a multiple of 8 on have a chunk of one number in
/// eight different banks.
inline constexpr int64_t kSliceBytes = 2 * kChunkBytes;
template <typename T> T slicedOffset(T row, T chunk) {
  return row * kSliceBytes + (chunk ^ (row / 4 % 2)) * kChunkBytes;
}

/// What wgmma is told of a tile besides its address: K consecutive in memory, swizzled by
/// 128 bytes, groups of 8 rows kSwizzleBytes apart ("Matrix Descriptor Format"). Bits 0-13
/// are the address in shared memory, 32-45 the distance of groups, both in units of 16
/// bytes; 16-29, unused with swizzling, are 1; bits 62-63 are 1 for 128 bytes.
inline constexpr uint64_t kDescriptorBits = uint64_t(1) << 62 | uint64_t(kSwizzleBytes >> 4) << 32 | uint64_t(1) << 16;
/// The descriptor's lower half for a tile at `address`, less than 256 KiB, for columns from
/// kStepColumns * step on. Adding bytes to the address is right inside a swizzled row, as
/// the hardware swizzles what it computes from it.
template <typename T> T descriptorAddress(T address, int64_t step) {
  return address / 16 % (1 << 14) + step * kStepColumns * 2 / 16;
}

/// Where tile number `k` goes in a ring of `stages` buffers, and the parity of the phase that
/// its "full" barrier completes when it is there ("mbarrier": phases alternate from 0 on).
template <typename T> T ringStage(T k, int64_t stages) { return k % stages; }
template <typename T> T fullParity(T k, int64_t stages) { return k / stages % 2; }
/// The parity of the phase of the "empty" barrier that ends when what lay there before tile
/// `k` has been used. Of the first round it is the phase before the first, which counts as over.
template <typename T> T emptyParity(T k, int64_t stages) { return (k / stages + 1) % 2; }

} // namespace plait::cuda

#endif // PLAIT_PASSES_CUDA_INDEXMATH_H
