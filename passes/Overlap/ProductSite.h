//===- ProductSite.h - Products beside a collective of rows -------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_OVERLAP_PRODUCTSITE_H
#define PLAIT_PASSES_OVERLAP_PRODUCTSITE_H

#include "dialects/Par/Par.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"

namespace plait {

/// A par.reduce_scatter with the product that makes its summands, or a par.all_gather with the products that take its
/// rows, rounded to bf16 or as they are, as programs and functions take it: with a known number of rows. Arguments are
/// the product's input, or the device's rows of what is gathered, and a weight for each product. Results are the
/// device's rows of the sum, or all rows of each product.
class ProductSite {
public:
  /// `op` is one of the two.
  ProductSite(par::CollectiveOpInterface op, int64_t rowsOfRank);

  /// Null, or why there is no program for it.
  const char *whyNot() const;
  /// Equal for sites that are carried out alike.
  std::string getKey() const;
  bool isGather() const { return isa<par::AllGatherOp>(op.getOperation()); }
  const char *getName() const { return isGather() ? "all_gather_linear" : "linear_reduce_scatter"; }

  int64_t getRows() const { return ranks * rowsOfRank; }
  /// Of the products' input.
  RankedTensorType getInputType(int64_t rows) const;
  /// Of the first argument.
  RankedTensorType getGivenType(int64_t rows) const;
  lm::WeightType getWeight(size_t product) const {
    return cast<lm::WeightType>(products[product]->getOperand(1).getType());
  }
  FunctionType getFunctionType() const;
  /// Product number `product` of rows of its input and a weight with some or all of its rows.
  Value cloneProduct(OpBuilder &b, size_t product, Value input, Value weight) const;

  /// What is gathered as products take it: rounding is row by row, so that rows may be rounded before they are
  /// gathered.
  Value cloneRounding(OpBuilder &b, Value rows) const;

  mutable par::CollectiveOpInterface op; // whose methods are not const
  SmallVector<Operation *> products;     ///< none if there is an op that is no product
  Operation *rounding = nullptr;         ///< lm.round of what is gathered, if there is one
  int64_t ranks, rowsOfRank;
};

/// A function of the same type without programs, @NAME_reference.
Operation *makeReference(OpBuilder &b, const ProductSite &site, StringRef name);

/// The sites of all steps that differ, in order. Those without a program get a remark of `pass`.
SmallVector<ProductSite> collectProductSites(ModuleOp module, int64_t rowsOfRank, StringRef pass);

} // namespace plait

#endif // PLAIT_PASSES_OVERLAP_PRODUCTSITE_H
