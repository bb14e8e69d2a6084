//===- AllocateSlots.cpp - How many copies of buffers epochs take ---------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What happens before what does not depend on slots, but for a worker that clears the slot that its own epoch is on,
// which is not counted on. And the rule of reuse looks at each buffer by itself. So the program is followed once, with
// a slot for each epoch, and then each buffer by itself gets fewer.
//
//===----------------------------------------------------------------------===//

#include "passes/Overlap/Analyses.h"
#include "passes/Overlap/Passes.h"

#include "mlir/IR/Remarks.h"

namespace plait {
#define GEN_PASS_DEF_ALLOCATESLOTSPASS
#include "passes/Overlap/Passes.h.inc"
} // namespace plait

using namespace plait;

namespace {
struct AllocateSlotsPass : plait::impl::AllocateSlotsPassBase<AllocateSlotsPass> {
  using AllocateSlotsPassBase::AllocateSlotsPassBase;

  void runOnOperation() override {
    if (most < 1 || most > 64) {
      mlir::emitError(getOperation().getLoc(), "expected at most 1 to 64 slots but got most=") << int64_t(most);
      return signalPassFailure();
    }
    for (auto program : getOperation().getOps<overlap::ProgramOp>())
      if (!program.getBody().empty() && failed(allocate(program)))
        return signalPassFailure();
  }

private:
  LogicalResult allocate(overlap::ProgramOp program) {
    llvm::MapVector<Operation *, int64_t> needed;
    UniformChoices choices;
    do {
      // What no number of slots helps against.
      auto proved = proveProgram(program, most + 1, choices, /*reusesSlots=*/false);
      if (failed(proved))
        return failure();
      ProgramModel &model = proved->model;
      for (unsigned buffer = 0; buffer < model.buffers.size(); ++buffer) {
        auto slots = findLeast(model, proved->order, buffer);
        if (failed(slots))
          return failure();
        int64_t &own = needed[model.buffers[buffer]];
        own = std::max(own, *slots);
      }
    } while (choices.advance());
    int64_t before = 0, after = 0;
    for (auto [op, slots] : needed) {
      auto alloc = cast<overlap::AllocOp>(op);
      overlap::BufferType type = alloc.getResult().getType();
      before += type.getSlots();
      after += slots;
      if (type.getSlots() == slots)
        continue;
      alloc.getResult().setType(overlap::BufferType::get(type.getContext(), type.getShape(), type.getElementType(),
                                                         type.getMesh(), type.getAxis(), slots));
      ++numChanged;
    }
    remark::analysis(program.getLoc(), remark::RemarkOpts::name("Slots").category("plait-allocate-slots"))
        << ("@" + program.getSymName() + ": " + Twine(needed.size()) + " buffers take " + Twine(after) +
            " slots together, and had " + Twine(before))
               .str();
    return success();
  }

  /// 0: one for each epoch.
  static void setSlots(ProgramModel &model, unsigned buffer, int64_t slots) {
    for (Step &step : model.steps)
      if (step.isAccess() && step.access.buffer == buffer) {
        int64_t epoch = step.epoch + step.ahead;
        step.access.slot = slots ? epoch % slots : epoch;
      }
  }

  /// The least number of slots with which nothing of `buffer` is used too early; others have one for each epoch.
  FailureOr<int64_t> findLeast(ProgramModel &model, const HappensBefore &order, unsigned buffer) {
    for (int64_t slots = 1; slots <= most; ++slots) {
      setSlots(model, buffer, slots);
      ScopedDiagnosticHandler quiet(&getContext(), [](Diagnostic &) {});
      if (succeeded(verifyReuse(model, order))) {
        setSlots(model, buffer, 0);
        return slots;
      }
    }
    auto error = model.buffers[buffer].emitOpError("expected a buffer that ")
                 << int64_t(most) << " slots are enough for; nothing tells who writes again that it has been read";
    error.attachNote(model.program.getLoc()) << "in this program";
    return error;
  }
};
} // namespace
