//===- Isa.h - CPU features that compiled code may need --------*- C++ -*--===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_DEVICE_CPU_ISA_H
#define PLAIT_RUNTIME_DEVICE_CPU_ISA_H

#include "runtime/base/Status.h"

#include <string>
#include <string_view>
#include <vector>

namespace plait {

/// The features of `isa` (LLVM names, separated by spaces or commas, an optional
/// '+' in front) that this CPU or its operating system lacks, in order. A name
/// that is not known here counts as missing.
std::vector<std::string> missingCpuFeatures(std::string_view isa);

/// Why code that needs the features of `isa` cannot run: "lacks avx2 fma", or what
/// the kernel refuses; empty if it can. Asks the kernel for the AMX tile state
/// where that is needed.
std::string cpuShortage(std::string_view isa);

/// Success if every feature of `isa` is there; otherwise an error with the above.
Status checkCpuFeatures(std::string_view isa);

/// The known features that this CPU has, separated by spaces.
std::string cpuFeatures();

/// The CPU's brand string, or "unknown CPU".
std::string cpuName();

} // namespace plait

#endif // PLAIT_RUNTIME_DEVICE_CPU_ISA_H
