//===- KernelFusion.cpp - Several ops in one CPU kernel -------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/CpuKernels.h"

using namespace plait;

void CpuKernelEmitter::storeResults(ArrayRef<std::pair<Value, Value>> results, Value row, Columns columns) {
  auto offsetIn = [&](Value tensor) {
    return add(mul(row, cast<RankedTensorType>(tensor.getType()).getDimSize(1)), columns.first);
  };
  llvm::DenseMap<Value, Value> finished(results.begin(), results.end());
  // In order, so that each finds what those before it made.
  for (Operation *op : partOps) {
    auto code = dyn_cast<CpuElementwiseOpInterface>(op);
    if (!code || llvm::none_of(op->getOperands(), [&](Value operand) { return finished.contains(operand); }))
      continue;
    SmallVector<Value> operands;
    for (Value operand : op->getOperands()) {
      Value vector = finished.lookup(operand);
      operands.push_back(vector ? vector : load(f32Type(), pointer(operand), offsetIn(operand), columns.mask));
    }
    finished[op->getResult(0)] = code.emitCpuElements(*this, operands);
  }
  for (Value result : kernel.getBody().front().getTerminator()->getOperands())
    if (Value vector = finished.lookup(result))
      store(vector, pointer(result), offsetIn(result), columns.mask);
}
