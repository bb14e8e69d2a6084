//===- ProgramWriter.h - Ops of programs of collectives -------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_OVERLAP_PROGRAMWRITER_H
#define PLAIT_PASSES_OVERLAP_PROGRAMWRITER_H

#include "dialects/Overlap/Overlap.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"

namespace plait {

/// Who runs a program, and how a product is cut.
struct ProtocolOptions {
  overlap::Resource resource = overlap::Resource::threads;
  int64_t workers = 2;     ///< of a rank
  int64_t commWorkers = 1; ///< of them those that add up and distribute
  int64_t columnTiles = 1; ///< of a product
  int64_t tileRows = 1;    ///< of a tile, and of what is added up at once: divides a rank's rows
};

/// Writes a program of matrices whose rows ranks exchange. What programs differ in is `writeBody`.
class ProgramWriter {
public:
  virtual ~ProgramWriter() = default;

protected:
  /// Of the sum or gathering `op`, at the end of `module`.
  ProgramWriter(ModuleOp module, par::CollectiveOpInterface op, const ProtocolOptions &options);

  /// Program @`name`, which implements @`name`_reference and of whose arguments those are `replicated`.
  overlap::ProgramOp write(StringRef name, FunctionType type, ArrayRef<int64_t> replicated = {});
  /// The ops of the program. Returns its results.
  virtual SmallVector<Value> writeBody() = 0;

  // Numbers
  Value constant(int64_t value) { return arith::ConstantIndexOp::create(b, loc, value); }
  Value add(Value x, Value y) { return arith::AddIOp::create(b, loc, x, y); }
  Value sub(Value x, Value y) { return arith::SubIOp::create(b, loc, x, y); }
  Value mul(Value x, int64_t y) { return y == 1 ? x : arith::MulIOp::create(b, loc, x, constant(y)).getResult(); }
  Value div(Value x, int64_t y) { return y == 1 ? x : arith::DivUIOp::create(b, loc, x, constant(y)).getResult(); }
  Value rem(Value x, int64_t y) { return arith::RemUIOp::create(b, loc, x, constant(y)); }
  Value rowOf(Value block) { return mul(block, options.tileRows); } ///< the first one

  // Arguments
  Value slice(Value argument, Value row, Type type);
  Value sliceRows(Value argument, Value row); ///< as many as a tile has
  /// Of a product's weight the rows for tile number `tile` of its columns, and the first of these.
  std::pair<Value, Value> sliceWeight(Value weight, Value tile);

  // Memory
  Value alloc(RankedTensorType tensor, int64_t slots = 1);
  Value view(Value buffer, overlap::Window window, Value peer = {});
  Value load(Value from, Value row, int64_t rows, ValueRange tokens = {});
  Value loadReduce(Value from, Value row, int64_t rows, ValueRange tokens, bool inSwitch = false);
  void put(Value value, Value into, Value row, Value column = {});

  // Counters
  overlap::TokenType tokenType() { return overlap::TokenType::get(b.getContext()); }
  Value track(ArrayRef<int64_t> extents, AffineMap expect, AffineMap owner = {});
  void arrive(Value counter, ValueRange index, overlap::Window window, Value peer = {});
  Value wait(Value counter, ValueRange index);

  // Regions and their parts, within which `write` adds ops
  using Body = llvm::function_ref<void(ValueRange)>;
  overlap::PoolAttr pool(int64_t count) { return overlap::PoolAttr::get(b.getContext(), options.resource, count); }
  void region(int64_t workers, llvm::function_ref<void()> write);
  void tiles(ArrayRef<int64_t> extents, int64_t workers, Body write);
  void trigger(Value counter, int64_t workers, Body write); ///< index and token

  ModuleOp module;
  const ProtocolOptions &options;
  OpBuilder b;
  Location loc;
  ValueRange arguments;
  Value zero, rank;

private:
  par::CollectiveOpInterface op;
};

} // namespace plait

#endif // PLAIT_PASSES_OVERLAP_PROGRAMWRITER_H
