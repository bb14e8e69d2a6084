//===- HappensBefore.cpp - Which steps precede which in every run ---------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Overlap/Analyses.h"

using namespace plait;

HappensBefore::HappensBefore(const ProgramModel &model, ArrayRef<unsigned> order)
    : before(model.steps.size(), llvm::BitVector(unsigned(model.steps.size()))) {
  std::vector<SmallVector<unsigned>> releases(model.cells.size());
  std::vector<unsigned> published;
  for (unsigned number : order) {
    const Step &step = model.steps[number];
    llvm::BitVector &own = before[number];
    auto add = [&](unsigned other) {
      own |= before[other];
      own.set(other);
    };
    for (unsigned other : step.after)
      add(other);
    // A wait sees all arrivals of its epoch (verifyReuse: no other ones count in their place),
    // and what those release if it acquires.
    if (step.kind == StepKind::wait && !step.isRelaxed)
      for (unsigned other : releases[step.cells[0]])
        if (model.steps[other].epoch <= step.epoch)
          add(other);
    // A poll sees each element that it was for, and what was released by it (verifyReuse: no other ones are there).
    if (step.isPoll())
      for (unsigned other : published)
        if (model.steps[other].epoch == step.epoch && model.steps[other].access.overlaps(step.access))
          add(other);
    if (step.isPublish())
      published.push_back(number);
    if (step.kind == StepKind::arrive && !step.isRelaxed)
      for (unsigned cell : step.cells)
        releases[cell].push_back(number);
  }
}

FailureOr<ProvedProgram> plait::proveProgram(overlap::ProgramOp program, int64_t epochs, UniformChoices &choices,
                                             bool reusesSlots) {
  auto model = buildProgramModel(program, epochs, choices, reusesSlots);
  if (failed(model) || failed(verifyBalance(*model)))
    return failure();
  auto steps = proveProgress(*model);
  if (failed(steps))
    return failure();
  HappensBefore order(*model, *steps);
  if (failed(verifyReads(*model, order)) || failed(verifyReuse(*model, order)))
    return failure();
  return ProvedProgram{std::move(*model), std::move(order)};
}
