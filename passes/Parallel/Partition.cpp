//===- Partition.cpp - The program of one rank ----------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Parallel/Meshes.h"
#include "passes/Parallel/Passes.h"
#include "passes/Parallel/ReshardSteps.h"
#include "passes/Parallel/Reshards.h"

namespace plait {
#define GEN_PASS_DEF_PARTITIONPASS
#include "passes/Parallel/Passes.h.inc"
} // namespace plait

using namespace plait;

namespace {
struct PartitionPass : plait::impl::PartitionPassBase<PartitionPass> {
  using PartitionPassBase::PartitionPassBase;

  void runOnOperation() override {
    auto found = findMesh(getOperation(), meshName);
    if (failed(found))
      return signalPassFailure();
    mesh = *found;
    if (rank < 0 || rank >= mesh.getNumRanks()) {
      getOperation().emitError("expected one 'par.mesh' with a rank ") << int64_t(rank);
      return signalPassFailure();
    }
    if (mesh.getRank()) {
      mesh.emitOpError("expected whole steps but got those of rank ") << int64_t(*mesh.getRank());
      return signalPassFailure();
    }
    if (failed(checkConstraints()))
      return signalPassFailure();
    mesh.setRank(rank);
    insertReshards(getOperation());
    for (decode::StepOp step : getOperation().getOps<decode::StepOp>())
      if (failed(partition(step)))
        return signalPassFailure();
    for (lm::ModelOp model : getOperation().getOps<lm::ModelOp>())
      removeUnused(model);
  }

private:
  /// That all values of the steps are sharded over the mesh, and finally.
  LogicalResult checkConstraints() {
    WalkResult result = getOperation().walk([&](par::ConstraintOp op) {
      if (op.getShard().getMesh().getAttr() != mesh.getSymNameAttr()) {
        op.emitOpError("expected shardings over one mesh in a step, @")
            << mesh.getSymName() << ", but got " << op.getShard().getMesh();
        return WalkResult::interrupt();
      }
      if (!llvm::all_of(op.getShard().getDims(), [](par::DimShardAttr dim) { return dim.isFinal(); })) {
        op.emitOpError("expected closed dimensions without priorities; 'plait-propagate-sharding' decides the others");
        return WalkResult::interrupt();
      }
      return WalkResult::advance();
    });
    return failure(result.wasInterrupted());
  }

  LogicalResult partition(decode::StepOp step) {
    SmallVector<par::ConstraintOp> constraints;
    SmallVector<par::ReshardOp> reshards;
    step.walk([&](Operation *op) {
      if (auto constraint = dyn_cast<par::ConstraintOp>(op))
        constraints.push_back(constraint);
      else if (auto reshard = dyn_cast<par::ReshardOp>(op))
        reshards.push_back(reshard);
    });
    for (par::ReshardOp reshard : reshards)
      if (failed(convert(reshard)))
        return failure();
    exchanges.clear();
    for (par::ConstraintOp constraint : constraints)
      localize(constraint);
    for (Exchange &exchange : exchanges)
      exchangeParts(exchange);
    auto returned = step.getBody().front().getTerminator()->getOperandTypes();
    step.setFunctionType(FunctionType::get(&getContext(), step.getBody().getArgumentTypes(), returned));
    return success();
  }

  void localize(par::ConstraintOp constraint) {
    Value value = constraint.getInput();
    SmallVector<int64_t> begins;
    SmallVector<int64_t> shape = par::getLocalShape(mesh, rank, constraint.getShard(), value.getType(), &begins);
    Operation *op = value.getDefiningOp();
    // A sum whose order is declared has a sum for each node that the rank's leaves make up.
    if (auto linear = dyn_cast_or_null<lm::LinearOp>(op))
      shape[1] *= linear.getNumNodes();
    Type type = lm::getPartType(value.getType(), shape);
    if (llvm::any_of(constraint.getShard().getDims(), [](par::DimShardAttr dim) { return dim.isEven(); }))
      type = lm::getTokensPart(cast<RankedTensorType>(type));
    if (auto get = dyn_cast_or_null<lm::GetWeightOp>(op); get && get.getType() != type)
      localizeWeight(get, cast<lm::WeightType>(type), begins);
    ArrayRef<par::AxisAttr> unreduced = constraint.getShard().getUnreduced();
    if (auto sharding = dyn_cast_or_null<lm::ShardingOpInterface>(op);
        sharding && !unreduced.empty() && mesh.getIndex(rank, unreduced) != 0)
      for (unsigned i = op->getNumOperands(); i > 0 && i > sharding.getShardingRule().firstSummand; --i)
        op->eraseOperand(i - 1);
    value.setType(type);
    for (OpOperand &use : constraint.getResult().getUses())
      if (auto sharding = dyn_cast<lm::ShardingOpInterface>(use.getOwner()))
        sharding.setPart(use.getOperandNumber(), begins);
    noteExchange(constraint, begins);
    constraint.replaceAllUsesWith(value);
    constraint.erase();
  }

  /// Logits of which each rank has a part, and the ops that choose from them.
  struct Exchange {
    Value logits;
    par::DimShardAttr vocabulary;
    int64_t first;
    FlatSymbolRefAttr mesh;
    SmallVector<decode::PartsOpInterface> ops;
  };

  void noteExchange(par::ConstraintOp constraint, ArrayRef<int64_t> begins) {
    Exchange exchange{constraint.getInput(), {}, 0, constraint.getShard().getMesh(), {}};
    for (Operation *user : constraint.getResult().getUsers())
      if (auto op = dyn_cast<decode::PartsOpInterface>(user); op && user->getOperand(0) == constraint.getResult())
        exchange.ops.push_back(op);
    if (exchange.ops.empty() || constraint.getShard().getDims()[1].isWhole())
      return;
    exchange.vocabulary = constraint.getShard().getDims()[1];
    exchange.first = begins[1];
    // In the order of the program, which is that of the exchanges.
    llvm::sort(exchange.ops, [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
    exchanges.push_back(std::move(exchange));
  }

  void exchangeParts(Exchange &exchange) {
    auto gather = [&](OpBuilder &b, Value own) -> Value {
      auto type = cast<RankedTensorType>(own.getType());
      int64_t width = type.getDimSize(1), count = exchange.vocabulary.getNumParts();
      SmallVector<int64_t> bounds;
      for (int64_t part = 0; part < count; ++part)
        bounds.append({part * width, (part + 1) * width});
      auto parts = par::DimShardAttr::get(&getContext(), exchange.vocabulary.getAxes(), bounds);
      Type whole = lm::getPartType(type, {type.getDimSize(0), width * count});
      return par::AllGatherOp::create(b, own.getLoc(), whole, own, b.getI64IntegerAttr(1), parts, exchange.mesh);
    };
    decode::LogitsParts parts(exchange.logits, exchange.first, gather);
    for (decode::PartsOpInterface op : exchange.ops) {
      OpBuilder b(op);
      op->replaceAllUsesWith(op.onParts(b, parts));
      op->erase();
    }
  }

  /// All uses of a weight have one sharding, so the symbol itself becomes the part.
  void localizeWeight(lm::GetWeightOp get, lm::WeightType type, ArrayRef<int64_t> begins) {
    auto weight = SymbolTable::lookupNearestSymbolFrom<lm::WeightOp>(get, get.getWeightAttr());
    if (weight.getType() == type)
      return;
    lm::PartAttr part = weight.getPartOrWhole();
    weight.setPartAttr(lm::PartAttr::get(&getContext(), part.getRow() + begins[0],
                                         part.getColumn() + (begins.size() > 1 ? begins[1] : 0), part.getRows(),
                                         part.getColumns()));
    weight.setTypeAttr(TypeAttr::get(type));
  }

  /// If `value` is a shared sum whose order is declared: the nodes of all devices' leaves.
  /// Its product's tree becomes that of the rank's leaves.
  std::pair<DenseI64ArrayAttr, DenseI64ArrayAttr> shareTree(Value value) {
    auto constraint = value.getDefiningOp<par::ConstraintOp>();
    auto linear = constraint ? constraint.getInput().getDefiningOp<lm::LinearOp>() : nullptr;
    auto weight = linear ? linear.getWeight().getDefiningOp<par::ConstraintOp>() : nullptr;
    if (!weight || !linear.getTree() || constraint.getShard().getUnreduced().empty())
      return {};
    par::DimShardAttr columns = weight.getShard().getDims()[1];
    int64_t granule = linear.getTree()->getGranule(), leaves = linear.getTree()->getLeaves();
    SmallVector<int64_t> ends, bounds = {0};
    for (int64_t part = 0; part < columns.getNumParts(); ++part) {
      auto tree = lm::TreeAttr::get(&getContext(), granule, columns.getBegin(part) / granule, leaves);
      llvm::append_range(ends, tree.getNodeEnds(columns.getSize(part)));
      bounds.push_back(ends.size());
      if (part == mesh.getIndex(rank, columns.getAxes()))
        linear.setTreeAttr(tree);
    }
    return {DenseI64ArrayAttr::get(&getContext(), ends), DenseI64ArrayAttr::get(&getContext(), bounds)};
  }

  Value build(OpBuilder &b, Location loc, const ReshardStep &step, par::ShardAttr before, Value value, Type local,
              DenseI64ArrayAttr nodeEnds, DenseI64ArrayAttr nodeBounds) {
    FlatSymbolRefAttr symbol = before.getMesh();
    par::DimShardAttr from = before.getDims()[step.dim], to = step.result.getDims()[step.dim];
    IntegerAttr dim = b.getI64IntegerAttr(step.dim);
    auto order = par::SumOrderAttr::get(&getContext(), par::SumOrder::rank);
    switch (step.kind) {
    case ReshardKind::allReduce: {
      SmallVector<Attribute> axes(step.axes.begin(), step.axes.end());
      return par::AllReduceOp::create(b, loc, local, value, symbol, b.getArrayAttr(axes), nodeEnds, nodeBounds, order,
                                      TypeAttr(), TypeAttr(), par::AlgorithmsAttr());
    }
    case ReshardKind::reduceScatter:
      return par::ReduceScatterOp::create(b, loc, local, value, dim, to, symbol, nodeEnds, nodeBounds, order,
                                          TypeAttr(), TypeAttr());
    case ReshardKind::allGather:
      return par::AllGatherOp::create(b, loc, local, value, dim, from, symbol);
    case ReshardKind::allToAll:
      return par::AllToAllOp::create(b, loc, local, value, b.getI64IntegerAttr(step.sourceDim),
                                     before.getDims()[step.sourceDim], dim, to, symbol);
    case ReshardKind::part:
      return par::PartOp::create(b, loc, local, value, dim, to, symbol);
    }
    llvm_unreachable("all kinds are above");
  }

  LogicalResult convert(par::ReshardOp reshard) {
    par::ShardAttr source = reshard.getSource(), target = reshard.getTarget();
    auto type = dyn_cast<RankedTensorType>(reshard.getInput().getType());
    if (!type || !type.getElementType().isF32())
      return reshard.emitOpError("expected a tensor of f32 but got ") << reshard.getInput().getType();
    auto isEven = [](par::DimShardAttr dim) { return dim.isEven(); };
    if (!lm::getTokensPart(type) && (llvm::any_of(source.getDims(), isEven) || llvm::any_of(target.getDims(), isEven)))
      return reshard.emitOpError("expected tokens to be shared out evenly but got ") << type;
    auto steps = findReshardSteps(mesh, type, source, target);
    if (!steps)
      return reshard.emitOpError("expected parts that do not overlap, so that collectives lead from ")
             << source << " to " << target;
    OpBuilder b(reshard);
    Value value = reshard.getInput();
    auto [nodeEnds, nodeBounds] = shareTree(value);
    par::ShardAttr before = source;
    for (const ReshardStep &step : *steps) {
      value = build(b, reshard.getLoc(), step, before, value, getLocalType(mesh, rank, step.result, type), nodeEnds,
                    nodeBounds);
      before = step.result;
    }
    // What a step returns is written by a kernel, which a collective is not.
    auto isReturned = [](Operation *user) { return isa<decode::ReturnOp>(user); };
    if (!steps->empty() && llvm::any_of(reshard->getUsers(), isReturned))
      value = lm::SliceColumnsOp::create(b, reshard.getLoc(), value, /*offset=*/0,
                                         cast<RankedTensorType>(value.getType()).getDimSize(1));
    reshard.replaceAllUsesWith(value);
    reshard.erase();
    return success();
  }

  /// Erases what has been inlined, and weights that nothing else used.
  void removeUnused(lm::ModelOp model) {
    bool called = false;
    getOperation().walk([&](lm::CallOp) { called = true; });
    if (called)
      return;
    for (lm::FuncOp function : llvm::make_early_inc_range(model.getOps<lm::FuncOp>())) {
      if (function.getSymName() != "head") {
        function.erase();
        continue;
      }
      function.getBody().dropAllReferences(); // its type says how large the vocabulary is
      function.getBody().getBlocks().clear();
    }
    DenseSet<StringAttr> used;
    getOperation().walk([&](lm::GetWeightOp get) { used.insert(get.getWeight().getLeafReference()); });
    for (lm::WeightOp weight : llvm::make_early_inc_range(model.getOps<lm::WeightOp>()))
      if (!used.contains(weight.getSymNameAttr()))
        weight.erase();
  }

  par::MeshOp mesh;
  SmallVector<Exchange> exchanges; ///< of the step at work
};
} // namespace
