//===- KernelEmitter.cpp - Arguments, threads and memory of a kernel ------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CUDA/KernelEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace plait;

static constexpr unsigned kGlobal = 1, kShared = 3; // address spaces ("NVPTX", LLVM)

static Type addressType(OpBuilder &b, unsigned space) { return LLVM::LLVMPointerType::get(b.getContext(), space); }

//===----------------------------------------------------------------------===//
// Arguments
//===----------------------------------------------------------------------===//

int64_t CudaKernelEmitter::getDimNumber(RankedTensorType type) {
  static constexpr StringLiteral names[PLAIT_DIM_COUNT] = PLAIT_DIM_NAMES;
  return llvm::find(names, lm::getLeadingDim(type)) - std::begin(names);
}

bool CudaKernelEmitter::hasKnownRows(RankedTensorType type) {
  return type.getRank() > 0 && (!type.isDynamicDim(0) || getDimNumber(type) < PLAIT_DIM_COUNT);
}

CudaKernelEmitter::CudaKernelEmitter(kernel::FuncOp kernel, LLVM::LLVMFuncOp function, const CudaMachine &machine,
                                     Entry entry)
    : results(kernel.getBody().front().getTerminator()->getOperands()), function(function), cuda(machine), self(entry),
      location(kernel.getLoc()), b(kernel.getContext()) {
  b.setInsertionPointToEnd(b.createBlock(&function.getBody()));
  for (BlockArgument argument : kernel.getArguments())
    bind(argument, kernel::getArgumentBuffers(argument.getType()));
  for (Value result : results)
    bind(result, kernel::getResultBuffers(result.getType()));
  Value extents = addParameter(addressType(b, kGlobal));
  // All extents come first; what is not used goes away again.
  for (int64_t d = 0; d < PLAIT_DIM_COUNT; ++d)
    dims.push_back(load(b.getI64Type(), extents, i32(d)));
  identify();
}

CudaKernelEmitter::CudaKernelEmitter(Location location, ValueRange arguments, ValueRange results,
                                     LLVM::LLVMFuncOp function, const CudaMachine &machine, Entry entry)
    : results(results), function(function), cuda(machine), self(entry), location(location), b(function.getContext()) {
  b.setInsertionPointToEnd(b.createBlock(&function.getBody()));
  for (Value argument : arguments)
    bind(argument, 1);
  identify();
}

void CudaKernelEmitter::identify() {
  threadNumber = NVVM::ThreadIdXOp::create(b, location, b.getI32Type());
  blockNumber = NVVM::BlockIdXOp::create(b, location, b.getI32Type());
  firstBlock = i32(0);
}

Value CudaKernelEmitter::addParameter(Type type) { return function.getBody().front().addArgument(type, location); }

void CudaKernelEmitter::bind(Value value, unsigned count) {
  for (unsigned i = 0; i < count; ++i) {
    Value parameter = addParameter(addressType(b, kGlobal));
    buffers[value].push_back(parameter);
    positions[value].push_back(cast<BlockArgument>(parameter).getArgNumber());
  }
}

rt::EntryAttr CudaKernelEmitter::finish() {
  LLVM::ReturnOp::create(b, location, ValueRange());
  Block &block = function.getBody().front();
  function.setFunctionType(LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()),
                                                       SmallVector<Type>(block.getArgumentTypes())));
  auto unit = b.getUnitAttr();
  function->setAttr(NVVM::NVVMDialect::getKernelFuncAttrName(), unit);
  function->setAttr(NVVM::NVVMDialect::getReqntidAttrName(), b.getDenseI32ArrayAttr({int32_t(self.threads), 1, 1}));
  // Without it ptxas does not know for how many blocks to save registers, and ignores setmaxnreg.
  function->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(), b.getI32IntegerAttr(1));
  unsigned firstMap = block.getNumArguments() - maps.size();
  for (unsigned i = firstMap; i < block.getNumArguments(); ++i) {
    auto bytes = LLVM::LLVMArrayType::get(b.getI8Type(), 128);
    function.setArgAttr(i, LLVM::LLVMDialect::getByValAttrName(), TypeAttr::get(bytes));
    function.setArgAttr(i, LLVM::LLVMDialect::getAlignAttrName(), b.getI64IntegerAttr(64));
    function.setArgAttr(i, NVVM::NVVMDialect::getGridConstantAttrName(), unit);
  }
  return rt::EntryAttr::get(b.getContext(), function.getSymName(), self.rows, self.threads, sharedBytes, grid, maps);
}

Value CudaKernelEmitter::pointer(Value value, unsigned index) {
  if (auto unpack = value.getDefiningOp<kernel::UnpackOp>())
    value = unpack.getPacked();
  return buffers.at(value)[index];
}

Value CudaKernelEmitter::rowPointer(Value tensor, Value row) {
  int64_t bytes = lm::getRowBytes(cast<RankedTensorType>(tensor.getType()));
  if (buffers.contains(tensor))
    return element(b.getI8Type(), pointer(tensor), mul(widen(row), bytes));
  Value &buffer = rowBuffers[tensor];
  if (!buffer)
    buffer = shared(bytes, 16);
  return buffer;
}

int64_t CudaKernelEmitter::rowElements(Value result) {
  return cast<RankedTensorType>(result.getType()).getShape().back();
}

void CudaKernelEmitter::bindSlice(Value slice, Value whole, Value firstRow) {
  auto weight = dyn_cast<lm::WeightType>(whole.getType());
  Type type = weight ? cast<lm::WeightFormatInterface>(weight.getFormat()).getStorageType()
                     : getElementTypeOrSelf(whole.getType());
  int64_t columns = lm::getShardableShape(whole.getType()).back();
  Value address = element(type, pointer(whole), mul(widen(firstRow), columns));
  buffers[slice] = {address};
  slices[slice] = {whole, firstRow};
}

Value CudaKernelEmitter::rowOfMatrix(Value value, Value row) {
  auto slice = slices.find(value);
  return slice == slices.end() ? row : add(row, slice->second.second);
}

kernel::PackedType CudaKernelEmitter::packedType(Value weight) {
  return cast<kernel::PackedType>(weight.getDefiningOp<kernel::UnpackOp>().getPacked().getType());
}

Value CudaKernelEmitter::dim(plait_dim_t d) { return dims[d]; }

Value CudaKernelEmitter::rows(Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  return type.isDynamicDim(0) ? dims[getDimNumber(type)] : i64(type.getDimSize(0));
}

Value CudaKernelEmitter::tensorMap(Value value, int64_t rows, int64_t columns, int64_t boxRows) {
  if (auto unpack = value.getDefiningOp<kernel::UnpackOp>())
    value = unpack.getPacked();
  if (auto slice = slices.find(value); slice != slices.end()) {
    value = slice->second.first;
    rows = lm::getShardableShape(value.getType())[0];
  }
  if (auto type = dyn_cast<RankedTensorType>(value.getType()); type && !rows && !type.isDynamicDim(0))
    rows = type.getDimSize(0);
  auto map = rt::TensorMapAttr::get(b.getContext(), positions.at(value)[0], rows, columns, boxRows);
  auto *same = llvm::find(maps, map);
  if (same != maps.end())
    return mapValues[same - maps.begin()];
  maps.push_back(map);
  mapValues.push_back(function.getBody().front().addArgument(addressType(b, 0), location));
  return mapValues.back();
}

//===----------------------------------------------------------------------===//
// Blocks, threads and the memory that they share
//===----------------------------------------------------------------------===//

rt::TilesAttr CudaKernelEmitter::rowTiles(Value tensor, int64_t perRow, int64_t block) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (type.isDynamicDim(0))
    return rt::TilesAttr::get(b.getContext(), perRow, getDimNumber(type), block, /*cyclic=*/false);
  int64_t blocks = llvm::divideCeilSigned(type.getDimSize(0), block);
  return rt::TilesAttr::get(b.getContext(), perRow * blocks, -1, 1, /*cyclic=*/false);
}

void CudaKernelEmitter::forEachTile(rt::TilesAttr tiles, Body body) {
  Value count = i32(tiles.getCount());
  if (tiles.getDim() >= 0) {
    Value extent = narrow(dims[tiles.getDim()]);
    count = mul(div(add(extent, tiles.getBlock() - 1), tiles.getBlock()), tiles.getCount());
  }
  // A block before the first one of this part has a number that is no less than the count.
  Value tile = sub(blockNumber, firstBlock);
  ifThen(below(tile, count), [&] { body(tile); });
  firstBlock = add(firstBlock, count);
  grid.push_back(tiles);
}

void CudaKernelEmitter::barrier() { NVVM::BarrierOp::create(b, location); }

Value CudaKernelEmitter::sharedBase() {
  constexpr StringLiteral name = "shared";
  auto *parent = function->getParentOp();
  // What is dynamic has no size here: a launch says it.
  if (!SymbolTable::lookupSymbolIn(parent, name)) {
    OpBuilder module(function);
    LLVM::GlobalOp::create(module, location, LLVM::LLVMArrayType::get(b.getI8Type(), 0), /*isConstant=*/false,
                           LLVM::Linkage::External, name, Attribute(), /*alignment=*/1024, kShared);
  }
  return LLVM::AddressOfOp::create(b, location, addressType(b, kShared), name);
}

Value CudaKernelEmitter::shared(int64_t bytes, int64_t alignment) {
  sharedNext = llvm::alignTo(sharedNext, alignment);
  Value address = element(b.getI8Type(), sharedBase(), i32(sharedNext));
  sharedNext += bytes;
  sharedBytes = std::max(sharedBytes, sharedNext);
  return address;
}

Value CudaKernelEmitter::shuffle(Value value, int64_t mask) {
  Type type = value.getType();
  if (type.getIntOrFloatBitWidth() == 64) {
    SmallVector<Value> halves = lanes(bitcast(typeOf(f32Type(), 2), value));
    Value low = shuffle(halves[0], mask), high = shuffle(halves[1], mask);
    return bitcast(type, fromLanes({low, high}));
  }
  if (!type.isF32())
    return bitcast(type, shuffle(bitcast(f32Type(), value), mask));
  return NVVM::ShflOp::create(b, location, value.getType(), i32(-1), value, i32(mask), i32(31), NVVM::ShflKind::bfly,
                              UnitAttr());
}

Value CudaKernelEmitter::sumOverThreads(Value value, bool warps) {
  for (int64_t mask = 1; mask < 32; mask *= 2)
    value = add(value, shuffle(value, mask));
  int64_t count = self.threads / 32;
  if (!warps || count == 1)
    return value;
  Value sums = shared(count * 4, 16);
  ifThen(equal(lane(), i32(0)), [&] { store(value, sums, warp()); });
  barrier();
  Value sum = load(f32Type(), sums, i32(0));
  for (int64_t i = 1; i < count; ++i)
    sum = add(sum, load(f32Type(), sums, i32(i)));
  return sum;
}

//===----------------------------------------------------------------------===//
// Columns
//===----------------------------------------------------------------------===//

int64_t CudaKernelEmitter::width(ArrayRef<int64_t> extents) {
  for (int64_t width : {4, 2})
    if (llvm::all_of(extents, [&](int64_t extent) { return extent % width == 0; }))
      return width;
  return 1;
}

void CudaKernelEmitter::forColumns(int64_t count, int64_t width, ColumnBody body, bool warps) {
  int64_t threads = warps ? self.threads : 32;
  Value first = mul(warps ? thread() : lane(), width);
  if (count == threads * width)
    return body({first, width});
  forLoop(first, i32(count), threads * width, [&](Value column) { body({column, width}); });
}

Value CudaKernelEmitter::sumColumns(int64_t count, int64_t width, llvm::function_ref<Value(CudaColumns)> term,
                                    bool warps) {
  int64_t threads = warps ? self.threads : 32;
  Value first = mul(warps ? thread() : lane(), width);
  Value sums = forLoop(first, i32(count), threads * width, constant(typeOf(f32Type(), width), 0),
                       [&](Value column, ValueRange carried) {
                         Value value = term({column, width});
                         return SmallVector<Value>{add(carried[0], value)};
                       })[0];
  return sumOverThreads(reduceAdd(sums), warps);
}

//===----------------------------------------------------------------------===//
// Types, constants and tables
//===----------------------------------------------------------------------===//

Type CudaKernelEmitter::typeOf(Type element, int64_t count) {
  return count == 1 ? element : VectorType::get({count}, element);
}

Value CudaKernelEmitter::constant(Type type, double value) {
  TypedAttr attribute = b.getFloatAttr(getElementTypeOrSelf(type), value);
  if (auto vector = dyn_cast<VectorType>(type))
    attribute = DenseElementsAttr::get(vector, Attribute(attribute));
  return arith::ConstantOp::create(b, location, attribute);
}

Value CudaKernelEmitter::integer(Type type, int64_t value) {
  auto scalar = cast<IntegerType>(getElementTypeOrSelf(type));
  TypedAttr attribute = b.getIntegerAttr(scalar, APInt(scalar.getWidth(), uint64_t(value), /*isSigned=*/true,
                                                       /*implicitTrunc=*/true));
  if (auto vector = dyn_cast<VectorType>(type))
    attribute = DenseElementsAttr::get(vector, Attribute(attribute));
  return arith::ConstantOp::create(b, location, attribute);
}

Value CudaKernelEmitter::table(StringRef name, ArrayRef<double> values) {
  auto type = RankedTensorType::get({int64_t(values.size())}, b.getF64Type());
  auto array = LLVM::LLVMArrayType::get(b.getF64Type(), values.size());
  OpBuilder module(function);
  Attribute data = DenseElementsAttr::get(type, values);
  // Ops of one kernel that need the same table share it.
  std::string symbol = name.str();
  auto find = [&] {
    return cast_or_null<LLVM::GlobalOp>(SymbolTable::lookupSymbolIn(function->getParentOp(), symbol));
  };
  LLVM::GlobalOp same = find();
  while (same && same.getValueAttr() != data) {
    symbol += "_";
    same = find();
  }
  if (!same)
    LLVM::GlobalOp::create(module, location, array, /*isConstant=*/true, LLVM::Linkage::Internal, symbol, data,
                           /*alignment=*/16, kGlobal);
  return LLVM::AddressOfOp::create(b, location, addressType(b, kGlobal), symbol);
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

static unsigned sizeOf(Type type) {
  if (auto vector = dyn_cast<VectorType>(type))
    return vector.getNumElements() * sizeOf(vector.getElementType());
  return type.getIntOrFloatBitWidth() / 8;
}

Value CudaKernelEmitter::element(Type element, Value pointer, Value offset) {
  return LLVM::GEPOp::create(b, location, pointer.getType(), element, pointer, ArrayRef<LLVM::GEPArg>{offset},
                             LLVM::GEPNoWrapFlags::inbounds);
}

Value CudaKernelEmitter::load(Type type, Value pointer, Value offset) {
  Value address = element(getElementTypeOrSelf(type), pointer, offset);
  return LLVM::LoadOp::create(b, location, type, address, sizeOf(type));
}

void CudaKernelEmitter::store(Value value, Value pointer, Value offset) {
  Value address = element(getElementTypeOrSelf(value.getType()), pointer, offset);
  LLVM::StoreOp::create(b, location, value, address, sizeOf(value.getType()));
}

Value CudaKernelEmitter::loadWidened(Type storage, Value pointer, Value offset, int64_t count) {
  if (!storage.isBF16())
    return load(typeOf(storage, count), pointer, offset);
  // The upper half of an f32's bits.
  Value bits = load(typeOf(b.getI16Type(), count), pointer, offset);
  Type words = typeOf(b.getI32Type(), count);
  Value wide = arith::ExtUIOp::create(b, location, words, bits);
  wide = arith::ShLIOp::create(b, location, wide, integer(words, 16));
  return bitcast(typeOf(f32Type(), count), wide);
}

//===----------------------------------------------------------------------===//
// Control
//===----------------------------------------------------------------------===//

void CudaKernelEmitter::forLoop(Value lower, Value upper, int64_t step, Body body) {
  forLoop(lower, upper, step, ValueRange(), [&](Value i, ValueRange) {
    body(i);
    return SmallVector<Value>();
  });
}

SmallVector<Value> CudaKernelEmitter::forLoop(Value lower, Value upper, int64_t step, ValueRange init, IterBody body) {
  Value width = integer(lower.getType(), step);
  auto loop =
      scf::ForOp::create(b, location, lower, upper, width, init, [&](OpBuilder &, Location, Value, ValueRange) {});
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(loop.getBody());
  SmallVector<Value> next = body(loop.getInductionVar(), loop.getRegionIterArgs());
  scf::YieldOp::create(b, location, next);
  return SmallVector<Value>(loop.getResults());
}

void CudaKernelEmitter::ifThen(Value condition, llvm::function_ref<void()> body) {
  auto branch = scf::IfOp::create(b, location, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(branch.thenBlock()->getTerminator());
  body();
}

void CudaKernelEmitter::ifThenElse(Value condition, llvm::function_ref<void()> body,
                                   llvm::function_ref<void()> otherwise) {
  auto branch = scf::IfOp::create(b, location, condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(branch.thenBlock()->getTerminator());
  body();
  b.setInsertionPoint(branch.elseBlock()->getTerminator());
  otherwise();
}

Value CudaKernelEmitter::inlinePtx(StringRef text, StringRef constraints, Type result, ValueRange operands,
                                   bool ordered) {
  std::string all = constraints.str() + (ordered ? constraints.empty() ? "~{memory}" : ",~{memory}" : "");
  SmallVector<Type> results;
  if (result)
    results.push_back(result);
  auto op = LLVM::InlineAsmOp::create(b, location, results, operands, text, all, /*has_side_effects=*/ordered,
                                      /*is_align_stack=*/false, LLVM::tailcallkind::TailCallKind::None,
                                      LLVM::AsmDialectAttr::get(b.getContext(), LLVM::AsmDialect::AD_ATT), ArrayAttr());
  return result ? op.getResult(0) : Value();
}
