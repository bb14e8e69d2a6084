//===- CudaMachine.cpp - What a CUDA target is compiled for ---------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Target/CudaMachine.h"

#include "llvm/ADT/StringRef.h"

using namespace plait;

/// A100. Its code runs on every later architecture of the same major version.
static CudaMachine ampere() { return {"sm_80", "+ptx80", MatrixUnit::mma, 163 * 1024, 108}; }

/// H100, H200. PTX 8.6 is the first one in which TMA copies to a block alone, not to a cluster.
static CudaMachine hopper() { return {"sm_90a", "+ptx86", MatrixUnit::wgmma, 227 * 1024, 132}; }

/// B200. Its own matrix unit (tcgen05) is not used.
static CudaMachine blackwell() { return {"sm_100a", "+ptx86", MatrixUnit::mma, 227 * 1024, 148}; }

bool plait::isCudaTarget(const std::string &spec) { return llvm::StringRef(spec).starts_with("cuda:"); }

Expected<CudaMachine> plait::resolveCudaMachine(const std::string &spec) {
  for (CudaMachine machine : {ampere(), hopper(), blackwell()})
    if (spec == "cuda:" + machine.name)
      return machine;
  return invalidArgument("target: found '" + spec + "'; expected " + cudaMachineNames());
}

std::string plait::cudaMachineNames() { return "cuda:sm_80, cuda:sm_90a or cuda:sm_100a"; }
