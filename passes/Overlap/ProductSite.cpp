//===- ProductSite.cpp - Products beside a collective of rows -------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Overlap/ProductSite.h"

#include "passes/Overlap/FusedSite.h"

#include "dialects/Decode/Decode.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Remarks.h"

#include <set>

using namespace plait;

ProductSite::ProductSite(par::CollectiveOpInterface op, int64_t rowsOfRank) : op(op), rowsOfRank(rowsOfRank) {
  auto mesh = SymbolTable::lookupNearestSymbolFrom<par::MeshOp>(op, op.getMeshAttr());
  ranks = mesh.getSize(op.getDeviceAxes());
  if (!isGather()) {
    if (auto linear = op.getInput().getDefiningOp<lm::LinearOp>(); linear && linear->hasOneUse())
      products.push_back(linear);
    return;
  }
  Value rows = op.getResult();
  if (auto round = rows.hasOneUse() ? dyn_cast<lm::RoundOp>(*rows.user_begin()) : lm::RoundOp()) {
    rounding = round;
    rows = round.getResult();
  }
  auto users = rows.getUsers();
  if (!llvm::all_of(users,
                    [&](Operation *user) { return isa<lm::LinearOp>(user) && user->getBlock() == op->getBlock(); }))
    return;
  products.assign(users.begin(), users.end());
  llvm::sort(products, [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
}

const char *ProductSite::whyNot() const {
  if (op.getPartDim() != 0 || !op.getPartition().isEven())
    return "its parts are no even shares of the rows";
  if (op.getDeviceAxes().size() != 1)
    return "its devices are along several axes";
  if (op.getNodes().first || op.getSumOrder() != par::SumOrder::rank || op.isWide() || op.isNarrow())
    return "its sum is not taken in the order of ranks, in f32";
  if (products.empty())
    return isGather() ? "what it gathers is used by what is no product, or by nothing"
                      : "what it adds up is no product, or is used elsewhere";
  for (size_t i = 0; i < products.size(); ++i) {
    if (products[i]->getNumOperands() != 2)
      return "a product has a bias";
    if (cast<lm::WeightFormatInterface>(getWeight(i).getFormat()).getQuantization())
      return "a product's weight has scales";
  }
  return nullptr;
}

RankedTensorType ProductSite::getInputType(int64_t rows) const {
  auto type = cast<RankedTensorType>(products[0]->getOperand(0).getType());
  return RankedTensorType::get({rows, type.getDimSize(1)}, type.getElementType());
}

RankedTensorType ProductSite::getGivenType(int64_t rows) const {
  return isGather() ? withRows(op.getInput().getType(), rows) : getInputType(rows);
}

FunctionType ProductSite::getFunctionType() const {
  SmallVector<Type> inputs{getGivenType(isGather() ? rowsOfRank : getRows())}, results;
  for (Operation *product : products) {
    inputs.push_back(product->getOperand(1).getType());
    results.push_back(withRows(product->getResult(0).getType(), isGather() ? getRows() : rowsOfRank));
  }
  return FunctionType::get(op->getContext(), inputs, results);
}

std::string ProductSite::getKey() const {
  std::string key;
  llvm::raw_string_ostream stream(key);
  stream << op->getName() << " " << ranks << " " << getFunctionType() << " " << op.getMeshAttr() << " "
         << op.getPartition();
  if (rounding)
    stream << "\n" << rounding->getAttrDictionary();
  for (Operation *product : products)
    stream << "\n" << product->getAttrDictionary();
  return key;
}

Value ProductSite::cloneProduct(OpBuilder &b, size_t product, Value input, Value weight) const {
  IRMapping mapping;
  mapping.map(products[product]->getOperands(), ValueRange{input, weight});
  Operation *copy = b.clone(*products[product], mapping);
  copy->getResult(0).setType(RankedTensorType::get(
      {cast<RankedTensorType>(input.getType()).getDimSize(0), cast<lm::WeightType>(weight.getType()).getRows()},
      b.getF32Type()));
  return copy->getResult(0);
}

Value ProductSite::cloneRounding(OpBuilder &b, Value rows) const {
  if (!rounding)
    return rows;
  IRMapping mapping;
  mapping.map(rounding->getOperand(0), rows);
  Operation *copy = b.clone(*rounding, mapping);
  copy->getResult(0).setType(getInputType(cast<RankedTensorType>(rows.getType()).getDimSize(0)));
  return copy->getResult(0);
}

Operation *plait::makeReference(OpBuilder &b, const ProductSite &site, StringRef name) {
  Location loc = site.op.getLoc();
  OpBuilder::InsertionGuard guard(b);
  auto function = func::FuncOp::create(b, loc, name.str() + "_reference", site.getFunctionType());
  Block *block = function.addEntryBlock();
  b.setInsertionPointToStart(block);
  auto dim = b.getI64IntegerAttr(0);
  auto parts = getPartsOfRows(site.op.getPartition(), site.ranks, site.rowsOfRank);
  SmallVector<Value> results;
  Value input = block->getArgument(0);
  if (site.isGather())
    input = site.cloneRounding(b, par::AllGatherOp::create(b, loc, site.getGivenType(site.getRows()), input, dim, parts,
                                                           site.op.getMeshAttr()));
  for (size_t i = 0; i < site.products.size(); ++i)
    results.push_back(site.cloneProduct(b, i, input, block->getArgument(unsigned(i) + 1)));
  if (auto scatter = dyn_cast<par::ReduceScatterOp>(site.op.getOperation()))
    results[0] =
        par::ReduceScatterOp::create(b, loc, withRows(results[0].getType(), site.rowsOfRank), results[0], dim, parts,
                                     scatter.getMeshAttr(), DenseI64ArrayAttr(), DenseI64ArrayAttr(),
                                     scatter.getOrderAttr(), scatter.getAccumulateAttr(), scatter.getWireAttr())
            .getResult();
  func::ReturnOp::create(b, loc, results);
  return function;
}

SmallVector<ProductSite> plait::collectProductSites(ModuleOp module, int64_t rowsOfRank, StringRef pass) {
  SmallVector<ProductSite> sites;
  std::set<std::string> seen;
  for (auto step : module.getOps<decode::StepOp>())
    step.walk([&](par::CollectiveOpInterface op) {
      if (!isa<par::ReduceScatterOp, par::AllGatherOp>(op.getOperation()))
        return;
      ProductSite site(op, rowsOfRank);
      if (const char *reason = site.whyNot())
        remark::missed(op.getLoc(), remark::RemarkOpts::name("NoProgram").category(pass))
            << std::string("there is no program for this ") + (site.isGather() ? "gathering: " : "sum: ") + reason;
      else if (seen.insert(site.getKey()).second)
        sites.push_back(site);
    });
  return sites;
}
