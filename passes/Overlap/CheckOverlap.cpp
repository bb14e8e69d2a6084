//===- CheckOverlap.cpp - Runs overlap programs in many orders ------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Overlap/ExploreOrders.h"
#include "passes/Overlap/Passes.h"
#include "passes/Overlap/ReferenceResults.h"

#include "mlir/IR/Remarks.h"
#include "llvm/Support/FormatVariadic.h"

namespace plait {
#define GEN_PASS_DEF_CHECKOVERLAPPASS
#include "passes/Overlap/Passes.h.inc"
} // namespace plait

using namespace plait;

namespace {
struct CheckOverlapPass : plait::impl::CheckOverlapPassBase<CheckOverlapPass> {
  using CheckOverlapPassBase::CheckOverlapPassBase;

  void runOnOperation() override {
    markAllAnalysesPreserved();
    if (epochs < 1 || epochs > 64 || schedules < 0 || maxStates < 1) {
      mlir::emitError(getOperation().getLoc(),
                      "expected 1 to 64 epochs, at least one state, and no negative number of schedules");
      return signalPassFailure();
    }
    for (auto program : getOperation().getOps<overlap::ProgramOp>())
      if (!program.getBody().empty() && failed(check(program)))
        return signalPassFailure();
  }

  /// What is held for each state must be small.
  LogicalResult verifySize(overlap::ProgramOp program) {
    constexpr int64_t most = 1 << 20;
    int64_t ranks = program.countRanks(), elements = 0;
    auto add = [&](ArrayRef<int64_t> shape, int64_t copies) {
      if (ShapedType::isDynamicShape(shape))
        return;
      for (int64_t extent : shape)
        if (llvm::MulOverflow(copies, extent, copies) || copies > most)
          copies = most + 1;
      elements = std::min(elements + copies, most + 1);
    };
    for (Type type : program.getArgumentTypes())
      if (SmallVector<int64_t> shape = lm::getShardableShape(type); !shape.empty())
        add(shape, ranks * epochs);
    program.walk([&](overlap::AllocOp op) {
      overlap::BufferType type = op.getResult().getType();
      add(type.getShape(), ranks * type.getSlots());
    });
    if (elements > most)
      return program.emitOpError("expected at most ")
             << most << " elements in arguments and buffers of all ranks and epochs; use smaller ones";
    return success();
  }

  LogicalResult check(overlap::ProgramOp program) {
    UniformChoices first;
    if (failed(verifySize(program)) || failed(buildProgramModel(program, epochs, first)))
      return failure();
    auto values = makeRunValues(program, epochs, uint64_t(seed));
    if (failed(values))
      return failure();
    UniformChoices choices;
    do {
      auto model = buildProgramModel(program, epochs, choices);
      if (failed(model))
        return failure();
      // What a table says at run time is what arrives.
      for (auto [number, cell] : llvm::enumerate(model->cells))
        if (cell.expected < 0)
          cell.expected = countArrivals(*model, unsigned(number));
      for (int64_t run = 0; run < schedules; ++run, ++numRuns)
        if (failed(runInRandomOrder(*model, *values, uint64_t(seed + run))))
          return failure();
      if (!exhaustive)
        continue;
      auto explored = exploreAllOrders(*model, *values, maxStates, reduce);
      if (failed(explored))
        return failure();
      numStates += explored->states;
      numRuns += explored->runs;
      remark::analysis(program.getLoc(), remark::RemarkOpts::name("Orders").category("plait-check-overlap"))
          << llvm::formatv("{0}: {1} states", program.getSymName(), explored->states).str();
    } while (choices.advance());
    return success();
  }

  static int64_t countArrivals(const ProgramModel &model, unsigned cell) {
    return llvm::count_if(model.steps, [&](const Step &step) {
      return step.kind == StepKind::arrive && step.epoch == 0 && llvm::is_contained(step.cells, cell);
    });
  }
};
} // namespace
