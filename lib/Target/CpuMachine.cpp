//===- CpuMachine.cpp - What a CPU target is compiled for -----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Target/CpuMachine.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/TargetParser/Host.h"

#include <tuple>

using namespace plait;

static CpuMachine level(std::string cpu, std::string isa, unsigned lanes, bool fma) {
  return {"x86_64-unknown-linux-gnu", std::move(cpu), std::move(isa), lanes, fma};
}

// https://gitlab.com/x86-psABIs/x86-64-ABI, "Micro-architecture levels". The
// features listed are those that generated code uses.
static CpuMachine baseline() { return level("x86-64", "sse2", 4, false); }
static CpuMachine v3() { return level("x86-64-v3", "avx2 bmi bmi2 f16c fma", 8, true); }
static CpuMachine v4() {
  return level("x86-64-v4", "avx2 bmi bmi2 f16c fma avx512f avx512bw avx512cd avx512dq avx512vl", 16, true);
}

static bool hostHas(const CpuMachine &machine) {
  llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
  llvm::SmallVector<llvm::StringRef> needed;
  llvm::StringRef(machine.isa).split(needed, ' ');
  for (llvm::StringRef feature : needed)
    if (!features.lookup(feature))
      return false;
  return true;
}

Expected<CpuMachine> plait::resolveCpuMachine(const std::string &spec) {
  llvm::StringRef name(spec);
  name.consume_front("cpu:");
  if (name == "native")
    return hostHas(v4()) ? v4() : hostHas(v3()) ? v3() : baseline();
  for (CpuMachine machine : {baseline(), v3(), v4()})
    if (name == machine.cpu)
      return machine;
  return invalidArgument("target: found '" + spec +
                         "'; expected cpu:native, cpu:x86-64, cpu:x86-64-v3 or cpu:x86-64-v4");
}

Expected<std::vector<CpuMachine>> plait::resolveCpuMachines(const std::string &list) {
  llvm::SmallVector<llvm::StringRef> specs;
  llvm::StringRef(list).split(specs, ',');
  std::vector<CpuMachine> machines;
  for (llvm::StringRef spec : specs) {
    PLAIT_ASSIGN_OR_RETURN(CpuMachine machine, resolveCpuMachine(spec.trim().str()));
    if (llvm::none_of(machines, [&](const CpuMachine &other) { return other.cpu == machine.cpu; }))
      machines.push_back(std::move(machine));
  }
  llvm::sort(machines, [](const CpuMachine &a, const CpuMachine &b) {
    auto rank = [](const CpuMachine &machine) {
      return std::make_tuple(machine.lanes, llvm::count(machine.isa, ' '), machine.cpu);
    };
    return rank(a) > rank(b);
  });
  return machines;
}
