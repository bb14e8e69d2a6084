//===- Refuse.h - What is not compiled yet ----------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_DECODE_REFUSE_H
#define PLAIT_PASSES_DECODE_REFUSE_H

#include "mlir/IR/Operation.h"

namespace plait {

/// Fails, with an error at `op`: what it has is legal, but there is no step for it.
inline llvm::LogicalResult refuse(mlir::Operation *op, const llvm::Twine &found, const llvm::Twine &expected) {
  return op->emitOpError("is not compiled yet: found ") << found << "; expected " << expected;
}

} // namespace plait

#endif // PLAIT_PASSES_DECODE_REFUSE_H
