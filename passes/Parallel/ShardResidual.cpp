//===- ShardResidual.cpp - The residual stream shared out by tokens -------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Works on the program of one rank. Values that are the same on all ranks and made of
// sums over them, row by row, need not be computed by everybody: the set `shared` grows
// from the sums forward, as long as ops allow. Where it ends, the parts are gathered.
//
//===----------------------------------------------------------------------===//

#include "passes/Parallel/FuseEpilogue.h"
#include "passes/Parallel/Passes.h"

#include "plait/Cost/StepEvents.h"

#include "mlir/IR/Remarks.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/FormatVariadic.h"

namespace plait {
#define GEN_PASS_DEF_SHARDRESIDUALPASS
#include "passes/Parallel/Passes.h.inc"
} // namespace plait

using namespace plait;

namespace {

/// What of a step is the same on all ranks.
class Replication {
public:
  explicit Replication(decode::StepOp step) {
    for (BlockArgument argument : step.getBody().getArguments())
      if (!isa<lm::StateType>(argument.getType()))
        same.insert(argument);
    visit(step.getBody().front());
  }
  bool isSame(Value value) const { return same.contains(value); }

private:
  void visit(Block &block) {
    for (Operation &op : block) {
      if (auto layers = dyn_cast<lm::LayersOp>(op))
        visitLayers(layers);
      else if (isSameOp(op))
        same.insert_range(op.getResults());
    }
  }

  bool isSameOp(Operation &op) const {
    if (isa<par::AllReduceOp, par::AllGatherOp>(op))
      return true;
    if (auto get = dyn_cast<lm::GetWeightOp>(op)) {
      auto weight = SymbolTable::lookupNearestSymbolFrom<lm::WeightOp>(get, get.getWeightAttr());
      return weight && !weight.getPartAttr();
    }
    return !isa<par::CollectiveOpInterface>(op) && llvm::all_of(op.getOperands(), [&](Value v) { return isSame(v); });
  }

  /// A carried value is the same if what comes in and what each layer makes of it are.
  void visitLayers(lm::LayersOp layers) {
    Block &body = layers.getBody().front();
    for (auto [init, argument] : llvm::zip_equal(layers.getInits(), body.getArguments()))
      if (isSame(init))
        same.insert(argument);
    while (true) {
      visit(body);
      bool changed = false;
      for (auto [argument, yielded] : llvm::zip_equal(body.getArguments(), body.getTerminator()->getOperands()))
        if (isSame(argument) && !isSame(yielded))
          changed |= same.erase(argument);
      if (!changed)
        break;
      for (Operation &op : body)
        for (Value result : op.getResults())
          same.erase(result);
    }
    for (auto [argument, result] : llvm::zip_equal(body.getArguments(), layers.getResults()))
      if (isSame(argument))
        same.insert(result);
  }

  DenseSet<Value> same;
};

bool hasTokens(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && lm::getLeadingDim(type) == "tokens";
}

class ResidualSharder {
public:
  ResidualSharder(decode::StepOp step, par::MeshOp mesh, bool isSilent)
      : step(step), mesh(mesh), isSilent(isSilent), replication(step) {}

  int64_t run() {
    step.walk([&](par::AllReduceOp op) {
      // Who has decided how a sum is carried out has decided that it is one.
      if (hasTokens(op.getResult()) && !op.getAlgorithmsAttr()) {
        sums.push_back(op);
        shared.insert(op.getResult());
      }
    });
    while (grow())
      ;
    if (sums.empty())
      return 0;
    parts = par::DimShardAttr::get(step.getContext(), sums.front().getDeviceAxes(), {});
    for (Value value : shared)
      value.setType(lm::getTokensPart(cast<RankedTensorType>(value.getType())));
    for (par::AllReduceOp op : sums)
      scatter(op);
    step.walk([&](Operation *op) { convertOperands(op); });
    return sums.size();
  }

private:
  /// Whether each row of the results is made of the same row of all operands, and a rank
  /// may compute it as well as another. A product with a matrix would have its rows
  /// gathered afterwards, which are longer as a rule.
  bool isRowwise(Operation *op) const {
    auto sharding = dyn_cast<lm::ShardingOpInterface>(op);
    auto isVector = [&](Value value) {
      auto tensor = dyn_cast<RankedTensorType>(value.getType());
      auto weight = dyn_cast<lm::WeightType>(value.getType());
      return replication.isSame(value) && (tensor ? tensor.getElementType().isF32() : weight && weight.isVector());
    };
    if (!sharding || !llvm::all_of(op->getOperands(), isVector))
      return false;
    for (const ShardingFactor &factor : sharding.getShardingRule().factors) {
      DenseSet<Value> values;
      for (const FactorDim &dim : factor.dims)
        if (dim.dim == 0 && factor.kind == FactorKind::parallel)
          values.insert(dim.isResult ? Value(op->getResult(dim.value)) : op->getOperand(dim.value));
      auto isRow = [&](Value value) { return !isa<RankedTensorType>(value.getType()) || values.contains(value); };
      if (!values.empty() && llvm::all_of(op->getOperands(), isRow) && llvm::all_of(op->getResults(), isRow))
        return true;
    }
    return false;
  }

  bool grow() {
    size_t before = shared.size();
    step.walk([&](Operation *op) {
      if (auto layers = dyn_cast<lm::LayersOp>(op)) {
        Block &body = layers.getBody().front();
        for (auto [argument, yielded, result] :
             llvm::zip_equal(body.getArguments(), body.getTerminator()->getOperands(), layers.getResults()))
          if (shared.contains(yielded) || shared.contains(argument))
            shared.insert_range(SmallVector<Value>{argument, result});
      } else if (llvm::any_of(op->getOperands(), [&](Value v) { return shared.contains(v); }) && isRowwise(op)) {
        shared.insert_range(op->getResults());
      }
    });
    return shared.size() > before;
  }

  void scatter(par::AllReduceOp op) {
    OpBuilder b(op);
    auto scattered = par::ReduceScatterOp::create(
        b, op.getLoc(), op.getResult().getType(), op.getInput(), b.getI64IntegerAttr(0), parts, op.getMeshAttr(),
        op.getNodeEndsAttr(), op.getNodeBoundsAttr(), op.getOrderAttr(), op.getAccumulateAttr(), op.getWireAttr());
    shared.remove(op.getResult());
    shared.insert(scattered.getResult());
    op.replaceAllUsesWith(scattered.getResult());
    op.erase();
  }

  /// Gives `op` the form of its operands that it needs.
  void convertOperands(Operation *op) {
    for (OpOperand &operand : op->getOpOperands()) {
      Value value = operand.get();
      if (isa<par::CollectiveOpInterface>(op) || !(hasTokens(value) || shared.contains(value)))
        continue;
      bool wanted = needsPart(operand);
      if (wanted != shared.contains(value))
        operand.set(wanted ? getPart(value) : gather(value, op));
    }
  }

  bool needsPart(OpOperand &operand) const {
    Operation *op = operand.getOwner();
    if (auto layers = dyn_cast<lm::LayersOp>(op))
      return shared.contains(layers.getResult(operand.getOperandNumber()));
    if (auto layers = dyn_cast<lm::LayersOp>(op->getParentOp()); layers && isa<lm::YieldOp>(op))
      return shared.contains(layers.getResult(operand.getOperandNumber()));
    return llvm::any_of(op->getResults(), [&](Value v) { return shared.contains(v); });
  }

  Value getPart(Value value) {
    Value &part = converted[value];
    if (!part) {
      OpBuilder b(step.getContext());
      b.setInsertionPointAfterValue(value);
      auto type = lm::getTokensPart(cast<RankedTensorType>(value.getType()));
      part = par::PartOp::create(b, value.getLoc(), type, value, /*dim=*/0, parts, mesh.getSymName());
    }
    return part;
  }

  Value gather(Value value, Operation *user) {
    Value &whole = converted[value];
    if (!whole) {
      OpBuilder b(step.getContext());
      b.setInsertionPointAfterValue(value);
      auto type = cast<RankedTensorType>(value.getType());
      auto names = llvm::to_vector(cast<lm::DimsAttr>(type.getEncoding()).getNames());
      names[0] = b.getStringAttr("tokens");
      auto wholeType =
          RankedTensorType::get(type.getShape(), type.getElementType(), lm::DimsAttr::get(b.getContext(), names));
      whole = par::AllGatherOp::create(b, value.getLoc(), wholeType, value, /*dim=*/0, parts, mesh.getSymName());
      if (!isSilent)
        remark::analysis(value.getLoc(), remark::RemarkOpts::name("Gather").category("plait-shard-residual"))
            << llvm::formatv("{0} bytes per token are gathered for {1}, which needs all tokens", lm::getRowBytes(type),
                             user->getName())
                   .str();
    }
    return whole;
  }

  decode::StepOp step;
  par::MeshOp mesh;
  bool isSilent;
  Replication replication;
  SmallVector<par::AllReduceOp> sums;
  llvm::SetVector<Value> shared; ///< values of which a rank has the rows of its tokens
  DenseMap<Value, Value> converted;
  par::DimShardAttr parts;
};

struct ShardResidualPass : plait::impl::ShardResidualPassBase<ShardResidualPass> {
  using ShardResidualPassBase::ShardResidualPassBase;

  void runOnOperation() override { numSums += shardResidual(getOperation(), /*isSilent=*/false, leavesAhead); }
};
} // namespace

int64_t plait::shardResidual(ModuleOp module, bool isSilent, bool leavesAhead) {
  int64_t sums = 0;
  // Of several meshes that of the program has a rank.
  for (par::MeshOp mesh : module.getOps<par::MeshOp>())
    for (decode::StepOp step : module.getOps<decode::StepOp>()) {
      if (!mesh.getRank())
        continue;
      if (!leavesAhead || !leavesTime(step, mesh))
        sums += ResidualSharder(step, mesh, isSilent).run();
      else if (!isSilent)
        remark::missed(step.getLoc(), remark::RemarkOpts::name("LeavesTime").category("plait-shard-residual"))
            << ("@" + step.getSymName() + ": its sums are not waited for before the next product").str();
    }
  return sums;
}
