//===- Move.cpp - Ops that only move elements -----------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/CpuKernels.h"

#include "dialects/Decode/Decode.h"

using namespace plait;

/// Copies `count` elements from `from` to `to`, both element offsets.
static void copy(CpuKernelEmitter &e, Type element, int64_t count, Value source, Value from, Value target, Value to) {
  e.forColumns(count, [&](Columns c) {
    Value values = e.load(element, source, e.add(from, c.first), c.mask);
    e.store(values, target, e.add(to, c.first), c.mask);
  });
}

static void emitSliceColumnsRow(lm::SliceColumnsOp op, CpuKernelEmitter &e, Value row) {
  Type element = cast<RankedTensorType>(op.getInput().getType()).getElementType();
  Value from = e.rowPointer(op.getInput(), row), to = e.rowPointer(op.getResult(), row);
  copy(e, element, op.getSize(), from, e.i64(op.getOffset()), to, e.i64(0));
}

static LogicalResult emitTakeRows(lm::TakeRowsOp op, CpuKernelEmitter &e) {
  auto type = cast<RankedTensorType>(op.getInput().getType());
  Type element = type.getElementType();
  Value source = e.pointer(op.getInput()), indices = e.pointer(op.getIndices()), target = e.pointer(op.getResult());
  if (type.getRank() == 1) {
    // Single elements from anywhere: one load each, many to a tile.
    constexpr int64_t block = 64;
    e.forEachTile(e.rowTiles(op.getResult(), 1, block), [&](Value tile) {
      Value first = e.mul(tile, block);
      e.forLoop(first, e.minimum(e.add(first, block), e.rows(op.getResult())), 1,
                [&](Value i) { e.store(e.load(element, source, e.loadIndex(indices, i)), target, i); });
    });
    return success();
  }
  int64_t columns = type.getDimSize(1);
  e.forEachTile(e.rowTiles(op.getResult()), [&](Value row) {
    Value from = e.mul(e.loadIndex(indices, row), columns), to = e.mul(row, columns);
    copy(e, element, columns, source, from, target, to);
  });
  return success();
}

static LogicalResult emitJoinHidden(decode::JoinHiddenOp op, CpuKernelEmitter &e) {
  auto type = cast<RankedTensorType>(op.getStates().front().getType());
  Type element = type.getElementType();
  int64_t columns = type.getDimSize(1), joined = columns * int64_t(op.getStates().size());
  SmallVector<Value> sources;
  for (Value state : op.getStates())
    sources.push_back(e.pointer(state));
  Value target = e.pointer(op.getResult());
  e.forEachTile(e.rowTiles(op.getResult()), [&](Value row) {
    for (auto [i, source] : llvm::enumerate(sources))
      copy(e, element, columns, source, e.mul(row, columns), target,
           e.add(e.mul(row, joined), e.i64(int64_t(i) * columns)));
  });
  return success();
}

void plait::registerMoveCpuKernels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, lm::LmDialect *) {
    attachCpuRowKernel<lm::SliceColumnsOp, emitSliceColumnsRow>(context);
    attachCpuKernel<lm::TakeRowsOp, emitTakeRows>(context);
  });
  registry.addExtension(+[](MLIRContext *context, decode::DecodeDialect *) {
    attachCpuKernel<decode::JoinHiddenOp, emitJoinHidden>(context);
  });
}
