//===- CompiledKernel.h - One kernel, compiled and loaded -------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TEST_UNIT_COMPILER_COMPILEDKERNEL_H
#define PLAIT_TEST_UNIT_COMPILER_COMPILEDKERNEL_H

#include "plait-abi/Model.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace plait {

/// A kernel.func on its way through the CPU target, down to the shared object,
/// which must have no undefined symbols. Ends the test program if it does not
/// compile.
class CompiledKernel {
public:
  /// `text` defines `kernel.func @k`; it may use !i, !l and !f, vectors of i32,
  /// i64 and f32 over the leaves. Vectors may be wider than this machine's.
  CompiledKernel(const std::string &text, unsigned lanes);
  ~CompiledKernel();
  CompiledKernel(CompiledKernel &&other) noexcept : library(other.library), function(other.function) {
    other.library = nullptr;
  }

  /// The attributes that a kernel.func must have.
  static std::string cost();

  /// Computes the tiles begin, begin + step, ... < end; `reported` gets the
  /// leaves that were reported as not finite.
  void run(const std::vector<void *> &buffers, const std::map<int, int64_t> &dims, int64_t begin, int64_t end,
           int64_t step, std::vector<int64_t> *reported = nullptr) const;

private:
  void *library = nullptr;
  plait_kernel_fn_v1 function = nullptr;
};

} // namespace plait

#endif // PLAIT_TEST_UNIT_COMPILER_COMPILEDKERNEL_H
