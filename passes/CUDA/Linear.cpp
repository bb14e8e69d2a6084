//===- Linear.cpp - lm.linear and lm.head ---------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CUDA/CudaKernels.h"
#include "passes/CUDA/Product.h"

using namespace plait;

static LogicalResult emitLinear(lm::LinearOp op, CudaKernelEmitter &e) { return CudaProduct::emit(op, e); }
static LogicalResult emitHead(lm::HeadOp op, CudaKernelEmitter &e) { return CudaProduct::emit(op, e); }
template <typename Op> static SmallVector<CudaKernelEmitter::Entry> entriesOf(Op, const CudaMachine &machine) {
  return CudaProduct::entriesFor(machine);
}

void plait::registerLinearCudaKernels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, lm::LmDialect *) {
    attachCudaKernel<lm::LinearOp, emitLinear, entriesOf<lm::LinearOp>>(context);
    attachCudaKernel<lm::HeadOp, emitHead, entriesOf<lm::HeadOp>>(context);
  });
}
