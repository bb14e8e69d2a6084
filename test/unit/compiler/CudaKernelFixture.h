//===- CudaKernelFixture.h - Runs CUDA kernels without a GPU ----*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The code that is generated for sm_80, with what only a GPU has replaced by calls of a
// model of it: threads of a block take turns on this machine's processor, with stacks of their
// own; shuffles, ldmatrix and mma.sync exchange values within warps, as PTX ISA describes
// them. Copies that are asynchronous on a GPU are made at once, so races of those do not show.
// How a tensor core rounds inside of an instruction is unknown: the model sums exactly.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TEST_UNIT_COMPILER_CUDAKERNELFIXTURE_H
#define PLAIT_TEST_UNIT_COMPILER_CUDAKERNELFIXTURE_H

#include "CpuKernelFixture.h"

#include "dialects/Rt/Rt.h"

namespace plait::test {

class CudaKernel : public CpuKernel {
public:
  /// `text` holds one kernel.func @k.
  explicit CudaKernel(const std::string &text);
  /// Which of the functions runs from now on.
  void choose(size_t entry) { chosen = entry; }
  ArrayRef<rt::EntryAttr> entries() const { return all; }

protected:
  void call(const std::vector<void *> &buffers, const Step &step, int threads) override;

private:
  SmallVector<rt::EntryAttr> all;
  size_t chosen = 0;
};

} // namespace plait::test

#endif // PLAIT_TEST_UNIT_COMPILER_CUDAKERNELFIXTURE_H
