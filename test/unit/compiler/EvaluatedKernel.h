//===- EvaluatedKernel.h - A kernel's op by its definition ------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TEST_UNIT_COMPILER_EVALUATEDKERNEL_H
#define PLAIT_TEST_UNIT_COMPILER_EVALUATEDKERNEL_H

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace plait {

/// Evaluates the one op of `kernel.func @k` in `text` by its reference semantics, on the
/// buffers that a CompiledKernel of it is run on. `rows` gives an extent by its name. Ends
/// the test program if it does not parse.
void evaluateKernel(const std::string &text, const std::vector<void *> &buffers,
                    const std::function<int64_t(const std::string &)> &rows);

} // namespace plait

#endif // PLAIT_TEST_UNIT_COMPILER_EVALUATEDKERNEL_H
