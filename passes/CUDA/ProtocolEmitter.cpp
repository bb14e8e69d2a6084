//===- ProtocolEmitter.cpp - Values and memory of overlap programs --------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CUDA/ProtocolEmitter.h"

#include "plait-abi/Team.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace plait;

CudaProtocolEmitter::CudaProtocolEmitter(overlap::ProgramOp program, LLVM::LLVMFuncOp function,
                                         const CudaMachine &machine, Entry entry, const overlap::ProgramMemory &memory,
                                         CudaMulticast multicast)
    : CudaKernelEmitter(
          program.getLoc(), program.getBody().getArguments(),
          [&] {
            SmallVector<Value> products;
            program.walk([&](lm::LinearOp op) { products.push_back(op.getResult()); });
            return products;
          }(),
          function, machine, entry),
      program(program), memory(memory), multicast(multicast) {
  MLIRContext *context = program.getContext();
  for (size_t i = 0; i < program.getResultTypes().size(); ++i)
    resultPointers.push_back(addParameter(LLVM::LLVMPointerType::get(context, /*global*/ 1)));
  team = addParameter(LLVM::LLVMPointerType::get(context));
  teamNumber = cast<BlockArgument>(team).getArgNumber();
  epoch = addParameter(builder().getI32Type());
}

rt::EntryAttr CudaProtocolEmitter::finishProtocol() {
  rt::EntryAttr entry = finish();
  auto function = cast<LLVM::LLVMFuncOp>(team.getParentBlock()->getParentOp());
  OpBuilder &b = builder();
  auto bytes = LLVM::LLVMArrayType::get(b.getI64Type(), sizeof(plait_team_v1_t) / 8);
  function.setArgAttr(teamNumber, LLVM::LLVMDialect::getByValAttrName(), TypeAttr::get(bytes));
  function.setArgAttr(teamNumber, LLVM::LLVMDialect::getAlignAttrName(), b.getI64IntegerAttr(8));
  function.setArgAttr(teamNumber, NVVM::NVVMDialect::getGridConstantAttrName(), b.getUnitAttr());
  return rt::EntryAttr::get(b.getContext(), entry.getName(), /*rows=*/0, entry.getThreads(), entry.getShared(),
                            entry.getGrid(), entry.getMaps());
}

Value CudaProtocolEmitter::teamWord(int64_t offset, Type type) {
  return load(type, element(builder().getI8Type(), team, i32(offset)), i32(0));
}

Value CudaProtocolEmitter::rank() { return teamWord(offsetof(plait_team_v1_t, rank), builder().getI32Type()); }

Value CudaProtocolEmitter::memoryOf(Value rank) {
  Value table = element(builder().getI8Type(), team, i32(offsetof(plait_team_v1_t, memory)));
  return load(builder().getI64Type(), table, rank);
}

Value CudaProtocolEmitter::toPointer(Value address) {
  return LLVM::IntToPtrOp::create(builder(), loc(), LLVM::LLVMPointerType::get(builder().getContext(), /*global*/ 1),
                                  address);
}

Value CudaProtocolEmitter::offsetOf(Value view, ValueRange offsets, Value row, int64_t ahead) {
  auto buffer = view.getDefiningOp<overlap::ViewOp>().getBuffer();
  auto type = cast<overlap::BufferType>(buffer.getType());
  Value offset = i64(memory.offsets.at(buffer.getDefiningOp()));
  if (type.getSlots() > 1)
    offset = add(offset, mul(widen(rem(ahead ? add(epoch, ahead) : epoch, overlap::ProgramMemory::countSlots(type))),
                             overlap::ProgramMemory::slotBytes(type)));
  Value element = mul(widen(add(indexOf(offsets[0]), row)), type.getShape()[1]);
  element = add(element, widen(indexOf(offsets[1])));
  return add(offset, mul(element, type.getElementType().getIntOrFloatBitWidth() / 8));
}

Value CudaProtocolEmitter::addressOf(Value view, ValueRange offsets, Value row, Value peer) {
  auto op = view.getDefiningOp<overlap::ViewOp>();
  if (!peer)
    peer = op.getPeer() ? indexOf(op.getPeer()) : rank();
  return add(memoryOf(peer), offsetOf(view, offsets, row));
}

//===----------------------------------------------------------------------===//
// Indices
//===----------------------------------------------------------------------===//

Value CudaProtocolEmitter::indexOf(Value index) {
  if (Value known = indices.lookup(index))
    return known;
  Operation *op = index.getDefiningOp();
  auto operand = [&](unsigned i) { return indexOf(op->getOperand(i)); };
  auto apply = [&](auto f) {
    Value x = operand(0), y = operand(1);
    return f(x, y);
  };
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case<arith::ConstantOp>([&](auto c) { return i32(cast<IntegerAttr>(c.getValue()).getInt()); })
      .Case<overlap::RankOp>([&](auto) { return rank(); })
      .Case<overlap::NumRanksOp>([&](auto) { return i32(program.countRanks()); })
      .Case<arith::AddIOp>([&](auto) { return apply([&](Value x, Value y) { return add(x, y); }); })
      .Case<arith::SubIOp>([&](auto) { return apply([&](Value x, Value y) { return sub(x, y); }); })
      .Case<arith::MulIOp>([&](auto) { return apply([&](Value x, Value y) { return mul(x, y); }); })
      .Case<arith::DivUIOp>([&](auto) { return apply([&](Value x, Value y) { return div(x, y); }); })
      .Case<arith::RemUIOp>([&](auto) { return apply([&](Value x, Value y) { return rem(x, y); }); });
}

Value CudaProtocolEmitter::expand(AffineExpr expr, ValueRange dims, ValueRange symbols) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return i32(constant.getValue());
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return dims[dim.getPosition()];
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return symbols[symbol.getPosition()];
  auto binary = cast<AffineBinaryOpExpr>(expr);
  Value x = expand(binary.getLHS(), dims, symbols), y = expand(binary.getRHS(), dims, symbols);
  switch (binary.getKind()) {
  case AffineExprKind::Add:
    return add(x, y);
  case AffineExprKind::Mul:
    return mul(x, y);
  case AffineExprKind::Mod:
    return rem(x, y);
  case AffineExprKind::FloorDiv:
    return div(x, y);
  default: // CeilDiv
    return div(add(x, sub(y, i32(1))), y);
  }
}

Value CudaProtocolEmitter::numberOf(overlap::CounterType type, ValueRange values) {
  Value number = i32(0);
  for (auto [extent, value] : llvm::zip_equal(type.getExtents(), values))
    number = add(mul(number, extent), value);
  return number;
}

SmallVector<Value> CudaProtocolEmitter::indicesOf(overlap::CounterType type, Value number) {
  SmallVector<Value> values(type.getExtents().size());
  for (size_t i = values.size(); i-- > 0;) {
    values[i] = i ? rem(number, type.getExtents()[i]) : number;
    number = i ? div(number, type.getExtents()[i]) : number;
  }
  return values;
}
