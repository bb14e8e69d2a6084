//===- PlanLaunches.cpp - Launch plans and tables -------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Lower/Passes.h"

#include "passes/Lower/MemoryPlan.h"
#include "plait-abi/Model.h"

#include "mlir/IR/Remarks.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/MathExtras.h"

namespace plait {
#define GEN_PASS_DEF_PLANLAUNCHESPASS
#include "passes/Lower/Passes.h.inc"
} // namespace plait

using namespace plait;

namespace {

/// Tells which launches need a barrier: those that touch what another one since
/// the last barrier has written, or write what one has read. In steps with copies these
/// are each thread's own, which nobody waits for; in others they are slots.
class Hazards {
public:
  explicit Hazards(bool copies) : copies(copies) {}

  bool conflicts(ArrayRef<rt::ArgAttr> reads, ArrayRef<rt::ArgAttr> writes) const {
    return llvm::any_of(getShared(reads), [&](Attribute a) { return written.contains(a); }) ||
           llvm::any_of(getShared(writes), [&](Attribute a) { return written.contains(a) || read.contains(a); });
  }
  void add(ArrayRef<rt::ArgAttr> reads, ArrayRef<rt::ArgAttr> writes) {
    read.insert_range(getShared(reads));
    written.insert_range(getShared(writes));
  }
  void clear() {
    read.clear();
    written.clear();
  }

private:
  SmallVector<Attribute> getShared(ArrayRef<rt::ArgAttr> buffers) const {
    SmallVector<Attribute> shared;
    for (rt::ArgAttr buffer : buffers)
      if (buffer.getKind() != rt::ArgKind::copy)
        shared.push_back(buffer);
      else if (!copies)
        shared.push_back(rt::ArgAttr::get(buffer.getContext(), rt::ArgKind::slot, buffer.getIndex()));
    return shared;
  }

  bool copies;
  DenseSet<Attribute> read, written;
};

struct PlanLaunchesPass : plait::impl::PlanLaunchesPassBase<PlanLaunchesPass> {
  using PlanLaunchesPassBase::PlanLaunchesPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto steps = llvm::to_vector(module.getOps<decode::StepOp>());
    auto models = llvm::to_vector(module.getOps<lm::ModelOp>());
    if (steps.empty() || models.size() != 1) {
      module.emitError("expected one 'lm.model' and at least one 'decode.step' but got ")
          << models.size() << " and " << steps.size();
      return signalPassFailure();
    }
    OpBuilder b = OpBuilder::atBlockEnd(module.getBody());
    if (failed(createModel(b, models.front(), steps.front())))
      return signalPassFailure();
    for (decode::StepOp step : steps)
      if (failed(planStep(step)))
        return signalPassFailure();
    finishTables();
    Block &tableOps = model.getBody().front();
    for (auto strategy : llvm::make_early_inc_range(module.getOps<rt::StrategyOp>()))
      strategy->moveBefore(&tableOps, tableOps.end());
    for (decode::StepOp step : steps)
      step.erase();
    models.front().erase();
    for (Operation &op : llvm::make_early_inc_range(*module.getBody()))
      if (isa<par::MeshOp, par::PhaseOp, par::MachineOp>(op))
        op.erase();
  }

private:
  LogicalResult createModel(OpBuilder &b, lm::ModelOp source, decode::StepOp step) {
    auto head = source.lookupSymbol<lm::FuncOp>("head");
    auto logits = head && head.getNumResults() == 1 ? dyn_cast<RankedTensorType>(head.getResultTypes()[0]) : nullptr;
    if (!logits || logits.getRank() != 2)
      return source.emitOpError("expected a function @head with logits as its result");
    states = step.getStateTypes();
    if (states.empty())
      return step.emitOpError("expected an argument of role state but found none");
    int64_t vocabulary = logits.getDimSize(1);
    int64_t parameters = 0, layers = 0;
    for (lm::StateType state : states)
      layers += state.getLayers();
    // A tensor that is there in several parts, or in several weights, counts once, and whole.
    llvm::StringSet<> counted;
    for (lm::WeightOp weight : source.getOps<lm::WeightOp>()) {
      lm::PartAttr whole = weight.getPartOrWhole();
      for (int64_t slice = 0; slice < weight.getSlices(); ++slice)
        if (counted.insert(weight.getTensorName(slice)).second)
          parameters += whole.getRows() * whole.getColumns();
    }
    int64_t rank = 0, ranks = 1;
    for (par::MeshOp mesh : getOperation().getOps<par::MeshOp>()) {
      if (!mesh.getRank())
        return mesh.emitOpError("expected the program of one rank; 'plait-partition' makes it");
      std::tie(rank, ranks) = par::getPlaceInReplica(mesh);
    }
    model = rt::ModelOp::create(b, source.getLoc(), source.getSymName(), source.getFamily(),
                                lm::stringifyNumerics(source.getNumerics()), vocabulary, source.getMaxPositions(),
                                layers, /*pack_bytes=*/0, parameters, rank, ranks, /*token_group=*/-1,
                                /*program=*/IntegerAttr(), /*chip=*/StringAttr());
    tables = OpBuilder::atBlockEnd(&model.getBody().emplaceBlock());
    return success();
  }

  /// Index of a kernel or weight in its table, by first use.
  int64_t getKernelIndex(FlatSymbolRefAttr kernel) { return kernels.insert({kernel, kernels.size()}).first->second; }
  int64_t getWeightIndex(kernel::PackedWeightOp weight) {
    auto [it, fresh] = weights.insert({weight.getWeightAttr(), {int64_t(weights.size()), weight}});
    return it->second.first;
  }

  LogicalResult planStep(decode::StepOp step) {
    auto memory = MemoryPlan::create(step);
    if (failed(memory))
      return failure();
    bool hasLogits =
        llvm::is_contained(step.getOutputRoles(), decode::RoleAttr::get(&getContext(), decode::Role::logits));
    auto plan = rt::PlanOp::create(tables, step.getLoc(), step.getSymName(), hasLogits, getHiddenColumns(step),
                                   step.getWeaveTokens(), step.getShareTokens());
    OpBuilder b = OpBuilder::atBlockEnd(&plan.getBody().emplaceBlock());
    for (MemoryPlan::Slot slot : memory->getSlots()) {
      SmallVector<int64_t> bytes(PLAIT_DIM_COUNT + 1, 0);
      bytes[slot.dim + 1] = slot.bytes;
      rt::SlotOp::create(b, step.getLoc(), bytes);
    }
    numSlots += memory->getSlots().size();
    hazards.clear();
    hazardsWithCopies.clear();
    return planBlock(b, step.getBody().front(), *memory, 0, 1, /*inLoop=*/false);
  }

  /// Of the hidden states that a step takes or returns; 0 if none.
  static int64_t getHiddenColumns(decode::StepOp step) {
    Type type;
    for (auto [i, argument] : llvm::enumerate(step.getArgumentTypes()))
      if (step.getInputRole(i) == decode::Role::hidden)
        type = argument;
    for (auto [i, result] : llvm::enumerate(step.getResultTypes()))
      if (step.getOutputRole(i) == decode::Role::hidden)
        type = result;
    return type ? cast<RankedTensorType>(type).getDimSize(1) : 0;
  }

  LogicalResult planBlock(OpBuilder &b, Block &block, const MemoryPlan &memory, int64_t begin, int64_t end,
                          bool inLoop) {
    bool loopBegin = inLoop, wait = true;
    for (Operation &op : block) {
      if (auto layers = dyn_cast<lm::LayersOp>(op)) {
        if (failed(planBlock(b, layers.getBody().front(), memory, layers.getBegin(), layers.getEnd(), /*inLoop=*/true)))
          return failure();
        wait = true; // for the whole loop
      } else if (auto launch = dyn_cast<kernel::LaunchOp>(op)) {
        planLaunch(b, launch, memory, begin, end, loopBegin, wait);
        loopBegin = wait = false;
      } else if (auto collective = dyn_cast<par::CollectiveOpInterface>(op)) {
        if (failed(planCollective(b, collective, memory, begin, end, loopBegin)))
          return failure();
        loopBegin = false;
        wait = true;
        if (auto fused = dyn_cast<par::ReduceGatherOp>(op))
          for (auto launch : fused.getBody().front().getOps<kernel::LaunchOp>())
            planLaunch(b, launch, memory, begin, end, loopBegin, wait);
      }
    }
    return success();
  }

  void planLaunch(OpBuilder &b, kernel::LaunchOp launch, const MemoryPlan &memory, int64_t begin, int64_t end,
                  bool loopBegin, bool forceBarrier) {
    SmallVector<rt::ArgAttr> reads, writes;
    auto toAttr = [&](MemoryPlan::Buffer buffer) { return rt::ArgAttr::get(&getContext(), buffer.kind, buffer.index); };
    SmallVector<Attribute> arguments;
    for (Value operand : launch.getArguments()) {
      if (auto weight = operand.getDefiningOp<kernel::PackedWeightOp>()) {
        arguments.push_back(rt::ArgAttr::get(&getContext(), rt::ArgKind::weight, getWeightIndex(weight)));
        continue;
      }
      for (MemoryPlan::Buffer buffer : memory.getBuffers(operand)) {
        reads.push_back(toAttr(buffer));
        arguments.push_back(toAttr(buffer));
      }
    }
    for (Value result : launch.getResults())
      for (MemoryPlan::Buffer buffer : memory.getBuffers(result)) {
        if (buffer.kind != rt::ArgKind::pages) // a state's page table is only read
          writes.push_back(toAttr(buffer));
        if (kernel::getResultBuffers(result.getType()))
          arguments.push_back(toAttr(buffer));
      }
    bool always = forceBarrier || hazardsWithCopies.conflicts(reads, writes);
    bool barrier = always || hazards.conflicts(reads, writes);
    if (always)
      hazardsWithCopies.clear();
    if (barrier) {
      hazards.clear();
      ++numBarriers;
      numIfShared += !always;
    }
    if (!barrier)
      remark::passed(launch.getLoc(), remark::RemarkOpts::name("NoBarrier").category("plait-plan-launches"))
          << launch.getSource() << " touches no buffer of the launches since the last barrier";
    hazards.add(reads, writes);
    hazardsWithCopies.add(reads, writes);
    getKernelIndex(launch.getKernelAttr());
    auto func = SymbolTable::lookupNearestSymbolFrom<kernel::FuncOp>(launch, launch.getKernelAttr());
    rt::LaunchOp::create(b, launch.getLoc(), launch.getKernel(), b.getArrayAttr(arguments), begin, end, barrier,
                         /*if_shared=*/barrier && !always, loopBegin, launch.getRedundant(), launch.getSource(),
                         func.getCostAttr());
  }

  /// The number of the group of devices along `axes` that has this rank; -1: all ranks.
  FailureOr<int64_t> getGroup(par::CollectiveOpInterface op) {
    auto mesh = SymbolTable::lookupNearestSymbolFrom<par::MeshOp>(op, op.getMeshAttr());
    SmallVector<par::AxisAttr> axes = op.getDeviceAxes();
    if (llvm::any_of(axes, [](par::AxisAttr axis) { return axis.getAxis().getValue() == par::kReplicaAxis; }))
      return op->emitOpError("expected devices of one replica but got axis \"") << par::kReplicaAxis << "\"";
    auto [rank, ranks] = par::getPlaceInReplica(mesh);
    SmallVector<SmallVector<int64_t>> all = par::getGroupsInReplica(mesh, axes);
    if (all.size() == 1 && llvm::is_sorted(all[0]))
      return -1;
    // All of one kind are there, so that the table is the same on all ranks.
    int64_t own = -1;
    for (const SmallVector<int64_t> &members : all) {
      Attribute key = DenseI64ArrayAttr::get(&getContext(), members);
      int64_t number = groups.insert({key, groups.size()}).first->second;
      if (llvm::is_contained(members, rank))
        own = number;
    }
    return own;
  }

  LogicalResult planCollective(OpBuilder &b, par::CollectiveOpInterface op, const MemoryPlan &memory, int64_t begin,
                               int64_t end, bool loopBegin) {
    auto toAttr = [&](Value value) {
      MemoryPlan::Buffer buffer = memory.getBuffers(value).front();
      return rt::ArgAttr::get(&getContext(), buffer.kind, buffer.index);
    };
    RankedTensorType whole = op.getWholeType();
    auto group = getGroup(op);
    if (failed(group))
      return failure();
    auto [sourceDim, sourceParts] = op.getSourcePartition();
    par::DimShardAttr parts = op.getPartition();
    bool hasRowParts = (parts && parts.isEven()) || (sourceParts && sourceParts.isEven());
    if (sourceParts && !hasRowParts)
      return op->emitOpError("expected parts of tokens on one side; the runtime has matrices of tokens");
    IntegerAttr toDim;
    if (sourceParts)
      toDim = b.getI64IntegerAttr(parts.isEven() ? 0 : 1);
    if (hasRowParts) {
      if (tokenGroup && *tokenGroup != *group)
        return op->emitOpError("expected tokens to be shared out by the same devices as elsewhere, but got those of ")
               << b.getArrayAttr(llvm::to_vector_of<Attribute>(op.getDeviceAxes()));
      tokenGroup = *group;
    }
    if (sourceParts && parts.isEven())
      parts = sourceParts;
    DenseI64ArrayAttr bounds;
    if (parts && !parts.isEven()) {
      SmallVector<int64_t> begins;
      for (int64_t part = 0; part < parts.getNumParts(); ++part)
        begins.push_back(parts.getBegin(part));
      begins.push_back(parts.getBounds().back());
      bounds = b.getDenseI64ArrayAttr(begins);
    }
    auto [nodeEnds, nodeBounds] = op.getNodes();
    rt::ArgAttr sum, part;
    int64_t epilogue = 0;
    if (auto fused = dyn_cast<par::ReduceGatherOp>(*op)) {
      Block &body = fused.getBody().front();
      sum = toAttr(body.getArgument(0));
      part = toAttr(body.getTerminator()->getOperand(0));
      epilogue = llvm::range_size(body.getOps<kernel::LaunchOp>());
      if (epilogue == 0)
        return op->emitOpError("expected launches that make what is gathered of the sum");
    }
    hazards.clear();
    hazardsWithCopies.clear();
    ++numBarriers;
    rt::SumPrecision precision = op.isWide()     ? rt::SumPrecision::f64
                                 : op.isNarrow() ? rt::SumPrecision::bf16
                                                 : rt::SumPrecision::f32;
    ArrayAttr algorithms;
    if (par::AlgorithmsAttr own = op.getAlgorithmsAttr()) {
      SmallVector<Attribute> ranges;
      for (auto [rows, algorithm] : llvm::zip_equal(own.getRows(), own.getAlgorithms()))
        ranges.push_back(rt::SumRangeAttr::get(&getContext(), rows, static_cast<rt::SumAlgorithm>(algorithm)));
      algorithms = b.getArrayAttr(ranges);
    }
    // The ops of the two dialects have the same names.
    auto kind = rt::symbolizeCollectiveKind(op->getName().stripDialect());
    Value given = op.getInput() ? Value(op.getInput()) : Value(op.getResult());
    Value got = op.getResult() ? Value(op.getResult()) : Value(op.getInput());
    rt::CollectiveOp::create(b, op.getLoc(), *kind, toAttr(given), toAttr(got), lm::getLeadingDim(whole),
                             lm::getRowBytes(whole) / sizeof(float), bounds, nodeEnds, nodeBounds, toDim,
                             static_cast<rt::SumOrder>(op.getSumOrder()), precision, *group, op.getOther(), algorithms,
                             sum, part, epilogue, begin, end, /*barrier=*/true, loopBegin, kernel::getSource(op),
                             Attribute(), op.getDeviceAxes().front().getAxis());
    return success();
  }

  /// Writes the tables of kernels, weights, states and groups in front of the plans.
  void finishTables() {
    OpBuilder b = OpBuilder::atBlockBegin(&model.getBody().front());
    if (tokenGroup)
      model.setTokenGroup(*tokenGroup);
    for (auto &[members, index] : groups)
      rt::GroupOp::create(b, model.getLoc(), cast<DenseI64ArrayAttr>(members));
    for (auto &[kernel, index] : kernels)
      rt::KernelOp::create(b, model.getLoc(), cast<FlatSymbolRefAttr>(kernel), rt::TilesAttr(), ArrayAttr(),
                           StringAttr(), DenseI64ArrayAttr());
    int64_t offset = 0;
    for (auto &[symbol, entry] : weights) {
      kernel::PackedWeightOp use = entry.second;
      auto weight = SymbolTable::lookupNearestSymbolFrom<lm::WeightOp>(use, use.getWeightAttr());
      auto type = cast<kernel::PackedType>(use.getType());
      lm::PartAttr part = weight.getPartOrWhole();
      int64_t layerBytes = llvm::alignTo(type.getBytes(), 64), layers = weight.getSlices();
      rt::WeightOp::create(
          b, weight.getLoc(), weight.getSymName(), weight.getSource(), offset, layerBytes, layers, weight.getFirst(),
          weight.getStep(), type.getWeight().getRows(), type.getWeight().getCols(), type.getStorageType(),
          type.getPanel(), type.getGroup(), type.getQuantization() ? type.getLayout().groupColumns() : 0,
          type.getQuantization() && type.getQuantization()->zeroPoints, weight.getTransposed(), part.getRow(),
          part.getColumn(), weight.getPartAttr() ? part.getRows() : 0, weight.getPartAttr() ? part.getColumns() : 0);
      offset += layerBytes * layers;
    }
    model.setPackBytes(offset);
    SmallVector<int64_t> pageTables = kernel::getPageTables(states);
    for (auto [i, state] : llvm::enumerate(states)) {
      StringRef element = state.isScaled() ? "int8" : state.getElement().isBF16() ? "bf16" : "f32";
      rt::StateOp::create(b, model.getLoc(), states.size() == 1 ? "kv" : "kv" + std::to_string(i), state.getLayers(),
                          kernel::PageLayout::tokens, kernel::PageLayout(state).bytes(), state.getWindow().value_or(0),
                          pageTables[i], element, kernel::PageLayout(state).cells());
    }
  }

  rt::ModelOp model;
  SmallVector<lm::StateType> states;
  OpBuilder tables{static_cast<MLIRContext *>(nullptr)};
  llvm::MapVector<Attribute, int64_t> kernels, groups;
  std::optional<int64_t> tokenGroup; ///< that shares tokens out
  llvm::MapVector<Attribute, std::pair<int64_t, kernel::PackedWeightOp>> weights;
  Hazards hazards{/*copies=*/false}, hazardsWithCopies{/*copies=*/true};
};
} // namespace
