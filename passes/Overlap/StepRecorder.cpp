//===- StepRecorder.cpp - Writes down the steps of a program --------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Overlap/StepRecorder.h"

using namespace plait;
using namespace plait::overlap;

SmallVector<int64_t> plait::getIndices(ArrayRef<int64_t> extents, int64_t index) {
  SmallVector<int64_t> indices(extents.size());
  for (size_t d = extents.size(); d-- > 0; index /= extents[d])
    indices[d] = index % extents[d];
  return indices;
}

unsigned StepRecorder::nameBuffer(AllocOp op) {
  auto [name, isNew] = names.try_emplace(op, model.buffers.size());
  if (isNew)
    model.buffers.push_back(op);
  return name->second;
}

unsigned StepRecorder::nameCounter(TrackOp op) {
  auto [name, isNew] = names.try_emplace(op, counters.size());
  if (!isNew)
    return name->second;
  ArrayRef<int64_t> extents = op.getResult().getType().getExtents();
  int64_t count = ShapedType::getNumElements(extents);
  counters.push_back({int64_t(model.cells.size()), count});
  for (int64_t rank = 0; rank < model.ranks; ++rank)
    for (int64_t i = 0; i < count; ++i) {
      SmallVector<int64_t> index = getIndices(extents, i);
      int64_t expected = op.getExpected(index, model.ranks, rank).value_or(-1);
      model.cells.push_back({op, rank, std::move(index), expected});
    }
  return name->second;
}

bool StepRecorder::isOwner(unsigned counter, int64_t index, int64_t rank) const {
  CounterCell cell = model.cells[getCell(counter, index, rank)];
  return cell.op.isOwner(cell.index, model.ranks, rank);
}

void StepSequence::addOrder(Step &step) const {
  auto after = [&](std::optional<unsigned> other) {
    if (other)
      step.after.push_back(*other);
  };
  after(fence);
  for (unsigned value : step.uses)
    if (value < recorder.definedBy.size() && recorder.definedBy[value] != ~0u)
      step.after.push_back(recorder.definedBy[value]);
  switch (step.kind) {
  case StepKind::put:
  case StepKind::add:
    after(lastWait);
    for (unsigned other : accesses)
      if (step.access.overlaps(recorder.model.steps[other].access))
        step.after.push_back(other);
    if (step.isPublish()) {
      after(lastRelease);
      llvm::append_range(step.after, unreleased);
    }
    break;
  case StepKind::load: // and what its tokens say
    if (step.isPoll())
      after(lastWait);
    for (unsigned other : accesses)
      if (recorder.model.steps[other].isWrite() && step.access.overlaps(recorder.model.steps[other].access))
        step.after.push_back(other);
    break;
  case StepKind::wait:
    after(lastWait);
    break;
  case StepKind::quiet:
    after(lastWait);
    if (cast<QuietOp>(step.op).getCompletion() == Completion::written)
      llvm::append_range(step.after, outstanding);
    break;
  case StepKind::arrive:
    after(lastWait);
    if (!step.isRelaxed) {
      after(lastRelease);
      llvm::append_range(step.after, unreleased);
    }
    break;
  default:
    break;
  }
}

unsigned StepSequence::append(Step step) {
  auto number = unsigned(recorder.model.steps.size());
  for (unsigned value : step.defines) {
    recorder.definedBy.resize(std::max<size_t>(recorder.definedBy.size(), value + 1), ~0u);
    recorder.definedBy[value] = number;
  }
  recorder.model.steps.push_back(std::move(step));
  return number;
}

unsigned StepSequence::add(MutableArrayRef<Step> steps) {
  for (Step &step : steps)
    addOrder(step);
  auto first = unsigned(recorder.model.steps.size());
  for (Step &step : steps)
    note(append(std::move(step)));
  return first;
}

/// Those to come may have to come behind it.
void StepSequence::note(unsigned number) {
  const Step &added = recorder.model.steps[number];
  all.push_back(number);
  if (added.isAccess())
    accesses.push_back(number);
  if (added.kind == StepKind::wait || added.isPoll())
    lastWait = number;
  if (added.kind == StepKind::quiet && cast<QuietOp>(added.op).getCompletion() == Completion::written)
    outstanding.clear();
  if (added.isAsync)
    outstanding.push_back(number);
  else if (added.kind != StepKind::arrive)
    unreleased.push_back(number);
  if (added.kind == StepKind::arrive && !added.isRelaxed) {
    lastRelease = number;
    unreleased.clear();
  }
}

void StepSequence::addFence(StepKind kind, Operation *op, ArrayRef<unsigned> others, ArrayRef<unsigned> uses) {
  Step step = make(kind, op);
  llvm::append_range(step.uses, uses);
  if (fence)
    step.after.push_back(*fence);
  llvm::append_range(step.after, all);
  llvm::append_range(step.after, others);
  fence = append(std::move(step));
  lastWait = lastRelease = std::nullopt;
  for (auto *steps : {&all, &accesses, &unreleased, &outstanding})
    steps->clear();
}
