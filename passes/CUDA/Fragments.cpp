//===- Fragments.cpp - What mma.sync works on -----------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CUDA/Fragments.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace plait;

CudaIndex CudaIndex::operator^(CudaIndex y) const {
  return {e, arith::XOrIOp::create(e->builder(), e->loc(), value, y.value)};
}

static SmallVector<Value> elementsOf(CudaKernelEmitter &e, Value structure) {
  SmallVector<Value> elements;
  for (int64_t i = 0; i < 4; ++i)
    elements.push_back(LLVM::ExtractValueOp::create(e.builder(), e.loc(), structure, i));
  return elements;
}

SmallVector<Value> plait::loadMatrices(CudaKernelEmitter &e, Value address, bool transposed) {
  OpBuilder &b = e.builder();
  auto type = LLVM::LLVMStructType::getLiteral(b.getContext(), SmallVector<Type>(4, b.getI32Type()));
  auto layout = transposed ? NVVM::MMALayout::col : NVVM::MMALayout::row;
  return elementsOf(e, NVVM::LdMatrixOp::create(b, e.loc(), type, address, 4, layout,
                                                NVVM::LdStMatrixShapeAttr::get(b.getContext(), 8, 8),
                                                NVVM::LdStMatrixEltType::B16));
}

SmallVector<Value> plait::multiplyAdd(CudaKernelEmitter &e, ValueRange first, ValueRange second, ValueRange sums) {
  OpBuilder &b = e.builder();
  auto type = LLVM::LLVMStructType::getLiteral(b.getContext(), SmallVector<Type>(4, e.f32Type()));
  return elementsOf(e, NVVM::MmaOp::create(b, e.loc(), type, first, second, sums, ArrayRef<int64_t>{16, 8, 16},
                                           std::nullopt, std::nullopt,
                                           std::array{NVVM::MMATypes::bf16, NVVM::MMATypes::bf16},
                                           std::array{NVVM::MMALayout::row, NVVM::MMALayout::col}));
}

void plait::copyChunk(CudaKernelEmitter &e, Value to, Value from, Value bytes) {
  NVVM::CpAsyncOp::create(e.builder(), e.loc(), to, from, cuda::kChunkBytes, NVVM::LoadCacheModifierKind::CG, bytes);
}
