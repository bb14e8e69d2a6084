//===- PhiloxEmitter.h - Random numbers in CPU kernels ----------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_CPU_PHILOXEMITTER_H
#define PLAIT_PASSES_CPU_PHILOXEMITTER_H

#include "passes/CPU/KernelEmitter.h"

#include "runtime/base/Philox.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace plait {

/// A uniform number as by uniformDraw in runtime/base/Philox.h, in emitted code.
class PhiloxEmitter {
public:
  explicit PhiloxEmitter(CpuKernelEmitter &e) : e(e), b(e.builder()), i32(b.getI32Type()), i64(b.getI64Type()) {}

  /// `seed` and `sequence` are i64, `position` is i32; f32 in [0, 1).
  Value uniform(Value seed, Value sequence, Value position, RandomPurpose purpose) {
    Value key[] = {low(seed), high(seed)};
    Value counter[] = {position, e.integer(i32, int64_t(purpose)), low(sequence), high(sequence)};
    for (int round = 0; round < 10; ++round) {
      Value p0 = product(counter[0], kPhiloxMultiplier0), p1 = product(counter[2], kPhiloxMultiplier1);
      Value c0 = xorOf(xorOf(high(p1), counter[1]), key[0]), c2 = xorOf(xorOf(high(p0), counter[3]), key[1]);
      counter[1] = low(p1);
      counter[3] = low(p0);
      counter[0] = c0;
      counter[2] = c2;
      key[0] = e.add(key[0], int32_t(kPhiloxWeyl0));
      key[1] = e.add(key[1], int32_t(kPhiloxWeyl1));
    }
    Value bits = arith::ShRUIOp::create(b, e.loc(), counter[0], e.integer(i32, 8));
    return e.mul(arith::UIToFPOp::create(b, e.loc(), e.f32Type(), bits), e.f32(0x1p-24));
  }

private:
  Value low(Value x) { return arith::TruncIOp::create(b, e.loc(), i32, x); }
  Value high(Value x) { return low(arith::ShRUIOp::create(b, e.loc(), x, e.i64(32))); }
  Value xorOf(Value x, Value y) { return arith::XOrIOp::create(b, e.loc(), x, y); }
  /// All 64 bits of x * factor.
  Value product(Value x, uint32_t factor) {
    return e.mul(arith::ExtUIOp::create(b, e.loc(), i64, x), e.i64(int64_t(factor)));
  }

  CpuKernelEmitter &e;
  OpBuilder &b;
  Type i32, i64;
};

} // namespace plait

#endif // PLAIT_PASSES_CPU_PHILOXEMITTER_H
