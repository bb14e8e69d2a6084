//===- FusedSite.cpp - Fused sums of a step with static rows --------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Overlap/FusedSite.h"

#include "dialects/Decode/Decode.h"
#include "dialects/Overlap/Overlap.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Remarks.h"

#include <set>

using namespace plait;

FusedSite::FusedSite(par::ReduceGatherOp op, int64_t rowsOfRank, bool withProduct, bool isWhole)
    : op(op), rowsOfRank(rowsOfRank), columns(op.getWholeType().getDimSize(1)), isWhole(isWhole) {
  auto mesh = SymbolTable::lookupNearestSymbolFrom<par::MeshOp>(op, op.getMeshAttr());
  ranks = mesh.getSize(op.getDeviceAxes());
  if (auto linear = op.getInput().getDefiningOp<lm::LinearOp>(); withProduct && linear && linear->hasOneUse())
    product = linear;
  for (Operation &inner : op.getBody().front())
    for (Value operand : inner.getOperands())
      if (isa<lm::WeightType>(operand.getType()) && !llvm::is_contained(weights, operand))
        weights.push_back(operand);
}

const char *FusedSite::whyNot() const {
  if (op.getNodeEnds() || op.getSumOrder() != par::SumOrder::rank || op.isWide() || op.isNarrow())
    return "its sum is not taken in the order of ranks, in f32";
  if (op.getDeviceAxes().size() != 1)
    return "its devices are along several axes";
  if (product && product->getNumOperands() != 2)
    return "its product has a bias";
  if (product && cast<lm::WeightFormatInterface>(cast<lm::WeightType>(product->getOperand(1).getType()).getFormat())
                     .getQuantization())
    return "its product's weight has scales";
  return nullptr;
}

std::string FusedSite::getName() const {
  // With nothing between sum and gathering it is an all-reduce.
  bool isPlain = llvm::hasSingleElement(op.getBody().front());
  return product ? "linear_reduce_gather" : isPlain ? "all_reduce" : "reduce_gather";
}

RankedTensorType FusedSite::getType(int64_t rows, int64_t ofColumns) const {
  return RankedTensorType::get({rows, ofColumns}, Float32Type::get(op->getContext()));
}

RankedTensorType plait::withRows(Type type, int64_t rows) {
  SmallVector<int64_t> shape(cast<RankedTensorType>(type).getShape());
  shape[0] = rows;
  return RankedTensorType::get(shape, cast<RankedTensorType>(type).getElementType());
}

par::DimShardAttr plait::getPartsOfRows(par::DimShardAttr parts, int64_t ranks, int64_t rowsOfRank) {
  SmallVector<int64_t> bounds;
  for (int64_t rank = 0; rank < ranks; ++rank)
    bounds.append({rank * rowsOfRank, (rank + 1) * rowsOfRank});
  return par::DimShardAttr::get(parts.getContext(), parts.getAxes(), bounds);
}

FunctionType FusedSite::getFunctionType() const {
  SmallVector<Type> inputs, results{getType(getRows(), columns)};
  if (product) {
    inputs.push_back(withRows(product->getOperand(0).getType(), getRows()));
    inputs.push_back(product->getOperand(1).getType());
  } else {
    inputs.push_back(getType(getRows(), columns));
  }
  for (Value row : op.getRows())
    inputs.push_back(withRows(row.getType(), rowsOfRank));
  llvm::append_range(inputs, ValueRange(weights).getTypes());
  for (Value kept : op.getKept())
    results.push_back(withRows(kept.getType(), rowsOfRank));
  return FunctionType::get(op->getContext(), inputs, results);
}

SmallVector<int64_t> FusedSite::getReplicated() const {
  size_t first = getNumInputs() + getNumRows(), end = first + weights.size();
  return llvm::to_vector(llvm::seq<int64_t>(int64_t(isWhole ? getNumInputs() : first), int64_t(end)));
}

std::string FusedSite::getKey() const {
  std::string key;
  llvm::raw_string_ostream stream(key);
  stream << ranks << " " << getFunctionType() << " " << op.getMeshAttr() << " " << op.getParts();
  llvm::DenseMap<Value, int64_t> numbers;
  auto number = [&](Value value) { return numbers.insert({value, int64_t(numbers.size())}).first->second; };
  for (Value value : weights)
    number(value);
  for (Value value : op.getBody().getArguments())
    number(value);
  for (Operation &inner : op.getBody().front()) {
    stream << "\n" << inner.getName() << " " << inner.getAttrDictionary();
    for (Value operand : inner.getOperands())
      stream << " " << number(operand);
    for (Value result : inner.getResults())
      number(result);
  }
  return key;
}

SmallVector<Value> FusedSite::cloneBody(OpBuilder &b, int64_t rows, Value sum, ValueRange own,
                                        ValueRange ownWeights) const {
  IRMapping mapping;
  Block &body = op.getBody().front();
  mapping.map(body.getArgument(0), sum);
  mapping.map(body.getArguments().drop_front(), own);
  mapping.map(weights, ownWeights);
  for (Operation &inner : body.without_terminator()) {
    Operation *copy = b.clone(inner, mapping);
    for (Value result : copy->getResults())
      result.setType(withRows(result.getType(), rows));
  }
  return llvm::map_to_vector(body.getTerminator()->getOperands(), [&](Value value) { return mapping.lookup(value); });
}

Value FusedSite::cloneProduct(OpBuilder &b, Value input, Value weight) const {
  IRMapping mapping;
  mapping.map(product->getOperands(), ValueRange{input, weight});
  Operation *copy = b.clone(*product, mapping);
  copy->getResult(0).setType(
      getType(cast<RankedTensorType>(input.getType()).getDimSize(0), cast<lm::WeightType>(weight.getType()).getRows()));
  return copy->getResult(0);
}

Operation *plait::makeReference(OpBuilder &b, const FusedSite &site, StringRef name) {
  par::ReduceGatherOp op = site.op;
  Location loc = op.getLoc();
  OpBuilder::InsertionGuard guard(b);
  auto function = func::FuncOp::create(b, loc, name.str() + "_reference", site.getFunctionType());
  Block *block = function.addEntryBlock();
  b.setInsertionPointToStart(block);
  ValueRange arguments = block->getArguments();
  ValueRange own = arguments.slice(site.getNumInputs(), site.getNumRows());
  ValueRange weights = arguments.drop_front(site.getNumInputs() + site.getNumRows());
  Value summands = site.product ? site.cloneProduct(b, arguments[0], arguments[1]) : Value(arguments[0]);
  if (site.isWhole) {
    auto axes = b.getArrayAttr(SmallVector<Attribute>(op.getParts().getAxes().begin(), op.getParts().getAxes().end()));
    Value all = par::AllReduceOp::create(b, loc, site.getType(site.getRows(), site.columns), summands, op.getMeshAttr(),
                                         axes, DenseI64ArrayAttr(), DenseI64ArrayAttr(), op.getOrderAttr(),
                                         op.getAccumulateAttr(), op.getWireAttr(), par::AlgorithmsAttr());
    func::ReturnOp::create(b, loc, site.cloneBody(b, site.getRows(), all, own, weights));
    return function;
  }
  auto parts = getPartsOfRows(op.getParts(), site.ranks, site.rowsOfRank);
  auto dim = b.getI64IntegerAttr(0);
  auto sum = par::ReduceScatterOp::create(b, loc, site.getType(site.rowsOfRank, site.columns), summands, dim, parts,
                                          op.getMeshAttr(), DenseI64ArrayAttr(), DenseI64ArrayAttr(), op.getOrderAttr(),
                                          op.getAccumulateAttr(), op.getWireAttr());
  SmallVector<Value> yielded = site.cloneBody(b, site.rowsOfRank, sum.getResult(), own, weights);
  yielded[0] = par::AllGatherOp::create(b, loc, site.getType(site.getRows(), site.columns), yielded[0], dim, parts,
                                        op.getMeshAttr());
  func::ReturnOp::create(b, loc, yielded);
  return function;
}

SmallVector<FusedSite> plait::collectSites(ModuleOp module, int64_t rowsOfRank, bool withProduct, StringRef pass) {
  SmallVector<FusedSite> sites;
  std::set<std::string> seen;
  for (auto step : module.getOps<decode::StepOp>())
    step.walk([&](par::ReduceGatherOp op) {
      FusedSite site(op, rowsOfRank, withProduct);
      const char *reason = site.whyNot();
      if (!reason && withProduct && !site.product)
        reason = "what it adds up is no product, or is used elsewhere";
      if (reason)
        remark::missed(op.getLoc(), remark::RemarkOpts::name("NoProgram").category(pass))
            << std::string("there is no program for this sum: ") + reason;
      else if (seen.insert(site.getKey()).second)
        sites.push_back(site);
    });
  return sites;
}

std::string plait::makeSymbol(ModuleOp module, StringRef base) {
  std::string name = base.str();
  for (int64_t i = 1; SymbolTable::lookupSymbolIn(module, name); ++i)
    name = base.str() + "_" + std::to_string(i);
  return name;
}
