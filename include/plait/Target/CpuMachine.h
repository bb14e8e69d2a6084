//===- CpuMachine.h - What a CPU target is compiled for ---------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TARGET_CPUMACHINE_H
#define PLAIT_TARGET_CPUMACHINE_H

#include "runtime/base/Status.h"

#include <cstdint>
#include <string>

namespace plait {

/// A microarchitecture level of the x86-64 psABI. Code is compiled for a level,
/// not for one machine, so that equal requests give equal bytes and a binary
/// runs wherever its level does.
struct CpuMachine {
  std::string triple;
  std::string cpu;    ///< LLVM's name of the level: x86-64, -v3, -v4
  std::string isa;    ///< features the runtime must find, space separated
  unsigned lanes = 4; ///< f32 per vector register
  bool fma = false;
};

/// `spec`: "native" (the highest level this machine has), "x86-64",
/// "x86-64-v3" or "x86-64-v4", each optionally behind "cpu:".
Expected<CpuMachine> resolveCpuMachine(const std::string &spec);

} // namespace plait

#endif // PLAIT_TARGET_CPUMACHINE_H
