//===- BuildProgramModel.cpp - Follows an overlap program -----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs the program of each rank on what is known of its values: numbers of index arithmetic,
// windows, counters, tokens. Tiles are but names here.
//
//===----------------------------------------------------------------------===//

#include "passes/Overlap/TileFollower.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/ScopeExit.h"

using namespace plait;
using namespace plait::overlap;

namespace {

class ModelBuilder : TileFollower {
public:
  ModelBuilder(ProgramOp program, int64_t epochs, UniformChoices &choices, bool reusesSlots)
      : TileFollower(program, epochs, reusesSlots), choices(choices) {}

  FailureOr<ProgramModel> run() {
    ProgramModel &model = recorder.model;
    if (model.ranks > kMaxRanks)
      return model.program.emitOpError("expected at most ")
             << kMaxRanks << " ranks to follow but got " << model.ranks << "; use a smaller mesh";
    Block &body = model.program.getBody().front();
    std::vector<std::optional<unsigned>> ends(size_t(model.ranks));
    for (epoch = 0; epoch < model.epochs; ++epoch) {
      auto &arguments = model.arguments.emplace_back();
      for (rank = 0; rank < model.ranks; ++rank) {
        known.clear();
        StepSequence stream(recorder, rank, epoch, ends[size_t(rank)]);
        auto &own = arguments.emplace_back();
        for (BlockArgument argument : body.getArguments()) {
          Known &item = known[argument];
          item.isUniform = model.program.isReplicated(argument.getArgNumber());
          if (!argument.getType().isIntOrIndex())
            item.tile = model.values++;
          own.push_back(item.tile.value_or(~0u));
        }
        if (failed(follow(body, stream)))
          return failure();
        ends[size_t(rank)] = stream.getFence();
      }
    }
    return std::move(model);
  }

private:
  using TileFollower::visit;

  LogicalResult follow(Block &block, StepSequence &at) {
    for (Operation &op : block) {
      if (++followed > kMaxFollowed)
        return op.emitOpError("expected at most ") << kMaxFollowed << " ops to follow; use shorter loops";
      if (failed(follow(op, at)))
        return failure();
      if (recorder.model.steps.size() > kMaxSteps)
        return op.emitOpError("expected at most ")
               << kMaxSteps << " steps of all ranks and epochs together; verify the program with fewer tiles";
    }
    return success();
  }

  // So that everything ends, whatever the IR says.
  static constexpr size_t kMaxSteps = 20000, kMaxChoices = 8;
  static constexpr int64_t kMaxRanks = 64, kMaxFollowed = 1000000;

  LogicalResult follow(Operation &op, StepSequence &at) {
    return llvm::TypeSwitch<Operation *, LogicalResult>(&op)
        .Case<AllocOp, TrackOp, ViewOp, RankOp, NumRanksOp, MergeOp, PutOp, ReduceAddOp, LoadOp, LoadReduceOp,
              PublishOp, PollOp, ClearOp, QuietOp, ArriveOp, WaitOp, RegionOp, TilesOp, TriggerOp, ReturnOp, scf::IfOp,
              scf::ForOp>([&](auto op) { return visit(op, at); })
        .Case<scf::YieldOp>([](auto) { return success(); })
        .Default([&](Operation *op) { return compute(op, at); });
  }

  //===--- Who ---===//

  LogicalResult visit(RegionOp op, StepSequence &at) {
    at.addFence(StepKind::fork, op);
    SmallVector<unsigned> ends;
    llvm::scope_exit restore([&, outer = inRegion] { inRegion = outer; });
    inRegion = &ends;
    if (failed(follow(op.getBody().front(), at)))
      return failure();
    at.addFence(StepKind::join, op, ends);
    return success();
  }

  /// Runs a body as a sequence of its own, which begins with the region.
  LogicalResult visit(TilesOp op, StepSequence &at) {
    int64_t tiles = op.countTiles(), workers = op.getPool().getCount();
    for (int64_t worker = 0; worker < std::min(tiles, workers); ++worker) {
      StepSequence own(recorder, rank, epoch, at.getFence());
      for (int64_t place = worker; place < tiles; place += workers) {
        for (auto [index, argument] : llvm::zip_equal(op.getTile(place, rank), op.getBody().getArguments()))
          setNumber(argument, index, /*isUniform=*/false);
        if (failed(follow(op.getBody().front(), own)))
          return failure();
      }
      llvm::append_range(*inRegion, own.getSteps());
    }
    return success();
  }

  LogicalResult visit(TriggerOp op, StepSequence &at) {
    ArrayRef<int64_t> extents = op.getCounter().getType().getExtents();
    int64_t count = recorder.countIndices(known[op.getCounter()].counter);
    for (int64_t index = 0; index < count; ++index) {
      SmallVector<int64_t> indices = getIndices(extents, index);
      if (!recorder.isOwner(known[op.getCounter()].counter, index, rank))
        continue;
      StepSequence own(recorder, rank, epoch, at.getFence());
      auto arguments = op.getBody().getArguments();
      for (auto [number, argument] : llvm::zip_equal(indices, arguments.drop_back()))
        setNumber(argument, number, /*isUniform=*/false);
      known[arguments.back()].waits = {addWait(op, known[op.getCounter()].counter, index, /*isRelaxed=*/false, own)};
      if (failed(follow(op.getBody().front(), own)))
        return failure();
      llvm::append_range(*inRegion, own.getSteps());
    }
    return success();
  }

  LogicalResult visit(ReturnOp op, StepSequence &at) {
    SmallVector<unsigned> values;
    for (Value value : op.getValues())
      values.push_back(*known[value].tile);
    at.addFence(StepKind::finish, op, {}, values);
    return success();
  }

  //===--- Control flow ---===//

  LogicalResult visit(scf::IfOp op, StepSequence &at) {
    const Known condition = known[op.getCondition()];
    if (!condition.number && !condition.isUniform)
      return reportDivergence(op);
    bool holds = condition.number ? !condition.number.getValue().isZero() : choices.choose(op.getCondition());
    if (choices.made.size() > kMaxChoices)
      return op.emitOpError("expected at most ") << kMaxChoices << " uniform conditions in a program";
    Region &region = holds ? op.getThenRegion() : op.getElseRegion();
    if (region.empty())
      return success();
    if (failed(follow(region.front(), at)))
      return failure();
    for (auto [result, yielded] : llvm::zip_equal(op.getResults(), region.front().getTerminator()->getOperands()))
      known[result] = Known(known[yielded]);
    return success();
  }

  LogicalResult visit(scf::ForOp op, StepSequence &at) {
    IntegerAttr begin = known[op.getLowerBound()].number, end = known[op.getUpperBound()].number,
                step = known[op.getStep()].number;
    if (!begin || !end || !step || step.getInt() <= 0)
      return op.emitOpError("expected bounds that follow from constants, the rank and indices");
    SmallVector<Known> carried;
    for (Value value : op.getInitArgs())
      carried.push_back(known[value]);
    for (int64_t i = begin.getInt(); i < end.getInt(); i += step.getInt()) {
      setNumber(op.getInductionVar(), i, /*isUniform=*/false);
      for (auto [argument, value] : llvm::zip_equal(op.getRegionIterArgs(), carried))
        known[argument] = value;
      if (failed(follow(*op.getBody(), at)))
        return failure();
      for (auto [value, yielded] : llvm::zip_equal(carried, op.getBody()->getTerminator()->getOperands()))
        value = known[yielded];
    }
    for (auto [result, value] : llvm::zip_equal(op.getResults(), carried))
      known[result] = value;
    return success();
  }

  /// What ranks run must not depend on what is theirs alone.
  LogicalResult reportDivergence(scf::IfOp op) {
    Operation *guarded = nullptr;
    op.walk([&](Operation *inner) {
      if (isa<RegionOp, ArriveOp, WaitOp, PutOp, ReduceAddOp, PublishOp, PollOp, ClearOp, TrackOp, AllocOp>(inner)) {
        guarded = inner;
        return WalkResult::interrupt();
      }
      return WalkResult::advance();
    });
    auto error = op.emitOpError("expected a condition on which all ranks agree, or that follows from the rank and "
                                "indices; ranks that choose differently wait for each other in vain");
    if (guarded)
      error.attachNote(guarded->getLoc()) << "as '" << guarded->getName() << "' depends on it";
    for (Value argument : recorder.model.program.getBody().getArguments())
      if (argument.getType().isIntOrIndex() && !known[argument].isUniform)
        error.attachNote(argument.getLoc())
            << "argument " << cast<BlockArgument>(argument).getArgNumber() << " may differ between ranks";
    return error;
  }

  UniformChoices &choices;
  SmallVector<unsigned> *inRegion = nullptr; ///< steps of the region's sequences
  int64_t followed = 0;
};

} // namespace

FailureOr<ProgramModel> plait::buildProgramModel(ProgramOp program, int64_t epochs, UniformChoices &choices,
                                                 bool reusesSlots) {
  return ModelBuilder(program, epochs, choices, reusesSlots).run();
}
