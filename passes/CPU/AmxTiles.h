//===- AmxTiles.h - Tile registers in CPU kernels ---------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Eight registers, each a matrix of up to 16 rows of 64 bytes, and the one
// instruction that multiplies them. Either Intel AMX itself or vector code that
// computes the same bits, so that what is written with tiles can be run and
// tested on every machine.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_CPU_AMXTILES_H
#define PLAIT_PASSES_CPU_AMXTILES_H

#include "passes/CPU/KernelEmitter.h"

#include <memory>

namespace plait {

class TileOps {
public:
  static constexpr int64_t maxRows = 16, rowBytes = 64;

  /// What the emitter's target has. Null if it has no tiles.
  static std::unique_ptr<TileOps> create(CpuKernelEmitter &emitter);
  virtual ~TileOps() = default;

  /// Gives the tiles of `few` `rows` rows (i64, 1 to 16) and the others 16. Once
  /// per call of a kernel, before the tiles are used: the registers belong to the
  /// thread, so calls on several threads do not disturb each other.
  virtual void configure(ArrayRef<unsigned> few, Value rows) = 0;
  /// Gives the registers back: no state is left to save when threads are switched.
  virtual void release() = 0;

  virtual void zero(unsigned tile) = 0;
  /// The tile's rows lie at `address`, `address` + `stride` bytes, ...; `once`: no
  /// need to keep them in the caches.
  virtual void load(unsigned tile, Value address, int64_t stride, bool once = false) = 0;
  virtual void store(unsigned tile, Value address, int64_t stride) = 0;
  /// sums[m][n] += sum over k of a[m][2k] * b[k][2n] and of a[m][2k+1] * b[k][2n+1]
  /// (TDPBF16PS): f32 sums, bf16 factors. The two sums over k are chains of fused
  /// multiply-adds from zero, then added to one another, then to sums[m][n]. To
  /// nearest even; subnormal numbers are zeros on the way in and out. (Source:
  /// Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2.)
  virtual void multiplyBF16(unsigned sums, unsigned a, unsigned b) = 0;
  /// sums[m][n] += sum over k of a[m][4k+i] * b[k][4n+i], i from 0 to 3 (TDPBSSD,
  /// TDPBSUD, TDPBUSD, TDPBUUD): i32 sums, bytes with or without sign as factors.
  virtual void multiplyInt8(unsigned sums, unsigned a, unsigned b, bool signedA, bool signedB) = 0;
};

} // namespace plait

#endif // PLAIT_PASSES_CPU_AMXTILES_H
