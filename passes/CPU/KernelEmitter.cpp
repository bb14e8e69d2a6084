//===- KernelEmitter.cpp - Builds the code of one CPU kernel --------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/KernelEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace plait;

//===----------------------------------------------------------------------===//
// Arguments
//===----------------------------------------------------------------------===//

int64_t CpuKernelEmitter::getDimNumber(RankedTensorType type) {
  static constexpr StringLiteral names[PLAIT_DIM_COUNT] = PLAIT_DIM_NAMES;
  return llvm::find(names, lm::getLeadingDim(type)) - std::begin(names);
}

bool CpuKernelEmitter::hasKnownRows(RankedTensorType type) {
  return type.getRank() > 0 && (!type.isDynamicDim(0) || getDimNumber(type) < PLAIT_DIM_COUNT);
}

CpuKernelEmitter::CpuKernelEmitter(Location location, LLVM::LLVMFuncOp function, CpuTarget target)
    : function(function), cpu(target), location(location), b(function.getContext()) {
  b.setInsertionPointToEnd(function.addEntryBlock(b));
}

CpuKernelEmitter::CpuKernelEmitter(kernel::FuncOp kernel, LLVM::LLVMFuncOp function, CpuTarget target)
    : CpuKernelEmitter(kernel.getLoc(), function, target) {
  this->kernel = kernel;
  // All addresses and extents come first; what is not used goes away again.
  Type address = LLVM::LLVMPointerType::get(b.getContext());
  int64_t next = 0;
  auto bind = [&](Value value, unsigned count) {
    for (unsigned i = 0; i < count; ++i)
      buffers[value].push_back(load(address, function.getArgument(1), i64(next++)));
  };
  for (BlockArgument argument : kernel.getArguments())
    bind(argument, kernel::getArgumentBuffers(argument.getType()));
  for (Value result : kernel.getBody().front().getTerminator()->getOperands())
    bind(result, kernel::getResultBuffers(result.getType()));
  for (int64_t d = 0; d < PLAIT_DIM_COUNT; ++d)
    dims.push_back(load(b.getI64Type(), function.getArgument(2), i64(d)));
}

void CpuKernelEmitter::finish() { LLVM::ReturnOp::create(b, location, ValueRange()); }

Value CpuKernelEmitter::context() { return function.getArgument(0); }

Value CpuKernelEmitter::pointer(Value value, unsigned index) {
  if (auto unpack = value.getDefiningOp<kernel::UnpackOp>())
    value = unpack.getPacked();
  return buffers.at(value)[index];
}

Value CpuKernelEmitter::rowPointer(Value tensor, Value row) {
  int64_t bytes = lm::getRowBytes(cast<RankedTensorType>(tensor.getType()));
  if (buffers.contains(tensor))
    return element(b.getI8Type(), pointer(tensor), mul(row, bytes));
  Value &buffer = rowBuffers[tensor];
  if (!buffer)
    buffer = scratch(b.getI8Type(), bytes);
  return buffer;
}

kernel::PackedType CpuKernelEmitter::packedType(Value weight) {
  return cast<kernel::PackedType>(weight.getDefiningOp<kernel::UnpackOp>().getPacked().getType());
}

Value CpuKernelEmitter::dim(plait_dim_t d) { return dims[d]; }

Value CpuKernelEmitter::rows(Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  return type.isDynamicDim(0) ? dims[getDimNumber(type)] : i64(type.getDimSize(0));
}

//===----------------------------------------------------------------------===//
// Types, constants and memory outside the buffers
//===----------------------------------------------------------------------===//

Value CpuKernelEmitter::constant(Type type, double value) {
  Type scalar = getElementTypeOrSelf(type);
  TypedAttr attribute = b.getFloatAttr(scalar, value);
  if (auto vector = dyn_cast<VectorType>(type))
    attribute = DenseElementsAttr::get(vector, Attribute(attribute));
  return arith::ConstantOp::create(b, location, attribute);
}

Value CpuKernelEmitter::integer(Type type, int64_t value) {
  auto scalar = cast<IntegerType>(getElementTypeOrSelf(type));
  TypedAttr attribute = b.getIntegerAttr(scalar, APInt(scalar.getWidth(), uint64_t(value), /*isSigned=*/true,
                                                       /*implicitTrunc=*/true));
  if (auto vector = dyn_cast<VectorType>(type))
    attribute = DenseElementsAttr::get(vector, Attribute(attribute));
  return arith::ConstantOp::create(b, location, attribute);
}

Value CpuKernelEmitter::broadcast(Value value, int64_t count) {
  return vector::BroadcastOp::create(b, location, VectorType::get({count}, value.getType()), value);
}

Value CpuKernelEmitter::scratch(Type element, int64_t count) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&function.getBody().front());
  return LLVM::AllocaOp::create(b, location, LLVM::LLVMPointerType::get(b.getContext()), element, i64(count),
                                /*alignment=*/64);
}

Value CpuKernelEmitter::table(StringRef name, ArrayRef<double> values) {
  auto type = RankedTensorType::get({int64_t(values.size())}, b.getF64Type());
  auto array = LLVM::LLVMArrayType::get(b.getF64Type(), values.size());
  OpBuilder module(function);
  Attribute data = DenseElementsAttr::get(type, values);
  // Ops of one kernel that need the same table share it.
  std::string symbol = (function.getSymName() + "." + name).str();
  auto find = [&] { return SymbolTable::lookupNearestSymbolFrom<LLVM::GlobalOp>(function, b.getStringAttr(symbol)); };
  LLVM::GlobalOp same = find();
  while (same && same.getValueAttr() != data) {
    symbol += "_";
    same = find();
  }
  if (!same)
    LLVM::GlobalOp::create(module, location, array, /*isConstant=*/true, LLVM::Linkage::Internal, symbol, data,
                           /*alignment=*/64);
  return LLVM::AddressOfOp::create(b, location, LLVM::LLVMPointerType::get(b.getContext()), symbol);
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

/// Bytes at which an element lies aligned.
static unsigned alignmentOf(Type type) {
  Type element = getElementTypeOrSelf(type);
  return element.isIntOrFloat() ? element.getIntOrFloatBitWidth() / 8 : 8;
}

Value CpuKernelEmitter::element(Type element, Value pointer, Value offset) {
  return LLVM::GEPOp::create(b, location, pointer.getType(), element, pointer, ArrayRef<LLVM::GEPArg>{offset},
                             LLVM::GEPNoWrapFlags::inbounds);
}

Value CpuKernelEmitter::load(Type type, Value pointer, Value offset) {
  Value address = element(getElementTypeOrSelf(type), pointer, offset);
  return LLVM::LoadOp::create(b, location, type, address, alignmentOf(type));
}

void CpuKernelEmitter::store(Value value, Value pointer, Value offset) {
  Value address = element(getElementTypeOrSelf(value.getType()), pointer, offset);
  LLVM::StoreOp::create(b, location, value, address, alignmentOf(value.getType()));
}

Value CpuKernelEmitter::loadIndex(Value pointer, Value offset) {
  return arith::ExtSIOp::create(b, location, b.getI64Type(), load(b.getI32Type(), pointer, offset));
}

Value CpuKernelEmitter::load(Type elementType, Value pointer, Value offset, Value mask) {
  VectorType type = vectorType(elementType);
  if (!mask)
    return load(type, pointer, offset);
  Value zero = LLVM::ZeroOp::create(b, location, type);
  return LLVM::MaskedLoadOp::create(b, location, type, element(elementType, pointer, offset), mask, zero,
                                    b.getI32IntegerAttr(alignmentOf(type)), /*nontemporal=*/nullptr);
}

void CpuKernelEmitter::store(Value value, Value pointer, Value offset, Value mask) {
  if (!mask)
    return store(value, pointer, offset);
  Value address = element(getElementTypeOrSelf(value.getType()), pointer, offset);
  LLVM::MaskedStoreOp::create(b, location, value, address, mask, b.getI32IntegerAttr(alignmentOf(value.getType())));
}

void CpuKernelEmitter::prefetch(Value address, int64_t ahead, int level) {
  // It may lie behind the buffer, so nothing is said of where it is.
  Value line = LLVM::GEPOp::create(b, location, address.getType(), b.getI8Type(), address,
                                   ArrayRef<LLVM::GEPArg>{int32_t(ahead)});
  LLVM::Prefetch::create(b, location, line, /*rw=*/0, /*hint=*/4 - level, /*cache=*/1);
}

Value CpuKernelEmitter::loadWidened(Type storage, Value pointer, Value offset, Value mask) {
  if (!storage.isBF16())
    return load(storage, pointer, offset, mask);
  return widenBF16(load(b.getI16Type(), pointer, offset, mask));
}

/// `element`, or a vector of it as long as `like` if that is a vector.
static Type withElement(Type like, Type element) {
  auto vector = dyn_cast<VectorType>(like);
  return vector ? Type(vector.clone(element)) : element;
}

Value CpuKernelEmitter::widenBF16(Value bits) {
  // The upper half of an f32's bits.
  Value wide = arith::ExtUIOp::create(b, location, withElement(bits.getType(), b.getI32Type()), bits);
  wide = arith::ShLIOp::create(b, location, wide, integer(wide.getType(), 16));
  return bitcast(withElement(bits.getType(), f32Type()), wide);
}

Value CpuKernelEmitter::widenF16(Value bits) {
  Type f32 = withElement(bits.getType(), f32Type());
  if (lanes() > 4) // all that have AVX2 have F16C
    return arith::ExtFOp::create(b, location, f32, bitcast(withElement(bits.getType(), b.getF16Type()), bits));
  // See halfToFloat (runtime/base/QuantizedBlocks.h).
  Value wide = arith::ExtSIOp::create(b, location, withElement(bits.getType(), b.getI32Type()), bits);
  auto masked = [&](int32_t mask) -> Value {
    return arith::AndIOp::create(b, location, wide, integer(wide.getType(), mask));
  };
  Value magnitude = arith::ShLIOp::create(b, location, masked(0x7FFF), integer(wide.getType(), 13));
  magnitude = mul(bitcast(f32, magnitude), constant(f32, 0x1p112));
  Value sign = masked(int32_t(0x80000000));
  return bitcast(f32, arith::OrIOp::create(b, location, bitcast(wide.getType(), magnitude), sign));
}
