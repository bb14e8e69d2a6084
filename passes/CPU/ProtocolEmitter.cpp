//===- ProtocolEmitter.cpp - Values and memory of overlap programs --------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/ProtocolEmitter.h"

#include "plait-abi/Protocol.h"

#include "mlir/Dialect/Affine/Utils.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace plait;

CpuProtocolEmitter::CpuProtocolEmitter(overlap::ProgramOp program, LLVM::LLVMFuncOp function, CpuTarget target,
                                       const overlap::ProgramMemory &memory, TileKernels &kernels, bool delays)
    : CpuKernelEmitter(program.getLoc(), function, target), program(program), memory(memory), kernels(kernels),
      delays(delays), call(function.getArgument(0)) {
  Type address = LLVM::LLVMPointerType::get(builder().getContext()), i32 = builder().getI32Type();
  team = field(offsetof(plait_protocol_call_v1_t, team), address);
  buffers = field(offsetof(plait_protocol_call_v1_t, buffers), address);
  scratchBase = field(offsetof(plait_protocol_call_v1_t, scratch), address);
  epoch = field(offsetof(plait_protocol_call_v1_t, epoch), i32);
  runtime = field(offsetof(plait_protocol_call_v1_t, runtime), address);
  Value own = element(builder().getI8Type(), team, i64(offsetof(plait_team_v1_t, rank)));
  rank = toIndex(load(i32, own, i64(0)));
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

Value CpuProtocolEmitter::field(size_t offset, Type type) {
  return load(type, element(builder().getI8Type(), call, i64(int64_t(offset))), i64(0));
}

Value CpuProtocolEmitter::toIndex(Value integer) {
  return arith::IndexCastUIOp::create(builder(), loc(), builder().getIndexType(), integer);
}
Value CpuProtocolEmitter::toI64(Value index) {
  return arith::IndexCastOp::create(builder(), loc(), builder().getI64Type(), index);
}
Value CpuProtocolEmitter::ranks() { return arith::ConstantIndexOp::create(builder(), loc(), program.countRanks()); }

/// Where it is used: what stands before a region is not of its function.
Value CpuProtocolEmitter::indexOf(Value index) {
  if (Value known = indices.lookup(index))
    return known;
  Operation *op = index.getDefiningOp();
  if (isa<overlap::RankOp>(op))
    return rank;
  if (isa<overlap::NumRanksOp>(op))
    return ranks();
  auto operands = llvm::map_to_vector(op->getOperands(), [&](Value operand) { return indexOf(operand); });
  Operation *clone = op->clone();
  clone->setOperands(operands);
  return builder().insert(clone)->getResult(cast<OpResult>(index).getResultNumber());
}

Value CpuProtocolEmitter::expand(AffineExpr expr, ValueRange dims, ValueRange symbols) {
  return affine::expandAffineExpr(builder(), loc(), expr, dims, symbols);
}

Value CpuProtocolEmitter::numberOf(overlap::CounterType type, ValueRange values) {
  Value number = arith::ConstantIndexOp::create(builder(), loc(), 0);
  for (auto [extent, value] : llvm::zip_equal(type.getExtents(), values)) {
    Value most = arith::ConstantIndexOp::create(builder(), loc(), extent);
    number = add(mul(number, most), value);
  }
  return number;
}

SmallVector<Value> CpuProtocolEmitter::indicesOf(ArrayRef<int64_t> extents, Value number) {
  SmallVector<Value> values(extents.size());
  for (size_t i = values.size(); i-- > 0;) {
    Value extent = arith::ConstantIndexOp::create(builder(), loc(), extents[i]);
    values[i] = i ? rem(number, extent) : number;
    number = i ? div(number, extent) : number;
  }
  return values;
}

void CpuProtocolEmitter::delay() {
  if (!delays)
    return;
  Type address = runtime.getType();
  auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(builder().getContext()), {address});
  Value function = field(offsetof(plait_protocol_call_v1_t, delay), address);
  LLVM::CallOp::create(builder(), loc(), type, ValueRange{function, runtime});
}

//===----------------------------------------------------------------------===//
// Symmetric memory
//===----------------------------------------------------------------------===//

Value CpuProtocolEmitter::memoryOf(Value ofRank, Value offset) {
  Value table = element(builder().getI8Type(), team, i64(offsetof(plait_team_v1_t, memory)));
  Value address = add(load(builder().getI64Type(), table, toI64(ofRank)), offset);
  return LLVM::IntToPtrOp::create(builder(), loc(), team.getType(), address);
}

Value CpuProtocolEmitter::addressOf(Value view, ValueRange offsets, Value ofRank, int64_t ahead) {
  auto buffer = view.getDefiningOp<overlap::ViewOp>().getBuffer();
  overlap::BufferType type = buffer.getType();
  Value offset = i64(memory.offsets.at(buffer.getDefiningOp()));
  if (type.getSlots() > 1) {
    Value slot =
        rem(ahead ? add(epoch, ahead) : epoch, integer(epoch.getType(), overlap::ProgramMemory::countSlots(type)));
    Value wide = arith::ExtUIOp::create(builder(), loc(), builder().getI64Type(), slot);
    offset = add(offset, mul(wide, overlap::ProgramMemory::slotBytes(type)));
  }
  Value row = toI64(indexOf(offsets[0])), column = toI64(indexOf(offsets[1]));
  Value first = add(mul(row, type.getShape()[1]), column);
  return memoryOf(ofRank, add(offset, mul(first, type.getElementType().getIntOrFloatBitWidth() / 8)));
}

//===----------------------------------------------------------------------===//
// Tiles and weights of the rank itself
//===----------------------------------------------------------------------===//

CpuProtocolEmitter::Tile CpuProtocolEmitter::tileOf(Value tensor) {
  if (auto known = tiles.find(tensor); known != tiles.end())
    return known->second;
  auto type = cast<RankedTensorType>(tensor.getType());
  Tile tile{{}, type.getDimSize(0), type.getDimSize(1), type.getDimSize(1), type.getElementType()};
  if (auto argument = dyn_cast<BlockArgument>(tensor)) {
    tile.base = load(buffers.getType(), buffers, i64(argument.getArgNumber()));
    return tile;
  }
  if (auto slice = tensor.getDefiningOp<overlap::SliceOp>()) {
    Tile whole = tileOf(slice.getInput());
    Value row = toI64(indexOf(slice.getOffsets()[0])), column = toI64(indexOf(slice.getOffsets()[1]));
    tile.base = element(tile.element, whole.base, add(mul(row, whole.stride), column));
    tile.stride = whole.stride;
    return tile;
  }
  // One number for all elements.
  auto splat = cast<SplatElementsAttr>(tensor.getDefiningOp<arith::ConstantOp>().getValue());
  tile = makeTile(tensor);
  Value value = constant(f32VectorType(), splat.getSplatValue<APFloat>().convertToDouble());
  forElements(tile, [&](Value row, Columns columns) { storeTo(tile, row, columns, value); });
  return tile;
}

CpuProtocolEmitter::Tile CpuProtocolEmitter::makeTile(Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  Tile tile{element(builder().getI8Type(), scratchBase, i64(nextScratch)), type.getDimSize(0), type.getDimSize(1),
            type.getDimSize(1), type.getElementType()};
  nextScratch += int64_t(llvm::alignTo(type.getNumElements() * type.getElementTypeBitWidth() / 8, 64));
  mostScratch = std::max(mostScratch, nextScratch);
  return tile;
}

/// Whether `index` is a multiple of `number`, as far as its arithmetic tells.
static bool isMultipleOf(Value index, int64_t number) {
  APInt value;
  if (matchPattern(index, m_ConstantInt(&value)))
    return value.getSExtValue() % number == 0;
  auto all = [&](Operation *op) {
    return llvm::all_of(op->getOperands(), [&](Value operand) { return isMultipleOf(operand, number); });
  };
  auto any = [&](Operation *op) {
    return llvm::any_of(op->getOperands(), [&](Value operand) { return isMultipleOf(operand, number); });
  };
  Operation *op = index.getDefiningOp();
  return isa_and_nonnull<arith::AddIOp, arith::SubIOp>(op) ? all(op) : isa_and_nonnull<arith::MulIOp>(op) && any(op);
}

FailureOr<Value> CpuProtocolEmitter::weightOf(Value weight) {
  if (auto argument = dyn_cast<BlockArgument>(weight))
    return Value(load(buffers.getType(), buffers, i64(argument.getArgNumber())));
  auto slice = weight.getDefiningOp<overlap::SliceOp>();
  auto whole = cast<lm::WeightType>(slice.getInput().getType()), part = cast<lm::WeightType>(weight.getType());
  kernel::PackedType packed = TileKernels::getPackedType(whole);
  int64_t panel = packed.getPanel();
  if (!isa<BlockArgument>(slice.getInput()) || !panel || part.getRows() % panel || part.getCols() != whole.getCols() ||
      !isMultipleOf(slice.getOffsets()[0], panel) || !isMultipleOf(slice.getOffsets()[1], whole.getCols()))
    return slice.emitOpError("expected whole rows of an argument, from a multiple of ")
           << PanelLayout().panel << " on and a multiple of " << PanelLayout().panel
           << " of them, for a CPU: weights lie in panels";
  auto base = weightOf(slice.getInput());
  Value number = div(toI64(indexOf(slice.getOffsets()[0])), i64(panel));
  return element(builder().getI8Type(), *base, mul(number, packed.getLayout().panelBytes()));
}

void CpuProtocolEmitter::forElements(const Tile &tile, Element body) {
  forLoop(i64(0), i64(tile.rows), 1,
          [&](Value row) { forColumns(tile.columns, [&](Columns columns) { body(row, columns); }); });
}

Value CpuProtocolEmitter::loadOf(const Tile &tile, Value row, Columns columns) {
  return load(tile.element, tile.base, add(mul(row, tile.stride), columns.first), columns.mask);
}
void CpuProtocolEmitter::storeTo(const Tile &tile, Value row, Columns columns, Value value) {
  store(value, tile.base, add(mul(row, tile.stride), columns.first), columns.mask);
}

void CpuProtocolEmitter::copy(const Tile &from, const Tile &to) {
  forElements(from, [&](Value row, Columns columns) {
    Value value = loadOf(from, row, columns);
    delay();
    storeTo(to, row, columns, value);
  });
}
