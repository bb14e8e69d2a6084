//===- Linear.cpp - lm.linear and lm.head ---------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/AmxProduct.h"
#include "passes/CPU/CpuKernels.h"
#include "passes/CPU/Product.h"

using namespace plait;

/// Chooses the kind of product.
static LogicalResult emitProduct(Operation *op, CpuKernelEmitter &e, Value input, Value weight, Value bias) {
  int64_t columns = e.blockColumns(), panel = e.packedType(weight).getPanel();
  if (columns && (panel <= 0 || columns % panel))
    return op->emitOpError("expected panels that make up blocks of ")
           << columns << " rows, as these are reduced, but got " << e.packedType(weight);
  if (getElementTypeOrSelf(input.getType()).isBF16())
    return e.target().pairs == PairUnit::none ? emitAmxProduct(op, e, input, weight, bias)
                                              : emitPairProduct(op, e, input, weight, bias);
  kernel::PackedType packed = e.packedType(weight);
  Type storage = packed.getStorageType();
  bool isFull = packed.getGroup() * int64_t(storage.getIntOrFloatBitWidth()) == 32;
  if (!isFull || packed.getPanel() <= 0 || packed.getPanel() % (2 * e.lanes()))
    return op->emitOpError("expected a weight in panels of a multiple of ")
           << 2 * e.lanes() << " rows and in words of 32 bits, but got " << packed;
  if (cast<RankedTensorType>(input.getType()).getElementType().isF32())
    FloatProduct(e, input, weight, bias, op->getResult(0)).run();
  else
    emitIntegerProduct(e, input, weight, bias, op->getResult(0));
  return success();
}

static LogicalResult emitLinear(lm::LinearOp op, CpuKernelEmitter &e) {
  return emitProduct(op, e, op.getInput(), op.getWeight(), op.getBias());
}
static LogicalResult emitHead(lm::HeadOp op, CpuKernelEmitter &e) {
  return emitProduct(op, e, op.getInput(), op.getWeight(), Value());
}

void plait::registerLinearCpuKernels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, lm::LmDialect *) {
    attachCpuKernel<lm::LinearOp, emitLinear>(context);
    attachCpuKernel<lm::HeadOp, emitHead>(context);
  });
}
