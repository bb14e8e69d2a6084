//===- FloatMode.h - Rounding and denormals -------------------*- C++ -*---===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_DEVICE_CPU_FLOATMODE_H
#define PLAIT_RUNTIME_DEVICE_CPU_FLOATMODE_H

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace plait {

/// Compiled code must see the default rounding and denormal modes on every
/// thread, whatever the host program has set; otherwise the bits of a tile
/// would depend on the thread that computes it.
class DefaultFloatMode {
public:
#if defined(__x86_64__)
  DefaultFloatMode() : saved(_mm_getcsr()) { _mm_setcsr(0x1F80); }
  ~DefaultFloatMode() { _mm_setcsr(saved); }

private:
  unsigned saved;
#else
  DefaultFloatMode() {}
#endif
};

} // namespace plait

#endif // PLAIT_RUNTIME_DEVICE_CPU_FLOATMODE_H
