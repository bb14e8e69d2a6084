//===- PrintEvents.cpp - Prints the events of a rank's steps --------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Parallel/Meshes.h"
#include "passes/Parallel/Passes.h"

#include "plait/Cost/StepEvents.h"

#include "llvm/Support/FormatVariadic.h"

namespace plait {
#define GEN_PASS_DEF_PRINTEVENTSPASS
#include "passes/Parallel/Passes.h.inc"
} // namespace plait

using namespace plait;

namespace {

struct PrintEventsPass : plait::impl::PrintEventsPassBase<PrintEventsPass> {
  using PrintEventsPassBase::PrintEventsPassBase;

  void runOnOperation() override {
    markAllAnalysesPreserved();
    auto mesh = findMesh(getOperation(), "");
    if (failed(mesh))
      return signalPassFailure();
    if (!mesh->getRank()) {
      mesh->emitOpError("expected the program of a rank; 'plait-partition' makes it");
      return signalPassFailure();
    }
    timeline::Extents extents =
        past > 0 ? timeline::Extents::decode(double(tokens), double(past)) : timeline::Extents::prefill(double(tokens));
    for (decode::StepOp step : getOperation().getOps<decode::StepOp>()) {
      llvm::outs() << "@" << step.getSymName() << ", rank " << int64_t(*mesh->getRank()) << "\n";
      for (const timeline::Event &event : getStepEvents(step, *mesh, extents))
        print(event);
    }
  }

private:
  static void print(const timeline::Event &event) {
    std::string where = event.layer < 0 ? "" : llvm::formatv("layer {0}: ", event.layer).str();
    llvm::outs() << "  " << where << timeline::getName(event.kind) << " " << event.name << ": ";
    if (!isExchange(event.kind)) {
      const timeline::Work &work = event.work;
      llvm::outs() << llvm::formatv("{0} flops of {1}, {2} stored bytes, {3} activation bytes\n",
                                    event.share * work.flops.at(event.extents), work.element,
                                    event.share * work.storedBytes.at(event.extents),
                                    event.share * work.activationBytes.at(event.extents));
      return;
    }
    llvm::outs() << llvm::formatv("{0} bytes, ranks", event.share * event.bytes.at(event.extents));
    for (int rank : event.ranks)
      llvm::outs() << " " << rank;
    llvm::outs() << "\n";
  }
};

} // namespace
