//===- ProgramWriter.cpp - Ops of programs of collectives -----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Overlap/ProgramWriter.h"

using namespace plait;
using overlap::Window;

ProgramWriter::ProgramWriter(ModuleOp module, par::CollectiveOpInterface op, const ProtocolOptions &options)
    : module(module), options(options), b(OpBuilder::atBlockEnd(module.getBody())), loc(op.getLoc()), op(op) {}

overlap::ProgramOp ProgramWriter::write(StringRef name, FunctionType type, ArrayRef<int64_t> replicated) {
  auto program = overlap::ProgramOp::create(
      b, loc, b.getStringAttr(name), TypeAttr::get(type), op.getMeshAttr(), op.getDeviceAxes().front(),
      FlatSymbolRefAttr::get(b.getContext(), name.str() + "_reference"),
      replicated.empty() ? DenseI64ArrayAttr() : b.getDenseI64ArrayAttr(replicated), ArrayAttr(), ArrayAttr());
  SmallVector<Location> locations(type.getNumInputs(), loc);
  arguments = b.createBlock(&program.getBody(), {}, type.getInputs(), locations)->getArguments();
  zero = constant(0);
  rank = overlap::RankOp::create(b, loc, b.getIndexType());
  overlap::ReturnOp::create(b, loc, writeBody());
  return program;
}

Value ProgramWriter::slice(Value argument, Value row, Type type) {
  SmallVector<Value> offsets{row};
  offsets.resize(lm::getShardableShape(type).size(), zero);
  return overlap::SliceOp::create(b, loc, type, argument, offsets);
}

Value ProgramWriter::sliceRows(Value argument, Value row) {
  auto whole = cast<RankedTensorType>(argument.getType());
  return slice(argument, row, RankedTensorType::get({options.tileRows, whole.getDimSize(1)}, whole.getElementType()));
}

std::pair<Value, Value> ProgramWriter::sliceWeight(Value weight, Value tile) {
  if (options.columnTiles == 1)
    return {weight, zero};
  auto type = cast<lm::WeightType>(weight.getType());
  int64_t width = type.getRows() / options.columnTiles;
  Value first = mul(tile, width);
  return {slice(weight, first, lm::getPartType(type, {width, type.getCols()})), first};
}

Value ProgramWriter::alloc(RankedTensorType tensor, int64_t slots) {
  auto type = overlap::BufferType::get(b.getContext(), tensor.getShape(), tensor.getElementType(), op.getMeshAttr(),
                                       op.getDeviceAxes().front(), slots);
  return overlap::AllocOp::create(b, loc, type);
}

Value ProgramWriter::view(Value buffer, Window window, Value peer) {
  auto type = cast<overlap::BufferType>(buffer.getType());
  auto viewType = overlap::ViewType::get(b.getContext(), type.getShape(), type.getElementType(), window);
  return overlap::ViewOp::create(b, loc, viewType, buffer, window, peer);
}

static RankedTensorType tileOf(Value view, int64_t rows) {
  auto type = cast<overlap::ViewType>(view.getType());
  return RankedTensorType::get({rows, type.getShape()[1]}, type.getElementType());
}

Value ProgramWriter::load(Value from, Value row, int64_t rows, ValueRange tokens) {
  return overlap::LoadOp::create(b, loc, tileOf(from, rows), from, ValueRange{row, zero}, tokens);
}

Value ProgramWriter::loadReduce(Value from, Value row, int64_t rows, ValueRange tokens, bool inSwitch) {
  return overlap::LoadReduceOp::create(b, loc, tileOf(from, rows), from, ValueRange{row, zero}, tokens, inSwitch);
}

void ProgramWriter::put(Value value, Value into, Value row, Value column) {
  overlap::PutOp::create(b, loc, value, into, ValueRange{row, column ? column : zero}, overlap::Engine::st);
}

Value ProgramWriter::track(ArrayRef<int64_t> extents, AffineMap expect, AffineMap owner) {
  auto type = overlap::CounterType::get(b.getContext(), extents, overlap::Scope::sys);
  return overlap::TrackOp::create(b, loc, type, AffineMapAttr::get(expect),
                                  owner ? AffineMapAttr::get(owner) : AffineMapAttr(), Value());
}

void ProgramWriter::arrive(Value counter, ValueRange index, Window window, Value peer) {
  overlap::ArriveOp::create(b, loc, counter, index, window, peer, /*relaxed=*/false);
}

Value ProgramWriter::wait(Value counter, ValueRange index) {
  return overlap::WaitOp::create(b, loc, tokenType(), counter, index, UnitAttr());
}

void ProgramWriter::region(int64_t workers, llvm::function_ref<void()> write) {
  OpBuilder::InsertionGuard guard(b);
  auto region = overlap::RegionOp::create(b, loc, pool(workers));
  b.createBlock(&region.getBody());
  write();
}

void ProgramWriter::tiles(ArrayRef<int64_t> extents, int64_t workers, Body write) {
  OpBuilder::InsertionGuard guard(b);
  auto tiles = overlap::TilesOp::create(b, loc, b.getDenseI64ArrayAttr(extents), AffineMapAttr(), pool(workers));
  Block *block = b.createBlock(&tiles.getBody(), {}, SmallVector<Type>(extents.size(), b.getIndexType()),
                               SmallVector<Location>(extents.size(), loc));
  write(block->getArguments());
}

void ProgramWriter::trigger(Value counter, int64_t workers, Body write) {
  OpBuilder::InsertionGuard guard(b);
  auto trigger = overlap::TriggerOp::create(b, loc, counter, pool(workers));
  Block *block = b.createBlock(&trigger.getBody(), {}, {b.getIndexType(), tokenType()}, {loc, loc});
  write(block->getArguments());
}
