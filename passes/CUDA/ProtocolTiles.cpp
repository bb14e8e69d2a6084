//===- ProtocolTiles.cpp - Bodies of overlap programs on CUDA -------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A block computes a tile. Between two ops that order memory, what happens to a tile is done row by row: a row is in
// shared memory from when it is loaded until it is stored. A product goes from registers to where it is stored.
//
//===----------------------------------------------------------------------===//

#include "passes/CUDA/CudaKernels.h"
#include "passes/CUDA/Product.h"
#include "passes/CUDA/ProtocolEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace plait;

/// The tensor that says how many rows an op works on; null: on none.
static Value tileOf(Operation *op) {
  if (auto put = dyn_cast<overlap::PutOp>(op))
    return put.getValue();
  if (auto add = dyn_cast<overlap::ReduceAddOp>(op))
    return add.getValue();
  if (auto publish = dyn_cast<overlap::PublishOp>(op))
    return publish.getValue();
  return isa<overlap::LoadOp, overlap::LoadReduceOp, overlap::PollOp, CudaRowKernelOpInterface>(op) ? op->getResult(0)
                                                                                                    : Value();
}

static int64_t rowsOf(Value tile) { return cast<RankedTensorType>(tile.getType()).getDimSize(0); }

/// Whether `op` may take effect before `others` have on other rows: the order of accesses of one place is kept.
static bool mixesWith(Operation *op, ArrayRef<Operation *> others) {
  auto placeOf = [](Operation *o) -> std::pair<Value, Value> {
    auto of = [](Value view, ValueRange offsets) {
      return std::pair<Value, Value>(view.getDefiningOp<overlap::ViewOp>().getBuffer(), offsets[0]);
    };
    return llvm::TypeSwitch<Operation *, std::pair<Value, Value>>(o)
        .Case<overlap::PutOp, overlap::ReduceAddOp>([&](auto s) { return of(s.getTarget(), s.getOffsets()); })
        .Case<overlap::LoadOp, overlap::LoadReduceOp>([&](auto l) { return of(l.getSource(), l.getOffsets()); })
        .Default([](Operation *) { return std::pair<Value, Value>(); });
  };
  auto [buffer, row] = placeOf(op);
  return buffer && llvm::any_of(others, [&, buffer = buffer, row = row](Operation *other) {
           auto [otherBuffer, otherRow] = placeOf(other);
           return otherBuffer == buffer && otherRow != row;
         });
}

LogicalResult CudaProtocolEmitter::emitRegion(overlap::RegionOp region) {
  LogicalResult result = success();
  for (Operation &op : region.getBody().front()) {
    SmallVector<Operation *> products;
    op.walk([&](lm::LinearOp product) { products.push_back(product); });
    auto blocks = [&](overlap::PoolAttr pool, Body body) {
      beginPart(products);
      forEachTile(rt::TilesAttr::get(op.getContext(), pool.getCount(), -1, 1, /*cyclic=*/false), body);
    };
    if (auto tiles = dyn_cast<overlap::TilesOp>(op))
      blocks(tiles.getPool(), [&](Value worker) { result = failed(result) ? result : emitTiles(tiles, worker); });
    if (auto trigger = dyn_cast<overlap::TriggerOp>(op))
      blocks(trigger.getPool(), [&](Value) { result = failed(result) ? result : emitTrigger(trigger); });
  }
  return result;
}

LogicalResult CudaProtocolEmitter::emitStream(ArrayRef<Operation *> ops, int64_t workers) {
  LogicalResult result = success();
  beginPart({});
  forEachTile(rt::TilesAttr::get(program.getContext(), workers, -1, 1, /*cyclic=*/false),
              [&](Value worker) { result = emitBody(ops, worker, workers); });
  return result;
}

int64_t CudaProtocolEmitter::workersOf(ArrayRef<Operation *> ops) {
  int64_t rows = 0;
  for (Operation *op : ops) {
    if (isa<overlap::ArriveOp>(op))
      return 1;
    if (Value tile = tileOf(op))
      rows = std::max(rows, rowsOf(tile));
    if (isa<overlap::WaitOp, overlap::QuietOp, overlap::ClearOp>(op))
      rows = std::max<int64_t>(rows, 1);
    if (isa<overlap::ReturnOp>(op))
      for (Value value : op->getOperands())
        rows = isInShared(value) ? rows : std::max(rows, rowsOf(value));
  }
  return std::min<int64_t>(rows, 32);
}

LogicalResult CudaProtocolEmitter::emitTiles(overlap::TilesOp op, Value worker) {
  LogicalResult result = success();
  forLoop(worker, i32(op.countTiles()), op.getPool().getCount(), [&](Value place) {
    SmallVector<Value> at(op.getExtents().size());
    for (size_t i = at.size(); i-- > 0;) {
      at[i] = i ? rem(place, op.getExtents()[i]) : place;
      place = i ? div(place, op.getExtents()[i]) : place;
    }
    if (auto order = op.getOrder()) {
      Value own = order->getNumSymbols() ? rank() : Value();
      at = llvm::map_to_vector(order->getResults(), [&](AffineExpr expr) { return expand(expr, at, {own}); });
    }
    for (auto [argument, value] : llvm::zip_equal(op.getBody().front().getArguments(), at))
      indices[argument] = value;
    result = emitBody(llvm::map_to_vector(op.getBody().front(), [](Operation &inner) { return &inner; }), i32(0), 1);
  });
  return result;
}

LogicalResult CudaProtocolEmitter::emitBody(ArrayRef<Operation *> ops, Value firstRow, int64_t rowStep) {
  SmallVector<Operation *> rows;
  LogicalResult result = success();
  auto flush = [&] {
    if (!rows.empty() && succeeded(result))
      result = emitRows(rows, firstRow, rowStep);
    rows.clear();
  };
  for (Operation *op : ops) {
    Value tile = tileOf(op);
    if (isOfProduct(op))
      continue;
    if (auto product = tile ? productOf(tile) : nullptr) {
      flush();
      result = failed(result) ? result : emitProduct(product);
    } else if (tile) {
      // What is polled may be there only when others have all rows of what is before it.
      if (!rows.empty() && (rowsOf(tileOf(rows[0])) != rowsOf(tile) || mixesWith(op, rows) || isa<overlap::PollOp>(op)))
        flush();
      for (Value operand : op->getOperands())
        if (isa<RankedTensorType>(operand.getType()) && isInShared(operand) &&
            !llvm::is_contained(rows, operand.getDefiningOp()))
          return op->emitOpError("expected a tile that is used before the next op which orders memory: its rows are "
                                 "kept no longer on CUDA");
      rows.push_back(op);
    } else if (isa<overlap::ArriveOp, overlap::WaitOp, overlap::QuietOp, overlap::ClearOp, overlap::ReturnOp>(op)) {
      flush();
      if (auto clear = dyn_cast<overlap::ClearOp>(op))
        emitClear(clear, firstRow, rowStep);
      if (auto arrive = dyn_cast<overlap::ArriveOp>(op))
        emitArrive(arrive);
      if (auto wait = dyn_cast<overlap::WaitOp>(op))
        emitWait(wait);
      if (auto quiet = dyn_cast<overlap::QuietOp>(op))
        emitQuiet(quiet.getCompletion() == overlap::Completion::written);
      if (isa<overlap::ReturnOp>(op)) // of what nobody has loaded
        for (Value value : llvm::SmallSetVector<Value, 4>(op->operand_begin(), op->operand_end()))
          if (!isInShared(value))
            forLoop(firstRow, i32(rowsOf(value)), rowStep, [&](Value row) { returnRow(value, row); });
    }
  }
  flush();
  return result;
}

LogicalResult CudaProtocolEmitter::emitRows(ArrayRef<Operation *> ops, Value firstRow, int64_t rowStep) {
  LogicalResult result = success();
  forLoop(firstRow, i32(rowsOf(tileOf(ops[0]))), rowStep, [&](Value row) {
    for (Operation *op : ops) {
      if (op != ops.front())
        barrier();
      result = failed(result) ? result : emitRow(op, row);
    }
    // The next row is in the same memory.
    if (isStaged)
      emitQuiet(/*isWritten=*/false);
    isStaged = false;
    barrier();
  });
  return result;
}

LogicalResult CudaProtocolEmitter::emitRow(Operation *op, Value row) {
  LogicalResult result = success();
  if (auto put = dyn_cast<overlap::PutOp>(op))
    storeRow(put.getValue(), put.getTarget(), put.getOffsets(), put.getEngine(), /*adds=*/false, row);
  else if (auto add = dyn_cast<overlap::ReduceAddOp>(op))
    storeRow(add.getValue(), add.getTarget(), add.getOffsets(), add.getEngine(), /*adds=*/true, row);
  else if (auto publish = dyn_cast<overlap::PublishOp>(op))
    publishRow(publish, row);
  else if (auto poll = dyn_cast<overlap::PollOp>(op))
    pollRow(poll, row);
  else if (auto load = dyn_cast<overlap::LoadOp>(op))
    loadRow(load, row);
  else if (auto sum = dyn_cast<overlap::LoadReduceOp>(op))
    sumRow(sum, row);
  else {
    for (Value operand : op->getOperands())
      if (isa<RankedTensorType>(operand.getType()))
        rowOf(operand, row);
    result = cast<CudaRowKernelOpInterface>(op).emitCudaRow(*this, row);
  }
  if (op->getNumResults() &&
      llvm::is_contained(program.getBody().front().getTerminator()->getOperands(), op->getResult(0))) {
    barrier();
    returnRow(op->getResult(0), row);
  }
  return result;
}

LogicalResult CudaProtocolEmitter::emitProduct(lm::LinearOp op) {
  for (Value operand : op->getOperands().take_front(2))
    if (auto slice = operand.getDefiningOp<overlap::SliceOp>())
      bindSlice(slice, slice.getInput(), indexOf(slice.getOffsets()[0]));
  if (auto load = op.getInput().getDefiningOp<overlap::LoadOp>())
    bindResult(load.getResult(), toPointer(addressOf(load.getSource(), load.getOffsets(), i32(0))));
  auto bind = [&](Value view, ValueRange offsets) {
    productStride = cast<overlap::ViewType>(view.getType()).getShape()[1];
    bindResult(op.getResult(), toPointer(addressOf(view, offsets, i32(0))));
  };
  Operation *user = *op->user_begin();
  productAdds = isa<overlap::ReduceAddOp>(user);
  if (auto put = dyn_cast<overlap::PutOp>(user))
    bind(put.getTarget(), put.getOffsets());
  else
    bind(cast<overlap::ReduceAddOp>(user).getTarget(), cast<overlap::ReduceAddOp>(user).getOffsets());
  return CudaProduct::emitInBlock(op, *this);
}

int64_t CudaProtocolEmitter::rowElements(Value) { return productStride; }

void CudaProtocolEmitter::storeResult(Value result, Value value, Value offset) {
  if (!productAdds)
    return CudaKernelEmitter::storeResult(result, value, offset);
  Value address = LLVM::PtrToIntOp::create(builder(), loc(), builder().getI64Type(), pointer(result));
  inlinePtx("red.relaxed.sys.global.add.f32 [$0], $1;", "l,f", Type(), {add(address, mul(offset, 4)), value},
            /*ordered=*/true);
}
