//===- VerifyReuse.cpp - Who writes again has waited ----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Overlap/Analyses.h"

using namespace plait;

namespace {

class Reuse {
public:
  Reuse(const ProgramModel &model, const HappensBefore &order) : model(model), order(order) {}

  /// Of two accesses one of which writes, among all of a place.
  LogicalResult verify(unsigned first, unsigned second, ArrayRef<unsigned> place) const {
    const Step &a = model.steps[first], &b = model.steps[second];
    if (a.kind == StepKind::add && b.kind == StepKind::add)
      return a.epoch < b.epoch ? verifyReset(first, second, place) : success();
    if (a.isPublish() && b.isPoll())
      return verifyCleared(first, second, place);
    if (a.epoch == b.epoch) {
      if (order.areOrdered(first, second) && !(a.isPublish() && b.isPublish()))
        return success();
      auto error = a.op->emitOpError("and another store write the same elements of rank ")
                   << a.access.rank << " in no order (" << model.describe(a) << ")";
      error.attachNote(b.op->getLoc()) << "the other one, of " << model.describe(b);
      return error;
    }
    if (order.isBefore(first, second))
      return success();
    int64_t slots = model.getBufferType(a.access.buffer).getSlots();
    auto error = b.op->emitOpError(b.isWrite() ? "writes" : "reads")
                 << " slot " << b.access.slot << " of rank " << b.access.rank << " again (" << model.describe(b)
                 << ") without knowing that it has been " << (a.isWrite() ? "written" : "read") << " ("
                 << model.describe(a) << ")";
    error.attachNote(a.op->getLoc()) << "is " << (a.isWrite() ? "written" : "read") << " here";
    error.attachNote(model.getBuffer(a).getLoc())
        << "of " << slots << (slots == 1 ? " slot" : " slots") << "; more slots, or a wait, give time";
    return error;
  }

  /// Arrivals of an epoch have all come before one of the next: else that one would count in
  /// the place of another.
  LogicalResult verifyCounters() const {
    std::vector<SmallVector<unsigned>> arrivals(model.cells.size());
    for (auto [number, step] : llvm::enumerate(model.steps))
      if (step.kind == StepKind::arrive)
        for (unsigned cell : step.cells)
          arrivals[cell].push_back(unsigned(number));
    for (auto [cell, all] : llvm::enumerate(arrivals))
      for (unsigned first : all)
        for (unsigned second : all) {
          const Step &a = model.steps[first], &b = model.steps[second];
          if (a.epoch + 1 != b.epoch || order.isBefore(first, second))
            continue;
          auto error = b.op->emitOpError("may count in the place of an arrival of the epoch before, at index ")
                       << model.describe(unsigned(cell)) << " (" << model.describe(b) << ")";
          error.attachNote(a.op->getLoc()) << "which is this one, of " << model.describe(a);
          error.attachNote(model.getCounter(unsigned(cell)).getLoc())
              << "counter is here; one for each who arrives, or a wait, tells them apart";
          return error;
        }
    return success();
  }

private:
  /// Sums begin with zero.
  LogicalResult verifyReset(unsigned first, unsigned second, ArrayRef<unsigned> place) const {
    const Step &a = model.steps[first], &b = model.steps[second];
    for (unsigned other : place)
      if (const Step &step = model.steps[other]; step.kind == StepKind::put && step.access.contains(b.access) &&
                                                 order.isBefore(first, other) && order.isBefore(other, second))
        return success();
    auto error = b.op->emitOpError("adds to what an epoch before has left in slot ")
                 << b.access.slot << " of rank " << b.access.rank << " (" << model.describe(b)
                 << "); expected a put of zeros in between";
    error.attachNote(a.op->getLoc()) << "is added here, by " << model.describe(a);
    return error;
  }

  /// A poll does not see what an epoch before has left.
  LogicalResult verifyCleared(unsigned first, unsigned second, ArrayRef<unsigned> place) const {
    const Step &a = model.steps[first], &b = model.steps[second];
    for (unsigned other : place)
      if (const Step &step = model.steps[other]; step.isClear() && step.access.contains(b.access) &&
                                                 order.isBefore(first, other) && order.isBefore(other, second))
        return success();
    auto error = b.op->emitOpError("sees what an epoch before has left in slot ")
                 << b.access.slot << " of rank " << b.access.rank << " (" << model.describe(b)
                 << "); expected an 'overlap.clear' of all of it in between";
    error.attachNote(a.op->getLoc()) << "is published here, by " << model.describe(a);
    return error;
  }

  const ProgramModel &model;
  const HappensBefore &order;
};

} // namespace

LogicalResult plait::verifyReuse(const ProgramModel &model, const HappensBefore &order) {
  Reuse reuse(model, order);
  std::map<std::tuple<unsigned, int64_t, int64_t>, SmallVector<unsigned>> places;
  for (auto [number, step] : llvm::enumerate(model.steps))
    if (step.isAccess())
      places[{step.access.buffer, step.access.rank, step.access.slot}].push_back(unsigned(number));
  for (auto &[place, accesses] : places)
    for (unsigned first : accesses)
      for (unsigned second : accesses) {
        const Step &a = model.steps[first], &b = model.steps[second];
        bool isPair = a.epoch < b.epoch || (a.epoch == b.epoch && first < second && a.isWrite() && b.isWrite());
        if (isPair && (a.isWrite() || b.isWrite()) && a.access.overlaps(b.access) &&
            failed(reuse.verify(first, second, accesses)))
          return failure();
      }
  return reuse.verifyCounters();
}
