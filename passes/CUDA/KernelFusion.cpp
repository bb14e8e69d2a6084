//===- KernelFusion.cpp - Several ops in one CUDA kernel ------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CUDA/CudaKernels.h"

using namespace plait;

void CudaKernelEmitter::beginPart(ArrayRef<Operation *> ops) {
  partOps = ops;
  sharedNext = 0;
  rowBuffers.clear();
}

void CudaKernelEmitter::storeResult(Value result, Value value, Value offset) { store(value, pointer(result), offset); }

void CudaKernelEmitter::storeElements(ArrayRef<std::pair<Value, SmallVector<Value>>> known, ArrayRef<Place> places) {
  llvm::DenseMap<Value, SmallVector<Value>> finished(known.begin(), known.end());
  // In order, so that each finds what those before it make.
  SmallVector<CudaElementwiseOpInterface> ops;
  llvm::SmallPtrSet<Operation *, 4> mine;
  for (Operation *op : partOps)
    if (auto code = dyn_cast<CudaElementwiseOpInterface>(op))
      if (llvm::any_of(op->getOperands(), [&](Value operand) {
            return finished.contains(operand) || (operand.getDefiningOp() && mine.contains(operand.getDefiningOp()));
          })) {
        ops.push_back(code);
        mine.insert(op);
      }
  for (CudaElementwiseOpInterface op : ops)
    for (Value operand : op->getOperands())
      if (!finished.contains(operand) && !(operand.getDefiningOp() && mine.contains(operand.getDefiningOp()))) {
        SmallVector<Value> loaded;
        for (const Place &place : places)
          loaded.push_back(load(f32Type(), pointer(operand), place.offset));
        finished[operand] = std::move(loaded);
      }
  for (CudaElementwiseOpInterface op : ops) {
    SmallVector<Value> values;
    for (size_t i = 0; i < places.size(); ++i) {
      auto operands = llvm::map_to_vector(op->getOperands(), [&](Value operand) { return finished[operand][i]; });
      values.push_back(op.emitCudaElements(*this, operands));
    }
    finished[op->getResult(0)] = std::move(values);
  }
  for (Value result : results) {
    auto found = finished.find(result);
    if (found == finished.end() ||
        !isa_and_nonnull<CudaElementwiseOpInterface, CudaKernelOpInterface>(found->first.getDefiningOp()))
      continue;
    for (auto [place, value] : llvm::zip_equal(places, found->second)) {
      auto put = [&, place = place, value = value] { storeResult(result, value, place.offset); };
      if (place.exists)
        ifThen(place.exists, put);
      else
        put();
    }
  }
}
