//===- ExpSeries.h - How kernels compute e^x --------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECTS_KERNEL_EXPSERIES_H
#define PLAIT_DIALECTS_KERNEL_EXPSERIES_H

namespace plait::kernel {

/// Numbers of e^x = 2^n e^r in f32, with n = round(x / ln 2) and r = x - n ln 2, of which all targets make the same
/// bits where each operation rounds alike.
struct ExpSeries {
  /// Adding it leaves the rounded number in the low bits.
  static constexpr double roundingMagic = 0x1.8p23;
  static constexpr double perLog2 = 0x1.715476p0; ///< 1 / ln 2
  /// ln 2 in two parts; the first one has so few bits that its product with n is exact.
  static constexpr double log2High = 0.693359375, log2Low = -2.12194440054690583e-4;
  /// e^r = 1 + r + r^2 q(r); q is the minimax polynomial of relative error 3e-9.
  static constexpr double tail[] = {0.4999999343207066, 0.16666520400169382, 0.04166839083778827, 0.00836874503064419,
                                    0.0013814536219470385};
  /// e^x is below the normal numbers from here on. They become 0: numbers between would be slow, and nothing that is
  /// made of them is seen.
  static constexpr double least = -87.33654;
  /// Added in f64 and taken away again it leaves of an e^x that is at most 1 the nearest multiple of 2^-43, the last
  /// place of numbers from 2^9 to 2^10. Up to 1024 of those have an exact sum.
  static constexpr double addendMagic = 0x1.8p9;
};

} // namespace plait::kernel

#endif // PLAIT_DIALECTS_KERNEL_EXPSERIES_H
