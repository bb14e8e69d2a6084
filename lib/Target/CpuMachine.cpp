//===- CpuMachine.cpp - What a CPU target is compiled for -----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Target/CpuMachine.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/TargetParser/Host.h"

#include <tuple>

using namespace plait;

// https://gitlab.com/x86-psABIs/x86-64-ABI, "Micro-architecture levels". The
// features listed are those that generated code uses.
static CpuMachine baseline() {
  return {.name = "x86-64", .triple = "x86_64-unknown-linux-gnu", .cpu = "x86-64", .features = "", .isa = "sse2"};
}

static CpuMachine v3() {
  CpuMachine machine = baseline();
  machine.name = machine.cpu = "x86-64-v3";
  machine.isa = "avx2 bmi bmi2 f16c fma";
  machine.lanes = 8;
  machine.fma = true;
  return machine;
}

static CpuMachine v4() {
  CpuMachine machine = v3();
  machine.name = machine.cpu = "x86-64-v4";
  machine.isa += " avx512f avx512bw avx512cd avx512dq avx512vl";
  machine.lanes = 16;
  return machine;
}

/// Ice Lake, Zen 4 and later. The bits of results are those of x86-64-v4.
static CpuMachine vnni() {
  CpuMachine machine = v4();
  machine.name = "vnni";
  machine.features = "+avx512vnni";
  machine.isa += " avx512vnni";
  machine.bytes = ByteUnit::vnni;
  return machine;
}

/// Zen 4 and later, and bf16 in vectors, for which inputs are rounded: for machines without
/// AMX, where it is faster than f32.
static CpuMachine avx512BF16() {
  CpuMachine machine = vnni();
  machine.name = "avx512-bf16";
  machine.features += ",+avx512bf16";
  machine.isa += " avx512bf16";
  machine.pairs = PairUnit::avx512;
  machine.roundInputs = true;
  return machine;
}

/// Sapphire Rapids and later, with the bits of vnni: sums of integers are exact.
static CpuMachine amxInt8() {
  CpuMachine machine = vnni();
  machine.name = "amx-int8";
  machine.features += ",+amx-tile,+amx-int8";
  machine.isa += " amx-tile amx-int8";
  machine.tiles = TileUnit::amx;
  return machine;
}

/// The same, and bf16 on tiles, for which inputs are rounded. AVX512-BF16 is there as
/// well and not used: its VDPBF16PS was measured at half the speed of f32 multiply-adds
/// on a Sapphire Rapids, so that what the tiles do not multiply is widened to f32.
static CpuMachine amx() {
  CpuMachine machine = amxInt8();
  machine.name = "amx";
  machine.features += ",+amx-bf16";
  machine.isa += " amx-bf16";
  machine.roundInputs = true;
  return machine;
}

/// For tests: the kernels of `amx` on machines without it, slowly.
static CpuMachine emulatedAmx() {
  CpuMachine machine = v3();
  machine.name = "amx-emulated";
  machine.tiles = TileUnit::emulated;
  machine.roundInputs = true;
  return machine;
}

/// For tests: the kernels of `avx512-bf16` on machines without it, slowly.
static CpuMachine emulatedBF16() {
  CpuMachine machine = v3();
  machine.name = "avx512-bf16-emulated";
  machine.pairs = PairUnit::emulated;
  machine.roundInputs = true;
  return machine;
}

static bool hostHas(const CpuMachine &machine) {
  llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
  llvm::SmallVector<llvm::StringRef> needed;
  llvm::StringRef(machine.isa).split(needed, ' ');
  return llvm::all_of(needed, [&](llvm::StringRef feature) { return features.lookup(feature); });
}

Expected<CpuMachine> plait::resolveCpuMachine(const std::string &spec, bool mayRound) {
  llvm::StringRef name(spec);
  name.consume_front("cpu:");
  if (name == "native" || name == "cpu") {
    // What is computed should not depend on where it is compiled, unless that is said not to matter.
    for (CpuMachine machine : {amx(), avx512BF16(), amxInt8(), vnni(), v4(), v3()})
      if ((mayRound || !machine.roundInputs) && hostHas(machine))
        return machine;
    return baseline();
  }
  for (CpuMachine machine :
       {baseline(), v3(), v4(), vnni(), avx512BF16(), amxInt8(), amx(), emulatedBF16(), emulatedAmx()})
    if (name == machine.name)
      return machine;
  return invalidArgument("target: found '" + spec + "'; expected " + cpuMachineNames());
}

std::string plait::cpuMachineNames() {
  return "cpu:native, cpu:x86-64, cpu:x86-64-v3, cpu:x86-64-v4, cpu:vnni, cpu:avx512-bf16, cpu:amx-int8, cpu:amx, "
         "cpu:avx512-bf16-emulated or cpu:amx-emulated";
}

Expected<std::vector<CpuMachine>> plait::resolveCpuMachines(const std::string &list, bool mayRound) {
  llvm::SmallVector<llvm::StringRef> specs;
  llvm::StringRef(list).split(specs, ',');
  std::vector<CpuMachine> machines;
  for (llvm::StringRef spec : specs) {
    PLAIT_ASSIGN_OR_RETURN(CpuMachine machine, resolveCpuMachine(spec.trim().str(), mayRound));
    if (llvm::none_of(machines, [&](const CpuMachine &other) { return other.name == machine.name; }))
      machines.push_back(std::move(machine));
  }
  llvm::sort(machines, [](const CpuMachine &a, const CpuMachine &b) {
    auto rank = [](const CpuMachine &machine) {
      return std::make_tuple(machine.lanes, llvm::count(machine.isa, ' '), machine.name);
    };
    return rank(a) > rank(b);
  });
  return machines;
}
