//===- ProgramWriter.h - Ops of programs of sums --------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_OVERLAP_PROGRAMWRITER_H
#define PLAIT_PASSES_OVERLAP_PROGRAMWRITER_H

#include "passes/Overlap/ProtocolBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace plait {

/// Writes the program of a site row by row. What programs differ in is `writeBody`.
class ProgramWriter {
public:
  ProgramWriter(ModuleOp module, const FusedSite &site, const ProtocolOptions &options);
  virtual ~ProgramWriter() = default;
  /// The program, whose name tells of `algorithm`, and the function that it implements, at the end of the module.
  overlap::ProgramOp write(par::SumAlgorithm algorithm);

protected:
  /// Puts the results of the rank's rows, from `firstOwn` on, into `gathered` and `keptViews`, and all rows into
  /// `gathered`.
  virtual void writeBody() = 0;

  // Values
  Value constant(int64_t value) { return arith::ConstantIndexOp::create(b, loc, value); }
  Value add(Value x, Value y) { return arith::AddIOp::create(b, loc, x, y); }
  Value sub(Value x, Value y) { return arith::SubIOp::create(b, loc, x, y); }
  Value mul(Value x, int64_t y) { return y == 1 ? x : arith::MulIOp::create(b, loc, x, constant(y)).getResult(); }
  Value rem(Value x, int64_t y) { return arith::RemUIOp::create(b, loc, x, constant(y)); }

  // Memory
  Value alloc(int64_t rows, int64_t slots = 1);
  Value view(Value buffer, overlap::Window window, Value peer = {});
  Value slice(Value argument, Value row); ///< one row
  Value load(Value from, Value row, int64_t rows, ValueRange tokens = {});
  void put(Value value, Value into, Value row);
  overlap::TokenType tokenType() { return overlap::TokenType::get(b.getContext()); }

  // Counters, of one index for each row
  Value track(AffineMap expect, AffineMap owner = {});
  void arrive(Value counter, Value row, overlap::Window window, Value peer = {});
  Value wait(Value counter, Value row);

  // Regions and their parts, within which `write` adds ops
  using Body = llvm::function_ref<void(ValueRange)>;
  overlap::PoolAttr pool(int64_t count) { return overlap::PoolAttr::get(b.getContext(), options.resource, count); }
  void region(int64_t workers, llvm::function_ref<void()> write);
  void tiles(ArrayRef<int64_t> extents, int64_t workers, Body write, AffineMap order = {});
  void trigger(Value counter, int64_t workers, Body write); ///< row and token

  /// The ops on row `row` of the sum. Returns what is gathered, and puts into `keptViews` what is kept.
  Value compute(Value sum, Value row);

  const FusedSite &site;
  const ProtocolOptions &options;
  OpBuilder b;
  Location loc;
  ValueRange arguments;
  Value zero, rank;
  Value firstOwn; ///< row; null: the rank computes all
  Value gathered; ///< buffer of all rows
  SmallVector<Value> keptViews;

private:
  ModuleOp module;
};

} // namespace plait

#endif // PLAIT_PASSES_OVERLAP_PROGRAMWRITER_H
