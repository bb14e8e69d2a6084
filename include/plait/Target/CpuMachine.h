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
#include <vector>

namespace plait {

/// Tile registers (Intel AMX), or code that does the same with vectors, bit by bit.
enum class TileUnit { none, amx, emulated };

/// Products of pairs of bf16 in vectors (AVX512-BF16), or code that does the same bit by bit.
enum class PairUnit { none, avx512, emulated };

/// Products of bytes in vectors, four at a time (AVX512-VNNI), or code that does the same bit by bit.
enum class ByteUnit { none, vnni, emulated };

/// A microarchitecture level of the x86-64 psABI, or one of few further sets of
/// features. Code is compiled for a level, not for one machine, so that equal
/// requests give equal bytes and a binary runs wherever its level does.
struct CpuMachine {
  std::string name; ///< behind "cpu:"
  std::string triple;
  std::string cpu;      ///< LLVM's name of the psABI's level: x86-64, -v3, -v4
  std::string features; ///< LLVM's features beyond it: "+amx-tile,+amx-bf16"
  std::string isa;      ///< features the runtime must find, space separated
  unsigned lanes = 4;   ///< f32 per vector register
  bool fma = false;
  TileUnit tiles = TileUnit::none;
  PairUnit pairs = PairUnit::none;
  ByteUnit bytes = ByteUnit::none;
  bool roundInputs = false; ///< to bf16, of products with bf16: other numbers than elsewhere
};

/// `spec`: a name of docs/targets.md, optionally behind "cpu:", or "native" or "cpu": of
/// x86-64, x86-64-v3, x86-64-v4, vnni and amx-int8 the last one that this machine has; if
/// inputs `mayRound`, of avx512-bf16 and amx, too.
Expected<CpuMachine> resolveCpuMachine(const std::string &spec, bool mayRound = false);

/// A list of such with commas between, each once, the best first: with the most
/// lanes, then with the most features. The order that they are given in does not count.
Expected<std::vector<CpuMachine>> resolveCpuMachines(const std::string &list, bool mayRound = false);

/// What `spec` may be, for texts: "cpu:native, cpu:x86-64, ... or cpu:amx-emulated".
std::string cpuMachineNames();

} // namespace plait

#endif // PLAIT_TARGET_CPUMACHINE_H
