//===- CudaKernelFixture.h - Runs CUDA kernels without a GPU ----*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The code that is generated, with what only a GPU has replaced by calls of a model of it
// (test/unit/cuda/GpuModel.h).
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TEST_UNIT_COMPILER_CUDAKERNELFIXTURE_H
#define PLAIT_TEST_UNIT_COMPILER_CUDAKERNELFIXTURE_H

#include "CpuKernelFixture.h"
#include "CudaCases.h"

#include "dialects/Rt/Rt.h"

namespace plait::test {

class CudaKernel : public CpuKernel {
public:
  /// `text` holds one kernel.func @k, which is compiled for `chip`.
  explicit CudaKernel(const std::string &text, const std::string &chip = "sm_80");
  /// Which of the functions runs from now on.
  void choose(size_t entry) { chosen = entry; }
  ArrayRef<rt::EntryAttr> entries() const { return all; }

protected:
  void call(const std::vector<void *> &buffers, const Step &step, int threads) override;

private:
  SmallVector<rt::EntryAttr> all;
  size_t chosen = 0;
  CudaCases cases;
};

} // namespace plait::test

#endif // PLAIT_TEST_UNIT_COMPILER_CUDAKERNELFIXTURE_H
