//===- ProtocolPoll.cpp - Data that tells that it is there, on CPU ranks --===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An element is 32 bits of memory: zero, the mark, or the complement of a number's bits (overlap.publish). Each is
// stored by an atomic that releases and read by one that acquires, which orders what is before and behind, and which
// the thread sanitizer sees, unlike fences.
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/ProtocolEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace plait;
using LLVM::AtomicOrdering;

void CpuProtocolEmitter::forNumbers(int64_t rows, int64_t columns, Number body) {
  forLoop(i64(0), i64(rows), 1,
          [&](Value row) { forLoop(i64(0), i64(columns), 1, [&](Value column) { body(row, column); }); });
}

static LLVM::StoreOp storeWord(OpBuilder &b, Location loc, Value word, Value address, AtomicOrdering ordering) {
  return LLVM::StoreOp::create(b, loc, word, address, /*alignment=*/4, /*isVolatile=*/false, /*isNonTemporal=*/false,
                               /*isInvariantGroup=*/false, ordering);
}

static Value loadWord(OpBuilder &b, Location loc, Value address, AtomicOrdering ordering) {
  return LLVM::LoadOp::create(b, loc, b.getI32Type(), address, /*alignment=*/4, /*isVolatile=*/false,
                              /*isNonTemporal=*/false, /*isInvariant=*/false, /*isInvariantGroup=*/false, ordering);
}

void CpuProtocolEmitter::emitPublish(overlap::PublishOp op) {
  Tile from = tileOf(op.getValue());
  auto view = op.getTarget().getDefiningOp<overlap::ViewOp>();
  int64_t stride = view.getBuffer().getType().getShape()[1];
  Type i32 = builder().getI32Type();
  auto publishAt = [&](Value peer) {
    Value to = addressOf(op.getTarget(), op.getOffsets(), peer);
    forNumbers(from.rows, from.columns, [&](Value row, Value column) {
      Value bits = load(i32, from.base, add(mul(row, from.stride), column));
      Value complement = arith::XOrIOp::create(builder(), loc(), bits, integer(i32, -1));
      // Of the one NaN whose complement is the mark another NaN.
      Value word = arith::MaxUIOp::create(builder(), loc(), complement, integer(i32, 1));
      delay();
      storeWord(builder(), loc(), word, element(i32, to, add(mul(row, stride), column)), AtomicOrdering::release);
    });
  };
  if (view.getWindow() != overlap::Window::multicast)
    return publishAt(view.getPeer() ? indexOf(view.getPeer()) : rank);
  // Each rank begins with itself, so that not all store in the same memory at once.
  for (int64_t i = 0; i < program.countRanks(); ++i)
    publishAt(rem(add(rank, Value(arith::ConstantIndexOp::create(builder(), loc(), i))), ranks()));
}

/// Waits for the whole tile, and reads it once more to add it up.
void CpuProtocolEmitter::emitPoll(overlap::PollOp op) {
  Type i32 = builder().getI32Type(), i1 = builder().getI1Type();
  Value from = addressOf(op.getSource(), op.getOffsets(), rank);
  int64_t stride = op.getSource().getType().getShape()[1], rows = op.getPolledShape()[0],
          columns = op.getPolledShape()[1];
  auto wordAt = [&](Value row, Value column, AtomicOrdering ordering) {
    return loadWord(builder(), loc(), element(i32, from, add(mul(row, stride), column)), ordering);
  };
  waitUntil([&] {
    delay();
    auto all = forLoop(i64(0), i64(rows), 1, ValueRange{integer(i1, 1)}, [&](Value row, ValueRange carried) {
      return forLoop(i64(0), i64(columns), 1, carried, [&](Value column, ValueRange before) {
        Value isMark = equal(wordAt(row, column, AtomicOrdering::acquire), integer(i32, 0));
        return SmallVector<Value>{select(isMark, integer(i1, 0), before[0])};
      });
    });
    delay();
    return all[0];
  });
  Tile to = makeTile(op.getResult());
  forNumbers(to.rows, to.columns, [&](Value row, Value column) {
    Value first = mul(row, int64_t(op.getRows())), sum;
    for (int64_t i = 0; i < int64_t(op.getRows()); ++i) {
      Value word = wordAt(add(first, i), column, AtomicOrdering::monotonic);
      Value bits = arith::XOrIOp::create(builder(), loc(), word, integer(i32, -1));
      Value number = arith::BitcastOp::create(builder(), loc(), f32Type(), bits);
      sum = sum ? add(sum, number) : number;
    }
    store(sum, to.base, add(mul(row, to.stride), column));
  });
  tiles[op.getResult()] = to;
}

void CpuProtocolEmitter::emitClear(overlap::ClearOp op) {
  Type i32 = builder().getI32Type();
  Value to = addressOf(op.getTarget(), op.getOffsets(), rank, int64_t(op.getAhead()));
  int64_t stride = op.getTarget().getType().getShape()[1];
  forNumbers(op.getSize()[0], op.getSize()[1], [&](Value row, Value column) {
    delay();
    // Others look at it at any time.
    storeWord(builder(), loc(), integer(i32, 0), element(i32, to, add(mul(row, stride), column)),
              AtomicOrdering::monotonic);
  });
}
