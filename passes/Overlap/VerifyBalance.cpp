//===- VerifyBalance.cpp - As many arrive as are expected -----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Overlap/Analyses.h"

using namespace plait;

LogicalResult plait::verifyBalance(ProgramModel &model) {
  std::vector<int64_t> arrived(model.cells.size(), 0);
  std::vector<SmallVector<const Step *>> from(model.cells.size());
  std::vector<const Step *> waits(model.cells.size(), nullptr);
  for (const Step &step : model.steps) {
    if (step.epoch != 0)
      continue;
    for (unsigned cell : step.cells) {
      if (step.kind == StepKind::wait && !waits[cell])
        waits[cell] = &step;
      if (step.kind != StepKind::arrive)
        continue;
      ++arrived[cell];
      from[cell].push_back(&step);
    }
  }
  DenseSet<Operation *> warned;
  for (auto [number, cell] : llvm::enumerate(model.cells)) {
    if (cell.expected < 0) {
      if (cell.op.getTable() && warned.insert(cell.op).second)
        cell.op.emitWarning("expects as many arrivals as a table says at run time; that there are so many is not "
                            "proved");
      cell.expected = arrived[number];
    }
    if (arrived[number] == cell.expected)
      continue;
    Operation *site = waits[number] ? waits[number]->op : cell.op.getOperation();
    auto error = site->emitOpError("expected ") << cell.expected << " arrivals in an epoch at index "
                                                << model.describe(unsigned(number)) << " but got " << arrived[number];
    if (waits[number])
      error.attachNote(cell.op.getLoc()) << "counter is here";
    DenseSet<Operation *> seen;
    for (const Step *step : from[number])
      if (seen.insert(step->op).second)
        error.attachNote(step->op->getLoc())
            << llvm::count_if(from[number], [&](const Step *other) { return other->op == step->op; })
            << " arrive here, the first of rank " << step->rank;
    return error;
  }
  return success();
}
