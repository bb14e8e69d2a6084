//===- FusedSite.h - Fused sums of a step with static rows ----*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_OVERLAP_FUSEDSITE_H
#define PLAIT_PASSES_OVERLAP_FUSEDSITE_H

#include "dialects/Par/Par.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"

namespace plait {

/// A par.reduce_gather, with or without the product before it, as programs and functions take it: with a known
/// number of rows. Arguments are the summands (or the product's input and weight), the
/// device's rows, and the weights that its ops use. If it is whole, each device has and computes all rows.
class FusedSite {
public:
  /// `withProduct`: together with the product that makes the summands.
  FusedSite(par::ReduceGatherOp op, int64_t rowsOfRank, bool withProduct, bool isWhole = false);

  /// Null, or why there is no program for it.
  const char *whyNot() const;
  /// Equal for sites that are carried out alike.
  std::string getKey() const;
  std::string getName() const;

  int64_t getRows() const { return isWhole ? rowsOfRank : ranks * rowsOfRank; }
  int64_t getColumns() const { return columns; }
  RankedTensorType getType(int64_t rows, int64_t ofColumns) const;
  FunctionType getFunctionType() const;
  SmallVector<int64_t> getReplicated() const; ///< arguments that all ranks have alike
  size_t getNumInputs() const { return product ? 2 : 1; }
  size_t getNumRows() const { return op.getRows().size(); }

  /// What the region yields of `sum` and `own` rows, all of `rows` rows, and `weights`.
  SmallVector<Value> cloneBody(OpBuilder &b, int64_t rows, Value sum, ValueRange own, ValueRange weights) const;
  /// The product of rows of its input and a weight with the columns' rows.
  Value cloneProduct(OpBuilder &b, Value input, Value weight) const;

  mutable par::ReduceGatherOp op; // whose methods are not const
  Operation *product = nullptr;
  int64_t ranks, rowsOfRank, columns;
  bool isWhole;

private:
  SmallVector<Value> weights; ///< that ops of the region use
};

/// `type`, a tensor, with `rows` rows and no names of extents.
RankedTensorType withRows(Type type, int64_t rows);
/// Shares of rows along the axes of `parts`: so many for each rank.
par::DimShardAttr getPartsOfRows(par::DimShardAttr parts, int64_t ranks, int64_t rowsOfRank);

/// A function of the same type without fused ops, @NAME_reference.
Operation *makeReference(OpBuilder &b, const FusedSite &site, StringRef name);

/// The sites of all steps that differ, in order.
SmallVector<FusedSite> collectSites(ModuleOp module, int64_t rowsOfRank, bool withProduct, StringRef pass);

/// `base`, or with a number that makes it differ from the symbols of `module`.
std::string makeSymbol(ModuleOp module, StringRef base);

} // namespace plait

#endif // PLAIT_PASSES_OVERLAP_FUSEDSITE_H
