//===- KernelFusion.cpp - Several ops in one CPU kernel -------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/CpuKernels.h"

using namespace plait;

/// The op of a part that reduces blocks of columns; null if there is none.
static CpuBlockReductionOpInterface blockReductionOf(ArrayRef<Operation *> part) {
  for (Operation *op : part)
    if (auto reduction = dyn_cast<CpuBlockReductionOpInterface>(op))
      return reduction;
  return {};
}

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
  if (CpuBlockReductionOpInterface reduction = blockReductionOf(partOps)) {
    Value column = sub(columns.first, mul(block.number, reduction.getBlockColumns()));
    Value offset = add(mul(sub(row, block.firstRow), reduction.getBlockColumns()), column);
    store(finished.lookup(reduction->getOperand(0)), block.memory, offset, columns.mask);
  }
}

int64_t CpuKernelEmitter::blockColumns() {
  CpuBlockReductionOpInterface reduction = blockReductionOf(partOps);
  return reduction ? reduction.getBlockColumns() : 0;
}

void CpuKernelEmitter::beginBlock(Value number, Value firstRow, int64_t mostRows) {
  block = {scratch(f32Type(), mostRows * blockColumns()), number, firstRow};
}

void CpuKernelEmitter::finishBlock(Value rows) {
  CpuBlockReductionOpInterface reduction = blockReductionOf(partOps);
  int64_t width = reduction.getBlockColumns();
  int64_t columns = cast<RankedTensorType>(reduction->getOperand(0).getType()).getDimSize(1);
  auto emit = [&](int64_t count) {
    forLoop(i64(0), rows, 1, [&](Value i) {
      Value memory = element(f32Type(), block.memory, mul(i, width)), row = add(block.firstRow, i);
      reduction.emitCpuBlock(*this, memory, row, block.number, count);
    });
  };
  if (columns % width == 0)
    return emit(width);
  ifElse(less(block.number, i64(columns / width)), [&] { emit(width); }, [&] { emit(columns % width); });
}
