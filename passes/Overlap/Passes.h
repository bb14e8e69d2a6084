//===- Passes.h - Passes of the overlap phase -------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_OVERLAP_PASSES_H
#define PLAIT_PASSES_OVERLAP_PASSES_H

#include "dialects/Overlap/Overlap.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

namespace plait {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "passes/Overlap/Passes.h.inc"

} // namespace plait

#endif // PLAIT_PASSES_OVERLAP_PASSES_H
