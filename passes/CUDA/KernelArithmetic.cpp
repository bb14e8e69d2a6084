//===- KernelArithmetic.cpp - Operations on scalars and short vectors -----===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CUDA/KernelEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace plait;

static bool isFloat(Value x) { return isa<FloatType>(getElementTypeOrSelf(x.getType())); }

Value CudaKernelEmitter::add(Value x, Value y) {
  if (isFloat(x))
    return arith::AddFOp::create(b, location, x, y);
  return arith::AddIOp::create(b, location, x, y);
}

Value CudaKernelEmitter::sub(Value x, Value y) {
  if (isFloat(x))
    return arith::SubFOp::create(b, location, x, y);
  return arith::SubIOp::create(b, location, x, y);
}

Value CudaKernelEmitter::mul(Value x, Value y) {
  if (isFloat(x))
    return arith::MulFOp::create(b, location, x, y);
  return arith::MulIOp::create(b, location, x, y);
}

Value CudaKernelEmitter::div(Value x, Value y) {
  if (isFloat(x))
    return arith::DivFOp::create(b, location, x, y);
  return arith::DivUIOp::create(b, location, x, y);
}

Value CudaKernelEmitter::rem(Value x, Value y) { return arith::RemUIOp::create(b, location, x, y); }
Value CudaKernelEmitter::fma(Value x, Value y, Value z) { return LLVM::FMAOp::create(b, location, x, y, z); }
Value CudaKernelEmitter::negate(Value x) { return arith::NegFOp::create(b, location, x); }
Value CudaKernelEmitter::max(Value x, Value y) { return arith::MaximumFOp::create(b, location, x, y); }
Value CudaKernelEmitter::min(Value x, Value y) { return arith::MinimumFOp::create(b, location, x, y); }
Value CudaKernelEmitter::minimum(Value x, Value y) { return arith::MinUIOp::create(b, location, x, y); }

Value CudaKernelEmitter::below(Value x, Value y) {
  return arith::CmpIOp::create(b, location, arith::CmpIPredicate::ult, x, y);
}
Value CudaKernelEmitter::less(Value x, Value y) {
  return arith::CmpFOp::create(b, location, arith::CmpFPredicate::OLT, x, y);
}
Value CudaKernelEmitter::equal(Value x, Value y) {
  return arith::CmpIOp::create(b, location, arith::CmpIPredicate::eq, x, y);
}
Value CudaKernelEmitter::both(Value x, Value y) {
  if (!x || !y)
    return x ? x : y;
  return arith::AndIOp::create(b, location, x, y);
}
Value CudaKernelEmitter::select(Value condition, Value x, Value y) {
  return arith::SelectOp::create(b, location, condition, x, y);
}
Value CudaKernelEmitter::bitcast(Type type, Value x) { return LLVM::BitcastOp::create(b, location, type, x); }
Value CudaKernelEmitter::widen(Value x) { return arith::ExtUIOp::create(b, location, b.getI64Type(), x); }
Value CudaKernelEmitter::narrow(Value x) { return arith::TruncIOp::create(b, location, b.getI32Type(), x); }

Value CudaKernelEmitter::broadcast(Value value, int64_t count) {
  if (count == 1)
    return value;
  return vector::BroadcastOp::create(b, location, VectorType::get({count}, value.getType()), value);
}

SmallVector<Value> CudaKernelEmitter::lanes(Value x) {
  auto type = dyn_cast<VectorType>(x.getType());
  if (!type)
    return {x};
  SmallVector<Value> values;
  for (int64_t i = 0; i < type.getNumElements(); ++i)
    values.push_back(vector::ExtractOp::create(b, location, x, i));
  return values;
}

Value CudaKernelEmitter::fromLanes(ArrayRef<Value> lanes) {
  if (lanes.size() == 1)
    return lanes[0];
  auto type = VectorType::get({int64_t(lanes.size())}, lanes[0].getType());
  return vector::FromElementsOp::create(b, location, type, lanes);
}

Value CudaKernelEmitter::perElement(Value x, llvm::function_ref<Value(Value)> f) {
  SmallVector<Value> values = lanes(x);
  for (Value &value : values)
    value = f(value);
  return fromLanes(values);
}

Value CudaKernelEmitter::reduceAdd(Value x) {
  SmallVector<Value> values = lanes(x);
  Value sum = values[0];
  for (Value value : llvm::drop_begin(values))
    sum = add(sum, value);
  return sum;
}

Value CudaKernelEmitter::roundToBF16(Value x) {
  auto vector = dyn_cast<VectorType>(x.getType());
  return arith::TruncFOp::create(b, location, vector ? Type(vector.clone(b.getBF16Type())) : b.getBF16Type(), x);
}
