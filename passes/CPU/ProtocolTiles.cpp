//===- ProtocolTiles.cpp - Bodies of overlap programs on CPU ranks --------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What is loaded is copied into the worker's own memory, whole tiles at a time: others may write where it came from
// as soon as they are told. There kernels compute, and from there it is stored.
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/CpuKernels.h"
#include "passes/CPU/ProtocolEmitter.h"

#include "plait-abi/Protocol.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace plait;

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

kernel::PackedType TileKernels::getPackedType(lm::WeightType weight) {
  if (weight.isVector())
    return kernel::PackedType::get(weight.getContext(), weight, /*panel=*/0, /*group=*/1);
  unsigned bits = cast<lm::WeightFormatInterface>(weight.getFormat()).getStorageType().getIntOrFloatBitWidth();
  return kernel::PackedType::get(weight.getContext(), weight, PanelLayout().panel, 32 / bits);
}

FailureOr<TileKernels::Kernel> TileKernels::get(Operation *op) {
  std::string key;
  llvm::raw_string_ostream(key) << op->getName() << op->getAttrDictionary() << " " << op->getOperandTypes() << " "
                                << op->getResultTypes();
  if (auto known = kernels.find(key); known != kernels.end())
    return known->second;
  OpBuilder b = OpBuilder::atBlockEnd(module.getBody());
  SmallVector<Type> inputs;
  for (Type type : op->getOperandTypes()) {
    auto weight = dyn_cast<lm::WeightType>(type);
    inputs.push_back(weight ? Type(getPackedType(weight)) : type);
  }
  std::string name = prefix + "_tile" + std::to_string(kernels.size());
  SmallVector<int64_t> nothing(5, 0);
  auto cost = kernel::CostAttr::get(op->getContext(), nothing, nothing, nothing);
  auto kernel = kernel::FuncOp::create(b, op->getLoc(), name,
                                       FunctionType::get(op->getContext(), inputs, op->getResultTypes()), cost,
                                       /*in_place=*/DenseI64ArrayAttr(), /*host=*/false, ArrayAttr(), ArrayAttr());
  Block *block = b.createBlock(&kernel.getBody(), {}, inputs, SmallVector<Location>(inputs.size(), op->getLoc()));
  SmallVector<Value> operands;
  for (auto [argument, type] : llvm::zip_equal(block->getArguments(), op->getOperandTypes()))
    operands.push_back(isa<lm::WeightType>(type) ? kernel::UnpackOp::create(b, op->getLoc(), type, argument).getResult()
                                                 : argument);
  Operation *copy = op->clone();
  copy->setOperands(operands);
  b.insert(copy);
  kernel::ReturnOp::create(b, op->getLoc(), copy->getResults());
  auto tiles = generateCpuKernel(kernel, target);
  if (failed(tiles))
    return failure();
  auto function = module.lookupSymbol<LLVM::LLVMFuncOp>(name);
  function.setLinkage(LLVM::Linkage::Internal);
  return kernels[key] = {function, tiles->count};
}

LogicalResult CpuProtocolEmitter::emitKernel(Operation *op) {
  auto kernel = kernels.get(op);
  if (failed(kernel))
    return failure();
  SmallVector<Value> addresses;
  for (Value operand : op->getOperands()) {
    if (isa<lm::WeightType>(operand.getType())) {
      auto weight = weightOf(operand);
      if (failed(weight))
        return failure();
      addresses.push_back(*weight);
      continue;
    }
    Tile tile = tileOf(operand);
    if (tile.stride != tile.columns) {
      Tile whole = makeTile(operand);
      copy(tile, whole);
      tile = whole;
    }
    addresses.push_back(tile.base);
  }
  for (Value result : op->getResults())
    addresses.push_back((tiles[result] = makeTile(result)).base);
  Value list = scratch(buffers.getType(), int64_t(addresses.size()));
  for (auto [i, address] : llvm::enumerate(addresses))
    store(address, list, i64(int64_t(i)));
  // Of no step, whose extents it would ask for.
  Value context = LLVM::ZeroOp::create(builder(), loc(), list.getType());
  Value dims = scratch(builder().getI64Type(), PLAIT_DIM_COUNT);
  LLVM::CallOp::create(builder(), loc(), kernel->function,
                       ValueRange{context, list, dims, i64(0), i64(kernel->tiles), i64(1)});
  return success();
}

//===----------------------------------------------------------------------===//
// Regions and tiles
//===----------------------------------------------------------------------===//

int64_t CpuProtocolEmitter::countWorkers(overlap::RegionOp region) {
  int64_t count = 0;
  for (Operation &op : region.getBody().front())
    llvm::TypeSwitch<Operation *>(&op).Case<overlap::TilesOp, overlap::TriggerOp>(
        [&](auto part) { count += part.getPool().getCount(); });
  return count;
}

LogicalResult CpuProtocolEmitter::emitRegion(overlap::RegionOp region) {
  LogicalResult result = success();
  Value worker = toI64(toIndex(field(offsetof(plait_protocol_call_v1_t, worker), builder().getI32Type())));
  int64_t first = 0;
  for (Operation &op : region.getBody().front())
    llvm::TypeSwitch<Operation *>(&op).Case<overlap::TilesOp, overlap::TriggerOp>([&](auto part) {
      Value number = sub(worker, i64(first));
      int64_t count = part.getPool().getCount();
      Value isOfPool = arith::CmpIOp::create(builder(), loc(), arith::CmpIPredicate::ult, number, i64(count));
      ifThen(isOfPool, [&] {
        if constexpr (std::is_same_v<decltype(part), overlap::TilesOp>)
          result = failed(result) ? result : emitTiles(part, number);
        else
          result = failed(result) ? result : emitTrigger(part);
      });
      first += count;
    });
  return result;
}

LogicalResult CpuProtocolEmitter::emitTiles(overlap::TilesOp op, Value first) {
  LogicalResult result = success();
  forLoop(first, i64(op.countTiles()), op.getPool().getCount(), [&](Value place) {
    SmallVector<Value> at = indicesOf(op.getExtents(), toIndex(place));
    if (auto order = op.getOrder()) {
      SmallVector<Value> own(order->getNumSymbols(), rank);
      at = llvm::map_to_vector(order->getResults(), [&](AffineExpr expr) { return expand(expr, at, own); });
    }
    for (auto [argument, value] : llvm::zip_equal(op.getBody().getArguments(), at))
      indices[argument] = value;
    result = emitBody(llvm::map_to_vector(op.getBody().front(), [](Operation &inner) { return &inner; }));
  });
  return result;
}

LogicalResult CpuProtocolEmitter::emitBody(ArrayRef<Operation *> ops) {
  OpBuilder::InsertionGuard guard(builder()); // a wait puts what is behind it into a block of its own
  nextScratch = 0;
  for (Operation *op : ops)
    if (failed(emitOp(op)))
      return failure();
  return success();
}

LogicalResult CpuProtocolEmitter::emitOp(Operation *op) {
  for (Value operand : op->getOperands())
    if (Operation *made = operand.getDefiningOp(); made && isa<RankedTensorType>(operand.getType()))
      if (!isa<overlap::SliceOp, arith::ConstantOp>(made) && !tiles.contains(operand))
        return op->emitOpError("expected a tile that is made in the same part of the program, a region or what is "
                               "between regions, for a CPU: others are not of the same thread");
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case<overlap::PutOp>([&](auto put) {
        emitStore(put.getValue(), put.getTarget(), put.getOffsets(), /*adds=*/false);
        return success();
      })
      .Case<overlap::ReduceAddOp>([&](auto sum) {
        emitStore(sum.getValue(), sum.getTarget(), sum.getOffsets(), /*adds=*/true);
        return success();
      })
      .Case<overlap::LoadOp>([&](auto load) { return emitLoad(load), success(); })
      .Case<overlap::LoadReduceOp>([&](auto sum) { return emitSum(sum), success(); })
      .Case<overlap::PublishOp>([&](auto publish) { return emitPublish(publish), success(); })
      .Case<overlap::PollOp>([&](auto poll) { return emitPoll(poll), success(); })
      .Case<overlap::ClearOp>([&](auto clear) { return emitClear(clear), success(); })
      .Case<overlap::ArriveOp>([&](auto arrive) { return emitArrive(arrive), success(); })
      .Case<overlap::WaitOp>([&](auto wait) { return emitWait(wait), success(); })
      .Case<overlap::ReturnOp>([&](auto end) { return emitReturn(end), success(); })
      // Where they are used; a thread's stores do not go on by themselves.
      .Case<overlap::AllocOp, overlap::TrackOp, overlap::ViewOp, overlap::SliceOp, overlap::RankOp, overlap::NumRanksOp,
            overlap::MergeOp, overlap::QuietOp>([](Operation *) { return success(); })
      .Default([&](Operation *other) {
        return isa<CpuKernelOpInterface>(other) ? emitKernel(other) : LogicalResult(success());
      });
}

//===----------------------------------------------------------------------===//
// Memory operations
//===----------------------------------------------------------------------===//

void CpuProtocolEmitter::emitStore(Value tensor, Value view, ValueRange offsets, bool adds) {
  Tile from = tileOf(tensor), to = from;
  auto op = view.getDefiningOp<overlap::ViewOp>();
  to.stride = op.getBuffer().getType().getShape()[1];
  auto storeAt = [&](Value peer) {
    to.base = addressOf(view, offsets, peer);
    if (!adds)
      return copy(from, to);
    forLoop(i64(0), i64(from.rows), 1, [&](Value row) {
      forLoop(i64(0), i64(from.columns), 1, [&](Value column) {
        Value value = load(from.element, from.base, add(mul(row, from.stride), column));
        delay();
        LLVM::AtomicRMWOp::create(builder(), loc(), LLVM::AtomicBinOp::fadd,
                                  element(to.element, to.base, add(mul(row, to.stride), column)), value,
                                  LLVM::AtomicOrdering::monotonic);
      });
    });
  };
  if (op.getWindow() != overlap::Window::multicast)
    return storeAt(op.getPeer() ? indexOf(op.getPeer()) : rank);
  // Each rank begins with itself, so that not all store in the same memory at once.
  for (int64_t i = 0; i < program.countRanks(); ++i)
    storeAt(rem(add(rank, Value(arith::ConstantIndexOp::create(builder(), loc(), i))), ranks()));
}

void CpuProtocolEmitter::emitLoad(overlap::LoadOp op) {
  Tile to = makeTile(op.getResult()), from = to;
  auto view = op.getSource().getDefiningOp<overlap::ViewOp>();
  from.base = addressOf(op.getSource(), op.getOffsets(), view.getPeer() ? indexOf(view.getPeer()) : rank);
  from.stride = view.getBuffer().getType().getShape()[1];
  copy(from, to);
  tiles[op.getResult()] = to;
}

void CpuProtocolEmitter::emitSum(overlap::LoadReduceOp op) {
  Tile to = makeTile(op.getResult());
  auto view = op.getSource().getDefiningOp<overlap::ViewOp>();
  SmallVector<Tile> parts(size_t(program.countRanks()), to);
  for (auto [peer, part] : llvm::enumerate(parts)) {
    Value number = arith::ConstantIndexOp::create(builder(), loc(), int64_t(peer));
    part.base = addressOf(op.getSource(), op.getOffsets(), number);
    part.stride = view.getBuffer().getType().getShape()[1];
  }
  forElements(to, [&](Value row, Columns columns) {
    Value sum = loadOf(parts[0], row, columns);
    for (const Tile &part : ArrayRef(parts).drop_front()) {
      delay();
      sum = add(sum, loadOf(part, row, columns));
    }
    storeTo(to, row, columns, sum);
  });
  tiles[op.getResult()] = to;
}

void CpuProtocolEmitter::emitReturn(overlap::ReturnOp op) {
  int64_t first = program.getFunctionType().getNumInputs();
  for (auto [i, value] : llvm::enumerate(op.getValues())) {
    Tile from = tileOf(value), to = from;
    to.base = load(buffers.getType(), buffers, i64(first + int64_t(i)));
    to.stride = to.columns;
    copy(from, to);
  }
}
