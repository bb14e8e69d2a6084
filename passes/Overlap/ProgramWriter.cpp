//===- ProgramWriter.cpp - Ops of programs of sums ------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Overlap/ProgramWriter.h"

using namespace plait;
using overlap::Window;

ProgramWriter::ProgramWriter(ModuleOp module, const FusedSite &site, const ProtocolOptions &options)
    : site(site), options(options), b(OpBuilder::atBlockEnd(module.getBody())), loc(site.op.getLoc()), module(module) {}

overlap::ProgramOp ProgramWriter::write(par::SumAlgorithm algorithm) {
  std::string name = makeSymbol(module, site.getName() + "_" + par::stringifySumAlgorithm(algorithm).str());
  makeReference(b, site, name);
  FunctionType type = site.getFunctionType();
  SmallVector<int64_t> replicated = site.getReplicated();
  auto program = overlap::ProgramOp::create(
      b, loc, b.getStringAttr(name), TypeAttr::get(type), site.op.getMeshAttr(), site.op.getDeviceAxes().front(),
      FlatSymbolRefAttr::get(b.getContext(), name + "_reference"),
      replicated.empty() ? DenseI64ArrayAttr() : b.getDenseI64ArrayAttr(replicated), ArrayAttr(), ArrayAttr());
  Block *entry =
      b.createBlock(&program.getBody(), {}, type.getInputs(), SmallVector<Location>(type.getNumInputs(), loc));
  arguments = entry->getArguments();
  zero = constant(0);
  rank = overlap::RankOp::create(b, loc, b.getIndexType());
  if (!site.isWhole)
    firstOwn = mul(rank, site.rowsOfRank);
  gathered = alloc(site.getRows());
  for (size_t i = 0; i < site.op.getKept().size(); ++i)
    keptViews.push_back(view(alloc(site.rowsOfRank), Window::own));
  writeBody();
  SmallVector<Value> results{load(view(gathered, Window::own), zero, site.getRows())};
  for (Value own : keptViews)
    results.push_back(load(own, zero, site.rowsOfRank));
  overlap::ReturnOp::create(b, loc, results);
  return program;
}

Value ProgramWriter::alloc(int64_t rows, int64_t slots) {
  auto type = overlap::BufferType::get(b.getContext(), {rows, site.columns}, b.getF32Type(), site.op.getMeshAttr(),
                                       site.op.getDeviceAxes().front(), slots);
  return overlap::AllocOp::create(b, loc, type);
}

Value ProgramWriter::view(Value buffer, Window window, Value peer) {
  auto type = cast<overlap::BufferType>(buffer.getType());
  auto viewType = overlap::ViewType::get(b.getContext(), type.getShape(), type.getElementType(), window);
  return overlap::ViewOp::create(b, loc, viewType, buffer, window, peer);
}

Value ProgramWriter::slice(Value argument, Value row) {
  auto type = cast<RankedTensorType>(argument.getType());
  auto tile = RankedTensorType::get({1, type.getDimSize(1)}, type.getElementType());
  return overlap::SliceOp::create(b, loc, tile, argument, ValueRange{row, zero});
}

Value ProgramWriter::load(Value from, Value row, int64_t rows, ValueRange tokens) {
  return overlap::LoadOp::create(b, loc, site.getType(rows, site.columns), from, ValueRange{row, zero}, tokens);
}

void ProgramWriter::put(Value value, Value into, Value row) {
  overlap::PutOp::create(b, loc, value, into, ValueRange{row, zero}, overlap::Engine::st);
}

Value ProgramWriter::track(AffineMap expect, AffineMap owner) {
  auto type = overlap::CounterType::get(b.getContext(), {site.getRows()}, overlap::Scope::sys);
  return overlap::TrackOp::create(b, loc, type, AffineMapAttr::get(expect),
                                  owner ? AffineMapAttr::get(owner) : AffineMapAttr(), Value());
}

void ProgramWriter::arrive(Value counter, Value row, Window window, Value peer) {
  overlap::ArriveOp::create(b, loc, counter, ValueRange{row}, window, peer, /*relaxed=*/false);
}

Value ProgramWriter::wait(Value counter, Value row) {
  return overlap::WaitOp::create(b, loc, tokenType(), counter, ValueRange{row}, UnitAttr());
}

void ProgramWriter::region(int64_t workers, llvm::function_ref<void()> write) {
  OpBuilder::InsertionGuard guard(b);
  auto region = overlap::RegionOp::create(b, loc, pool(workers));
  b.createBlock(&region.getBody());
  write();
}

void ProgramWriter::tiles(ArrayRef<int64_t> extents, int64_t workers, Body write, AffineMap order) {
  OpBuilder::InsertionGuard guard(b);
  auto tiles = overlap::TilesOp::create(b, loc, b.getDenseI64ArrayAttr(extents),
                                        order ? AffineMapAttr::get(order) : AffineMapAttr(), pool(workers));
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

Value ProgramWriter::compute(Value sum, Value row) {
  Value ownRow = firstOwn ? sub(row, firstOwn) : row;
  SmallVector<Value> rows, weights(arguments.drop_front(site.getNumInputs() + site.getNumRows()));
  for (Value argument : arguments.slice(site.getNumInputs(), site.getNumRows()))
    rows.push_back(slice(argument, ownRow));
  SmallVector<Value> yielded = site.cloneBody(b, /*rows=*/1, sum, rows, weights);
  for (auto [value, keep] : llvm::zip_equal(ArrayRef(yielded).drop_front(), keptViews))
    put(value, keep, ownRow);
  return yielded[0];
}
